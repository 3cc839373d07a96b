"""What is lost when a part of the input is hidden: windows, or segments, one at a time."""

from __future__ import annotations

import itertools
from typing import Any, Iterator, Sequence, Union

import numpy as np

from ..engine.chunks import AUTO, BatchSize, check_batch_size
from ..errors import MethodError
from . import baselines
from . import segments as cutting
from .baselines import Baseline, Curtain, positions_of
from .perturbing import perturbation
from .register import Result
from .segments import Segments
from .superpixels import spread
from .view import View

VALUES = ("drop", "score")

Lengths = Union[None, int, Sequence[int]]
"""A number for all axes of positions, or one for each."""


def _check_occlusion(
    shape: Sequence[int],
    *,
    window: Lengths,
    stride: Lengths,
    values: str,
    baseline: Baseline,
    batch_size: BatchSize,
    progress: bool,
) -> None:
    _sizes(positions_of(shape), window, stride)
    if values not in VALUES:
        raise MethodError(f"there are no values {values!r}; there are {', '.join(VALUES)}")
    baselines.check(baseline, shape, inpaint=True)
    check_batch_size(batch_size)


@perturbation(
    paper="Zeiler & Fergus 2014, arXiv:1311.2901",
    cost="1 forward, and 1 for each window",
    check=_check_occlusion,
)
def occlusion(
    run: View,
    *,
    window: Lengths = None,
    stride: Lengths = None,
    baseline: Baseline = "zero",
    values: str = "drop",
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> list[Result]:
    """Occlusion: how much the score drops when a window over the input is hidden.

        R_p = mean over the windows w that cover p of S(x) - S(x with w hidden)

    Zeiler & Fergus 2014, arXiv:1311.2901, section 4.2. The windows start at every `stride`; those
    that reach over the border are clipped.

    Args:
        window: the side of the windows, or (height, width); an eighth of the input by default.
        stride: from one window to the next; half a window by default.
        values: "drop", or "score" for the probability of the class that is left, as many published
            maps show it: low where it matters.

    Returns:
        An Explanation whose values are (N, H, W): drops, positive where the target needs the input.

    Raises:
        MethodError: a window or stride that does not fit, no such baseline.
        InputError: a baseline of another shape.
        TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.occlusion(net, mx.nd.ones((1, 3, 64, 64)), window=32, stride=32).values.shape
        (1, 64, 64)
    """
    x, curtain = run.x, Curtain(run.x, baseline)
    positions = positions_of(x.shape)
    boxes = [
        tuple(one)
        for one in itertools.product(
            *(_windows(*one) for one in zip(positions, *_sizes(positions, window, stride)))
        )
    ]

    def hidden() -> Iterator[Any]:
        for box in boxes:
            yield [curtain.hides(sample, box) for sample in range(len(x))]

    is_drop = values == "drop"
    targets = run.scores
    sums, counts = np.zeros((targets.shape[1], len(x), *positions)), np.zeros(positions)
    for box, scores in zip(
        boxes,
        run.perturbed(
            hidden(),
            batch_size=batch_size,
            progress=progress,
            total=len(boxes),
            what="occlusion",
            probability=not is_drop,
        ),
    ):
        found = (targets - scores if is_drop else scores).T
        inside: Any = (..., *box)
        sums[inside] += found.reshape(*found.shape, *[1] * len(box))
        counts[box] += 1
    return [Result(one / counts, {}, signed=is_drop) for one in sums]


def _windows(size: int, window: int, stride: int) -> list[slice]:
    """Along one axis: the last one is the first that reaches the border."""
    last = -(-(size - window) // stride)
    return [
        slice(start, min(start + window, size)) for start in range(0, last * stride + 1, stride)
    ]


def _sizes(
    positions: Sequence[int], window: Lengths, stride: Lengths
) -> tuple[list[int], list[int]]:
    """The window's and the stride's length along each axis."""
    windows = _lengths("window", window, positions, [max(1, size // 8) for size in positions])
    strides = _lengths("stride", stride, positions, [max(1, one // 2) for one in windows])
    for size, one, step in zip(positions, windows, strides):
        if one > size:
            raise MethodError(
                f"the window {windows} is larger than the input, whose positions are "
                f"{tuple(positions)}"
            )
        if step > one:
            raise MethodError(
                f"the stride {strides} is larger than the window {windows}, so no "
                "window would cover what lies between two of them"
            )
    return windows, strides


def _lengths(name: str, given: Lengths, positions: Sequence[int], default: list[int]) -> list[int]:
    if given is None:
        return default
    lengths: list[Any] = (
        list(given) if isinstance(given, (list, tuple)) else [given] * len(positions)
    )
    if len(lengths) != len(positions) or not all(
        isinstance(one, (int, np.integer)) and one >= 1 for one in lengths
    ):
        raise MethodError(
            f"{name} is {given!r}; expected a whole number of 1 or more, or one for "
            f"each of the axes {tuple(positions)}"
        )
    return [int(one) for one in lengths]


def _check_ablation(
    shape: Sequence[int],
    *,
    segments: Segments,
    num_segments: int,
    baseline: Baseline,
    batch_size: BatchSize,
    progress: bool,
) -> None:
    cutting.check(segments, num_segments, shape)
    baselines.check(baseline, shape, inpaint=True)
    check_batch_size(batch_size)


@perturbation(
    paper="Zeiler & Fergus 2014, arXiv:1311.2901",
    cost="1 forward, and 1 for each segment",
    check=_check_ablation,
)
def feature_ablation(
    run: View,
    *,
    segments: Segments = None,
    num_segments: int = 50,
    baseline: Baseline = "zero",
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> list[Result]:
    """Feature ablation: how much the score drops when a segment of the input is hidden.

        R_p = S(x) - S(x with the segment of p hidden)

    As occlusion (Zeiler & Fergus 2014, arXiv:1311.2901, section 4.2), with parts that follow the
    picture in place of windows.

    Returns:
        An Explanation whose values are the drops (N, H, W); `details["segments"]` are those of each
        sample, `details["segment_values"]` their drops (N, S), NaN where a sample has fewer.

    Raises:
        MethodError: no such segments or baseline.
        InputError: segments or a baseline of another shape, a picture without superpixels.
        TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.feature_ablation(net, mx.nd.ones((1, 3, 64, 64)), segments="grid",
        ...                     num_segments=4).details["segment_values"].shape
        (1, 4)
    """
    cut = cutting.segments_of(run.x, segments, num_segments)
    curtain, counts = Curtain(run.x, baseline), [int(one.max()) + 1 for one in cut]

    def hidden() -> Iterator[Any]:
        for segment in range(max(counts)):
            yield [
                curtain.shows(sample, cut[sample] != segment) if segment < count else None
                for sample, count in enumerate(counts)
            ]

    scores = np.stack(
        list(
            run.perturbed(
                hidden(),
                batch_size=batch_size,
                progress=progress,
                total=max(counts),
                what="feature ablation",
            )
        ),
        axis=-1,
    )
    drops = (run.scores[..., None] - scores).transpose(1, 0, 2)
    return [
        Result(spread(one, cut), {"segments": cut, "segment_values": one}, signed=True)
        for one in drops
    ]
