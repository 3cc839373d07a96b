"""What stands for the absence of a picture, and samples of which a part is hidden behind it."""

from __future__ import annotations

from typing import Any, Callable, Sequence, Union

import cv2
import numpy as np

from ..engine.inputs import Array
from ..errors import InputError, MethodError
from ..support.arrays import numbers_of

Baseline = Union[str, float, Sequence[float], Array]
"""Its name; a number, or one for each channel (a colour, as the net's input has it); an array like
x or like one sample."""


def _blurred(x: np.ndarray) -> np.ndarray:
    """x without detail: a Gaussian blur over a fifth of each axis of positions, one by one."""
    for axis in range(2, x.ndim):
        rows = np.moveaxis(x, axis, 0)
        # as the rows of a picture, of which only the height is blurred
        blurred = cv2.GaussianBlur(
            rows.reshape(len(rows), -1),
            (1, 0),
            sigmaX=1e-6,
            sigmaY=max(len(rows) / 5, 0.5),
            borderType=cv2.BORDER_REPLICATE,
        )
        x = np.moveaxis(blurred.reshape(rows.shape), 0, axis)
    return np.ascontiguousarray(x)


BASELINES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "zero": np.zeros_like,
    "mean": lambda x: np.broadcast_to(x.mean(axis=tuple(range(2, x.ndim)), keepdims=True), x.shape),
    "blur": _blurred,
}
"""Baselines by name, each a function of x (N, C, …)."""

INPAINT = "inpaint"
"""What is hidden is filled from around it, so there is no baseline before something is hidden."""


def check(baseline: Any, shape: Sequence[int], *, inpaint: bool = False) -> None:
    """Refuse what is no baseline for an input of a shape (N, C, …).

    Args:
        inpaint: whether "inpaint" is one.

    Raises:
        MethodError: there is none of that name.
        InputError: an array of another shape, or that is not finite.
    """
    if not isinstance(baseline, str):
        _checked(baseline, shape)
    elif inpaint and baseline == INPAINT:
        if len(shape) != 4:
            raise MethodError(f"only pictures can be inpainted; the input has shape {tuple(shape)}")
    elif baseline not in BASELINES:
        names = [*BASELINES, INPAINT] if inpaint else BASELINES
        raise MethodError(
            f"there is no baseline {baseline!r}; there are {', '.join(names)}, a "
            "number or one for each channel, or an array like x"
        )


def baseline_of(x: np.ndarray, baseline: Baseline) -> np.ndarray:
    """The baseline of each sample, shaped like x; may not be written to.

    Raises:
        MethodError, InputError: as `check` says.
    """
    check(baseline, x.shape)
    if isinstance(baseline, str):
        return BASELINES[baseline](x)
    return np.broadcast_to(_checked(baseline, x.shape).astype(x.dtype), x.shape)


def _checked(baseline: Any, shape: Sequence[int]) -> np.ndarray:
    """As numbers that can be broadcast to an input's shape."""
    numbers = numbers_of(baseline)
    if len(shape) > 2 and numbers.shape == tuple(shape[1:2]):
        numbers = numbers.reshape(-1, *[1] * (len(shape) - 2))  # a colour
    elif numbers.shape:
        check_array(numbers, (tuple(shape), tuple(shape[1:]), (1, *shape[1:])), "the baseline")
    if numbers.dtype.kind not in "fiu" or not np.isfinite(numbers).all():
        raise InputError("the baseline holds NaN, infinity, or what is no number")
    return numbers


def check_array(array: Any, shapes: Sequence[tuple[int, ...]], what: str) -> np.ndarray:
    """The numbers of an array that stands in the place of the input.

    Raises:
        InputError: it has none of the shapes, or holds NaN or infinity.
    """
    numbers = numbers_of(array)
    if numbers.shape not in shapes:
        expected = " or ".join(map(str, dict.fromkeys(shapes)))
        raise InputError(
            f"{what} has shape {numbers.shape}; expected {expected}, preprocessed as "
            "the input, channels first"
        )
    if not np.isfinite(numbers).all():
        raise InputError(f"{what} holds NaN or infinity")
    return numbers


# -- hiding a part ----------------------------------------------------------------------------


def positions_of(shape: Sequence[int]) -> tuple[int, ...]:
    """Of an input's shape (N, C, …) the positions that can be hidden, all channels of each at once.

    Plain vectors (N, F) have their features.
    """
    return tuple(shape[2:] if len(shape) > 2 else shape[1:])


class Curtain:
    """Samples of which a part is hidden behind a baseline.

    Args:
        x: the samples (N, C, …).
        baseline: what hidden parts become; "inpaint" too.
    """

    def __init__(self, x: np.ndarray, baseline: Baseline) -> None:
        check(baseline, x.shape, inpaint=True)
        self._x = x
        self._inpaints = isinstance(baseline, str) and baseline == INPAINT
        self._behind = x if self._inpaints else baseline_of(x, baseline)
        self._is_bare = not self._behind.any()

    def shows(self, sample: int, shown: np.ndarray) -> Callable[[np.ndarray], None]:
        """What writes a sample of which only the `shown` positions (bool) are as they were."""
        x, behind = self._x[sample], self._behind[sample]

        def write(out: np.ndarray) -> None:
            if self._inpaints:
                out[...] = inpainted(x, ~shown)
            else:
                out[...] = behind
                np.copyto(out, x, where=shown)

        return write

    def hides(self, sample: int, box: tuple[slice, ...]) -> Callable[[np.ndarray], None]:
        """What writes a sample of which a box is hidden, a slice for each axis of positions."""
        x, behind = self._x[sample], self._behind[sample]
        inside: Any = (..., *box)

        def write(out: np.ndarray) -> None:
            if self._inpaints:
                hidden = np.zeros(x.shape[1:], bool)
                hidden[inside] = True
                out[...] = inpainted(x, hidden)
            else:
                out[...] = x
                out[inside] = behind[inside]

        return write

    def mixes(self, sample: int, share: np.ndarray) -> Callable[[np.ndarray], None]:
        """What writes share · x + (1 - share) · baseline, for a share of x at each position."""
        x, behind = self._x[sample], self._behind[sample]

        def write(out: np.ndarray) -> None:
            np.multiply(x, share, out=out)
            if not self._is_bare:
                out += (1 - share) * behind

        return write


INPAINTING = {"telea": cv2.INPAINT_TELEA, "ns": cv2.INPAINT_NS}


def inpainted(sample: np.ndarray, hidden: np.ndarray, way: str = "telea") -> np.ndarray:
    """A picture (C, H, W) whose hidden positions (H, W) are filled from around them.

    With nothing around them, they get each channel's mean.

    Args:
        way: "telea" (Telea 2004, doi:10.1080/10867651.2004.10487596) or "ns" (Bertalmio et al.
            2001, doi:10.1109/CVPR.2001.990497).
    """
    if hidden.all():
        return np.broadcast_to(sample.mean(axis=(1, 2), keepdims=True), sample.shape)
    low, high = float(sample.min()), float(sample.max())
    if high == low or not hidden.any():
        return sample
    # OpenCV's formulas hold steps of one grey level, so they want the range of a photo
    scale = 255 / (high - low)
    mask = hidden.astype(np.uint8)
    greys = ((sample - low) * scale).astype(np.float32)
    filled = np.stack([cv2.inpaint(one, mask, 3, INPAINTING[way]) for one in greys])
    return np.where(hidden, (filled / scale + low).astype(sample.dtype), sample)
