"""What ready-made targets ask of class ids, arrays and outputs."""

from __future__ import annotations

from typing import Any, Sequence, Union

import numpy as np

from .._mxnet import mx
from ..errors import Advice, NetworkError, TargetError
from ..graph.outputs import holds_classes
from ..support.arrays import flat, is_whole, like, numbers_of

ClassIds = Union[int, str, Sequence[Union[int, str]]]
"""A class id, or one for each sample; names of classes stand for their ids in calls that explain a
net."""


def is_array(target: Any) -> bool:
    """Whether it is an array of numpy or of MXNet."""
    return isinstance(target, (np.ndarray, mx.nd.NDArray))


def holds_name(ids: Any) -> bool:
    """Whether it is the name of a class, or a sequence that holds one."""
    if isinstance(ids, np.ndarray):
        return ids.dtype.kind == "U"
    return isinstance(ids, str) or (isinstance(ids, (list, tuple)) and any(map(holds_name, ids)))


def check_has_classes(shape: Sequence[int]) -> None:
    """Refuse an output of which a class id does not name one score.

    Raises:
        TargetError: it is such an output.
    """
    if not holds_classes(shape):
        raise TargetError(
            f"the net's output has shape {tuple(shape)}, so a class id does not name one score of "
            "each sample",
            advice=Advice.EXPLAIN_SCALARS,
        )


def check_has_samples(
    said: str, shape: Sequence[int], axis: int | None, samples: int, of: Sequence[int]
) -> None:
    """Refuse an output whose axis 0 does not hold the samples.

    Args:
        said: what the target is called.
        shape: of the output.
        axis: that holds the samples; None if none does.
        samples: how many there are.
        of: the shape of the input.

    Raises:
        TargetError: it is such an output.
    """
    if axis == 0:
        return
    others = [f"axis_{place}=0" for place in range(len(shape)) if place != axis]
    index = ", ".join(":" if place == axis else "0" for place in range(len(shape)))
    function = f"lambda y: y[{index}]"
    example = f"gm.targets.Select({', '.join(others)}) for output[{index}]"
    if axis is None:
        names = "".join(f" axis_{place}" for place in range(1, len(shape)))
        positions = "".join(f", {name}=0" for name in names.split())
        function = "def target(y): ..."
        example = (
            f'gm.targets.Select("(part n){names}", part=0{positions}) where part after part holds '
            f'all samples, "(n part){names}" where sample after sample holds all parts'
        )
    raise TargetError(
        f"the output has shape {tuple(shape)}, and its axis 0 is not that of the {samples} "
        f"sample{'s' if samples != 1 else ''} of the input {tuple(of)}, so {said} does not say "
        f"which scalar of each sample is explained. Say it: {example}; or a function from the "
        f"whole output to {samples} scalar{'s' if samples != 1 else ''}, {function}"
    )


def check_finite(output: Any, axis: int | None = 0) -> None:
    """Refuse an output that holds NaN.

    Args:
        output: it.
        axis: that holds the samples; None if none does.

    Raises:
        NetworkError: it does; the message names the first such sample.
    """
    numbers = output.asnumpy()
    if not np.isnan(numbers).any():
        return
    where = ""
    if axis is not None:
        rows = np.moveaxis(np.isnan(numbers), axis, 0).reshape(numbers.shape[axis], -1)
        where = f" for sample {int(np.argmax(rows.any(axis=1)))}"
    raise NetworkError(
        f"the net's output is NaN{where}: its parameters hold NaN, or the input is far out of its "
        "usual range"
    )


def each(ids: Any, samples: int) -> list[int]:
    """Class ids, one a sample.

    Raises:
        TargetError: they are no whole numbers, or not as many.
    """
    if is_whole(ids):
        return [int(ids)] * samples
    given = numbers_of(ids)
    if given.dtype.kind not in "iu" or given.shape != (samples,):
        raise TargetError(f"expected {samples} class ids, one a sample; got {ids!r}")
    return [int(one) for one in given]


def checked(ids: Sequence[int], classes: int) -> list[int]:
    """Class ids that a net with so many classes has.

    Raises:
        TargetError: one is no whole number or out of range.
    """
    for one in ids:
        if not is_whole(one):
            raise TargetError(f"a class id is a whole number; got {one!r}")
        if not 0 <= one < classes:
            raise TargetError(
                f"class id {one} is out of range: the net has {classes} classes, 0 to {classes - 1}"
            )
    return [int(one) for one in ids]


def picked(output: Any, ids: ClassIds) -> Any:
    """y[n, c_n] of an output (N, K) or (N, K, 1, 1)."""
    check_has_classes(output.shape)
    chosen = np.array(checked(each(ids, len(output)), output.shape[1]))
    return mx.nd.pick(flat(output), like(chosen, output), axis=1)


def fitting(array: Any, shape: Sequence[int], what: str) -> np.ndarray:
    """The numbers of an array that is shaped like the output, or like one sample's.

    Raises:
        TargetError: it has another shape, or holds NaN or infinity.
    """
    numbers = numbers_of(array).astype(np.float64)
    if numbers.shape not in (tuple(shape), tuple(shape[1:])):
        raise TargetError(
            f"{what} has shape {numbers.shape}; expected the output's, "
            f"{tuple(shape)}, or one sample's, {tuple(shape[1:])}"
        )
    if not np.isfinite(numbers).all():
        raise TargetError(f"{what} holds NaN or infinity")
    return np.broadcast_to(numbers, shape)
