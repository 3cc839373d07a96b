"""The target of outputs that hold more than one row of scores for each sample."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Mapping, Sequence, Tuple

import numpy as np

from .._mxnet import mx
from ..errors import TargetError
from ..graph.outputs import Link
from ..support.arrays import is_whole, numbers_of
from .protocol import BaseTarget, Known, Scalars

Axes = Sequence[Tuple[str, ...]]
"""For each axis of the output its name; of one in which two were folded, both, the slower first."""

SAMPLES = "n"


@dataclass(frozen=True, init=False)
class Select(BaseTarget):
    """One value of each sample, by its positions along the axes of an output: y[3, :, 5].

    For outputs that hold several rows of scores for each sample, or hold the samples elsewhere
    than at axis 0. Positions count from 0; negative ones from the end. The axis without a position
    holds the samples:

        (T, N, K), time first      Select(axis_0=3, axis_2=5)                 y[3, :, 5]

    With names for the axes, n for the samples, parentheses tell what two were folded into one, the
    slower of them first:

        (T, N, K), time first      Select("t n k", t=3, k=5)                  y[3, :, 5]
        (4 N, K), digit by digit   Select("(digit n) k", digit=2, k=5)        y[2 N : 3 N, 5]
        (N V, K), frame by frame   Select("(n frame) k", frame=2, k=5)        y[2 :: V, 5]

    Args:
        axes: the names of the output's axes, of which one is n; by default axis_0, axis_1, …
        positions: along each of the axes but n: a number, or one for each sample.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> y = mx.nd.arange(24).reshape((4, 2, 3))
        >>> gm.targets.Select(axis_0=3, axis_2=1)(y).asnumpy()
        array([19., 22.], dtype=float32)
        >>> gm.targets.Select("t n k", t=[3, 0], k=1)(y).asnumpy()
        array([19.,  4.], dtype=float32)
    """

    axes: str | None
    positions: Mapping[str, Any]

    needs_samples = False
    takes_rows = True

    def __init__(self, axes: str | None = None, /, **positions: Any) -> None:
        object.__setattr__(self, "axes", axes)
        object.__setattr__(self, "positions", positions)
        if axes is None:
            if not positions or not all(re.fullmatch(r"axis_\d+", name) for name in positions):
                raise TargetError(
                    f"{self.name} does not say which value: expected Select(axis_0=3, axis_2=5) "
                    'for output[3, :, 5], or names of the axes, Select("t n k", t=3, k=5)'
                )
        else:
            self._check(_parsed(axes))
        for name, one in positions.items():
            numbers = numbers_of(one)
            if not is_whole(one) and (numbers.ndim != 1 or numbers.dtype.kind not in "iu"):
                raise TargetError(
                    f"the position {name}={one!r} is neither a whole number nor one for each sample"
                )

    def _check(self, axes: Axes) -> None:
        names = [name for axis in axes for name in axis]
        wanted = set(names) - {SAMPLES}
        if len(set(names)) < len(names) or SAMPLES not in names:
            raise TargetError(
                f"the axes {self.axes!r} name no samples, or one thing twice: expected names such "
                'as "t n k" or "(digit n) k", of which one is n, the samples'
            )
        if any((len(axis) > 1 and SAMPLES not in axis) or len(axis) > 2 for axis in axes):
            raise TargetError(
                f"the axes {self.axes!r} fold what cannot be told apart by the number of samples; "
                "in parentheses there are n and one other name"
            )
        if wanted != set(self.positions):
            raise TargetError(
                f"the axes {self.axes!r} take a position for each of {sorted(wanted)}; got "
                f"{sorted(self.positions)}"
            )

    @property
    def name(self) -> str:
        """As it is written."""
        given = [] if self.axes is None else [repr(self.axes)]
        return f"Select({', '.join([*given, *(f'{a}={p!r}' for a, p in self.positions.items())])})"

    def __call__(self, output: Any, rows: np.ndarray | None = None) -> Any:
        """The value of each sample.

        Args:
            output: an NDArray.
            rows: which sample each row of the net's input is of; by default as many samples as the
                output has at axis n.
        """
        axes, shape = self._named(output.shape), output.shape
        if rows is None:
            alone = [size for axis, size in zip(axes, shape) if axis == (SAMPLES,)]
            if not alone:
                raise TargetError(
                    f"{self.name} alone does not know how many samples the output {shape} is of; "
                    "explain a net by it, gm.saliency(net, x, target)"
                )
            rows = np.arange(alone[0])
        sizes = self._sizes(axes, shape, len(rows))
        index = [self._index(name, size, rows) for name, size in sizes]
        places = np.ravel_multi_index(
            [np.broadcast_to(one, len(rows)) for one in index], [size for _, size in sizes]
        )
        # taken by number: the slice of a convolution's output ends the process (measured)
        chosen = mx.nd.array(places, ctx=output.context, dtype="int64")
        return mx.nd.take(output.reshape((-1,)), chosen)

    def scalars(self, values: Sequence[Any], known: Known) -> Scalars:
        """The target for the values of one run; see `BaseTarget.scalars`.

        Args:
            values: what it reads.
            known: what is known of these.
        """
        made = super().scalars(values, known)
        axes = self._named(values[0].shape)
        if known.probability and known.links[0] is None and axes[0] != (SAMPLES,):
            made = made._replace(links=[Link("softmax", -1)])
        return made._replace(function=lambda output: self(output, known.rows))

    def _named(self, shape: Sequence[int]) -> Axes:
        """The names of the axes of an output."""
        if self.axes is not None:
            axes = _parsed(self.axes)
        else:
            names = [f"axis_{axis}" for axis in range(len(shape))]
            axes = [(name if name in self.positions else SAMPLES,) for name in names]
            if len(set(self.positions) - set(names)) or axes.count((SAMPLES,)) != 1:
                raise TargetError(
                    f"{self.name} does not fit an output of shape {tuple(shape)}: expected "
                    "positions along all of its axes but the one that holds the samples"
                )
        if len(axes) != len(shape):
            raise TargetError(
                f"{self.name} names {len(axes)} axes; the output has shape {tuple(shape)}"
            )
        return axes

    def _sizes(self, axes: Axes, shape: Sequence[int], samples: int) -> list[tuple[str, int]]:
        """Each of the names, unfolded, and how long its axis is."""
        found: list[tuple[str, int]] = []
        for place, (axis, size) in enumerate(zip(axes, shape)):
            is_whole_number = size == samples if axis == (SAMPLES,) else size % samples == 0
            if SAMPLES in axis and not is_whole_number:
                raise TargetError(
                    f"{self.name} takes axis {place} of the output {tuple(shape)} for that of the "
                    f"samples, of which the input holds {samples}"
                )
            folded = len(axis) > 1
            found += [
                (name, samples if name == SAMPLES else size // samples if folded else size)
                for name in axis
            ]
        return found

    def _index(self, name: str, size: int, rows: np.ndarray) -> Any:
        """The positions along one axis, for each row."""
        if name == SAMPLES:
            return np.arange(len(rows))
        given = numbers_of(self.positions[name])
        if given.ndim and len(given) <= rows.max():
            raise TargetError(
                f"{self.name} has {len(given)} positions {name}; expected one, or one for each "
                f"of {rows.max() + 1} samples"
            )
        index = given[rows] if given.ndim else given
        if (index < -size).any() or (index >= size).any():
            raise TargetError(
                f"{self.name} is out of range: there are {size} positions {name}, 0 to {size - 1}"
            )
        return index % size


def _parsed(axes: Any) -> Axes:
    """The names in a text such as "(digit n) k".

    Raises:
        TargetError: it is none.
    """
    name = r"[A-Za-z_]\w*"
    if not isinstance(axes, str) or not re.fullmatch(
        rf"\s*((\(\s*{name}(\s+{name})*\s*\)|{name})\s*)+", axes
    ):
        raise TargetError(
            f"the axes of an output are names such as 't n k' or '(digit n) k'; got {axes!r}"
        )
    return [tuple(found.strip("()").split()) for found in re.findall(rf"\([^)]*\)|{name}", axes)]
