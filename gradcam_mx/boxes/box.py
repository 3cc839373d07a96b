"""A net of which nothing is known but what it gives."""

from __future__ import annotations

import hashlib
import secrets
from abc import ABC, abstractmethod
from typing import Any, Callable, NamedTuple, Sequence, TypeVar

import numpy as np

from ..errors import Advice, InputError
from . import results
from .results import Arrays

LAYOUTS = ("NCHW", "NHWC")
"""Where what a black box runs has the channels of its inputs."""


Kept = TypeVar("Kept")


class Taken(NamedTuple):
    """An input of a black box."""

    name: str
    shape: tuple[int | None, ...] | None
    """(C, H, W) of a sample, channels first; None for any size of a side, or for any shape."""
    dtype: str | None
    """The type that it is given in; None for that of the caller's array."""


class Ending(NamedTuple):
    """The softmax or sigmoid that an output ends in, where what goes into it is known too."""

    kind: str
    """"softmax" or "sigmoid"."""
    axis: int | None = 1
    """Of a softmax, the axis of the classes; None if it is over all that belongs to a sample."""
    is_log: bool = False
    """Whether it gives logarithms."""


class BlackBox(ABC):
    """A net of which nothing is known but what it gives: a function, an ONNX file, a module.

    Every function of the package takes it in the net's place that needs neither gradients nor
    layers. Its input has its channels first, (N, C, H, W), whatever it runs takes.
    """

    name: str
    """What it is called in messages and reports."""
    takes: Sequence[Taken]
    """Its inputs."""
    output_names: Sequence[str]
    layout: str = LAYOUTS[0]
    """How it hands its inputs on: "NHWC" moves the channels to the end."""
    class_names: Any = None
    preprocess: Any = None
    """From a photo (H, W, 3) of uint8 RGB to the input, (1, C, h, w); None if it is not known."""

    def __call__(self, *arrays: np.ndarray) -> Arrays:
        """Its outputs by name, (N, …), in arrays of their own.

        Args:
            arrays: (N, C, H, W), one for each input; copies of them are handed on.

        Raises:
            InputError: they do not fit.
            NetworkError: it raises something, or gives anything but a row of numbers for each
                sample.
        """
        self.check(arrays)
        return results.checked(self._outputs(self._placed(arrays)), len(arrays[0]), self.said)

    def scores(self, *arrays: np.ndarray) -> Arrays:
        """What is explained of each output: itself, or what goes into the softmax or sigmoid that
        it ends in, where that is known. See `__call__`.

        Args:
            arrays: (N, C, H, W), one for each input.
        """
        self.check(arrays)
        return results.checked(self._scores(self._placed(arrays)), len(arrays[0]), self.said)

    def kept(self, make: Callable[[BlackBox], Kept]) -> Kept:
        """What is made of it once, and kept with it where it is.

        Args:
            make: makes it, the same function each time.
        """
        if "_kept" not in self.__dict__:
            self._kept: Any = make(self)
        return self._kept

    def __getstate__(self) -> dict[str, Any]:
        return {name: one for name, one in self.__dict__.items() if name != "_kept"}

    def ending(self, output: str) -> Ending | None:
        """What lies between the score and an output; None if that is nothing, or not known.

        Args:
            output: its name.
        """
        return None

    @property
    def said(self) -> str:
        """What it is, as the beginning of a sentence."""
        return f"the black box {self.name!r}"

    @property
    @abstractmethod
    def digest(self) -> tuple[str, str]:
        """SHA-256 of what it computes, and of its numbers, as far as they can be told apart."""

    @abstractmethod
    def _outputs(self, arrays: Sequence[np.ndarray]) -> Arrays:
        """The outputs for arrays that it may change, in its layout and types."""

    def _scores(self, arrays: Sequence[np.ndarray]) -> Arrays:
        return self._outputs(arrays)

    def check(self, arrays: Sequence[Any]) -> None:
        """Refuse arrays that are no input.

        Args:
            arrays: one for each input.

        Raises:
            InputError: they are too many or too few, or of a shape that it does not take.
        """
        if len(arrays) != len(self.takes):
            names = ", ".join(one.name for one in self.takes)
            raise InputError(
                f"{self.said} has {len(self.takes)} inputs ({names}), got {len(arrays)}",
                advice=Advice.GIVE_ALL_INPUTS,
            )
        for taken, array in zip(self.takes, arrays):
            if taken.shape is None:
                continue
            given = tuple(array.shape[1:])
            if len(given) != len(taken.shape) or any(
                side not in (None, size) for side, size in zip(taken.shape, given)
            ):
                expected = ", ".join("any" if side is None else str(side) for side in taken.shape)
                raise InputError(
                    f"{self.said} takes its input {taken.name!r} of shape (N, {expected}), got "
                    f"{tuple(array.shape)}"
                    + (": pass it channels first" if self.layout == LAYOUTS[1] else "")
                )

    def check_numbers(self, arrays: Sequence[np.ndarray]) -> None:
        """Refuse numbers that a type of its inputs does not hold: it would be given others.

        Args:
            arrays: one for each input.

        Raises:
            InputError: they are fractions, or out of range.
        """
        for taken, array in zip(self.takes, arrays):
            is_whole = taken.dtype is not None and np.dtype(taken.dtype).kind in "iu"
            if is_whole and not np.array_equal(in_type(array, taken.dtype), array):
                raise InputError(
                    f"{self.said} takes its input {taken.name!r} in {taken.dtype}, and there are "
                    f"fractions or numbers out of range in it, from {array.min():.4g} to "
                    f"{array.max():.4g}: pass the pixels as they are, without normalising them"
                )

    def _placed(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Copies of the caller's arrays, as it hands them on."""
        moved = [
            np.moveaxis(one, 1, -1) if self.layout == LAYOUTS[1] and one.ndim > 2 else one
            for one in arrays
        ]
        return [in_type(one, taken.dtype) for one, taken in zip(moved, self.takes)]


def in_type(array: np.ndarray, dtype: str | None) -> np.ndarray:
    """A copy of an array in another type, row after row in memory; to whole numbers it is rounded,
    and what is beyond the smallest or the largest of the type becomes that.

    Args:
        array: it is left alone.
        dtype: numpy's name of the type; None for its own.
    """
    wanted = array.dtype if dtype is None else np.dtype(dtype)
    if wanted.kind in "iu" and array.dtype.kind == "f":
        limits = np.iinfo(wanted)
        array = np.clip(np.rint(array.astype("float64")), limits.min, limits.max)
    return np.array(array, dtype=wanted, order="C")


def hashed(told: Any, version: str | None) -> tuple[str, str]:
    """What tells a black box from others whose numbers nobody sees.

    Args:
        told: of it.
        version: that its user gave it; None for something new each time.
    """
    number = secrets.token_hex() if version is None else f"version {version}"
    found = [hashlib.sha256(one.encode()).hexdigest() for one in (repr(told), number)]
    return found[0], found[1]
