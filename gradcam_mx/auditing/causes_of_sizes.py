"""Suppositions of how many positions there are: strides, dilation, resizing."""

from __future__ import annotations

from typing import Iterator

from ..graph.kinds import Kind
from .causes import At, supposition
from .edit import Edit, merged

_RESIZING = "_contrib_BilinearResize2D"


@supposition("sizes")
def stride_elsewhere(at: At) -> Iterator[Edit]:
    """The stride is in the next convolution or in this one, as in two variants of ResNet-50."""
    next_one = _next_convolution(at)
    if at.known.kind is not Kind.CONVOLUTION or next_one is None:
        return
    own, other = _stride(at), _stride(next_one)
    if (max(own) > 1) == (max(other) > 1) or len(own) != len(other):
        return
    said = "the stride in the next convolution" if max(own) > 1 else "the next convolution's stride"
    yield merged(
        [
            at.with_attributes(said, stride=str(other)),
            next_one.with_attributes(said, stride=str(own)),
        ]
    )


@supposition("sizes")
def dilation(at: At) -> Iterator[Edit]:
    """There are no gaps."""
    gaps = at.attributes.numbers("dilate")
    if at.known.kind is not Kind.CONVOLUTION or not gaps or max(gaps) == 1:
        return
    none, half = (1,) * len(gaps), tuple(side // 2 for side in at.attributes.numbers("kernel"))
    yield at.with_attributes("no dilation", dilate=str(none), pad=str(half))
    yield at.with_attributes("no dilation, with the same padding", dilate=str(none))


@supposition("sizes")
def resizing(at: At) -> Iterator[Edit]:
    """Corners lie on corners, or half a position inside; or it is done the other way."""
    if at.op == _RESIZING:
        is_aligned = at.attributes.flag("align_corners", True)
        said = "half_pixel" if is_aligned else "align_corners"
        yield at.with_attributes(f"linear resizing by {said}", align_corners=str(not is_aligned))
    if at.op == "UpSampling" and at.attributes.text("sample_type", "nearest") == "nearest":
        scale = repr(at.attributes.number("scale", 1.0))
        for said, is_aligned in (("half_pixel", False), ("align_corners", True)):
            yield at.replaced(
                f"linear resizing by {said} in place of the nearest",
                _RESIZING,
                scale_height=scale,
                scale_width=scale,
                align_corners=str(is_aligned),
            )


def _stride(at: At) -> tuple[float, ...]:
    return tuple(at.attributes.numbers("stride")) or (1,) * len(at.attributes.numbers("kernel"))


def _next_convolution(at: At) -> At | None:
    """The first convolution that reads what is made here, over operators of one input."""
    current = at.index
    for index in at.net.behind(at.index):
        node = at.net.nodes[index]
        if node["inputs"][0][0] != current:
            continue
        found = At(at.net, index)
        if found.known.kind is Kind.CONVOLUTION:
            return found
        current = index
    return None
