"""Which values of two nets are the same, found by their numbers and not by their names."""

from __future__ import annotations

from collections import defaultdict
from typing import Iterator, NamedTuple, Sequence

import numpy as np

from .noise import MARGIN, Noise, difference
from .value import Value, rms

_TO_FIRST = (0, 3, 1, 2)
_LOOKED_AT = 4096
"""So many numbers of a value are compared before all of them are."""


class Aligned(NamedTuple):
    """Which values of an old net a new one makes too."""

    partner: dict[int, int]
    """Place of a value of the old net → that of the same value of the new one."""
    diverging: list[int]
    """The values of the old net between the last that both have and its outputs."""
    new_diverging: list[int]
    """Those of the new net that are not the same as any of the old one, in their order."""
    new_ends: list[int]
    """What the new net returns in the place of outputs that differ, if they are among its values:
    the old net may well make them too, and go on from there."""

    @property
    def is_whole(self) -> bool:
        """Whether all that leads to the outputs is the same."""
        return not self.diverging


def align(
    old: Sequence[Value],
    noise: Sequence[Noise],
    new: Sequence[Value],
    outputs: Sequence[int],
    new_outputs: Sequence[np.ndarray],
) -> Aligned:
    """Find the values that both nets make.

    A value of the old net that no value of the new one is the same as may well be no difference: a
    batch normalisation that is folded into its convolution takes a value away. Such a value counts
    if a way leads from it to an output over values that the new net does not make either.

    Args:
        old: the values of the old net.
        noise: of each of them.
        new: those of the new net, for the same input.
        outputs: the places of the old net's outputs.
        new_outputs: what the new net returns: an output is the same as that alone, or one that goes
            through a softmax behind it would be.
    """
    by_size: dict[int, list[int]] = defaultdict(list)
    for place, value in enumerate(new):
        by_size[value.array.size].append(place)
    partner: dict[int, int] = {}
    last = -1
    for place, value in enumerate(old):
        # of several that are the same, the next one in order
        others = sorted(by_size[value.array.size], key=lambda one: (one <= last, one))
        found = next(
            (one for one in others if _is_same(value.array, new[one].array, noise[place])), None
        )
        if found is not None:
            partner[place] = last = found
    ends = []
    for place, array in zip(outputs, new_outputs):
        if not _is_same(old[place].array, array, noise[place]):
            partner.pop(place, None)
            ends += places_of(new, [array])
    diverging = _diverging(old, partner, outputs)
    others = [
        place
        for place in set(range(len(new))).difference(partner.values())
        if not any(
            _is_same(old[one].array, new[place].array, noise[one])
            for one in partner
            if old[one].array.size == new[place].array.size
        )
    ]
    return Aligned(partner, diverging, sorted(others), ends)


def places_of(values: Sequence[Value], returned: Sequence[np.ndarray]) -> list[int]:
    """The places of what a net returns among its values; both may come of runs that round
    differently.

    Args:
        values: of the net.
        returned: by it.
    """
    found = []
    for array in returned:
        alike = [place for place, one in enumerate(values) if one.array.size == array.size]
        if alike:
            # of several that are equal the last
            found.append(min(alike[::-1], key=lambda one: distance(array, values[one].array)))
    return found


def _diverging(old: Sequence[Value], partner: dict[int, int], outputs: Sequence[int]) -> list[int]:
    found: set[int] = set()
    waiting = [place for place in outputs if place not in partner]
    while waiting:
        place = waiting.pop()
        if place not in found:
            found.add(place)
            waiting += [one for one in old[place].inputs if one not in partner]
    return sorted(found)


def _is_same(array: np.ndarray, other: np.ndarray, noise: Noise) -> bool:
    if array.size != other.size:
        return False
    return any(noise.is_same(array, one) for one in forms(array, other, noise))


def forms(array: np.ndarray, other: np.ndarray, noise: Noise | None = None) -> Iterator[np.ndarray]:
    """Another array in the forms in which its numbers may lie as those of an array do.

    They are: as it is, and with the channels first where it has them last.

    Args:
        array: whose numbers are compared.
        other: the other one, of as many numbers.
        noise: if given, only those forms whose first numbers are not far from the array's.
    """
    ways = [other]
    if other.ndim == 4 and array.ndim == 4 and other.shape != array.shape:
        ways = [one for one in (other.transpose(_TO_FIRST), other) if one.shape == array.shape]
    elif other.ndim == 4 and array.shape != other.shape:
        ways = [other, other.transpose(_TO_FIRST)]
    for one in ways:
        if noise is None or _looks_same(array, one, noise):
            yield one


def _looks_same(array: np.ndarray, other: np.ndarray, noise: Noise) -> bool:
    step = max(1, array.size // _LOOKED_AT)
    few = array.reshape(-1)[::step], other.reshape(-1)[::step]
    gap = difference(*few)
    return not gap.size or bool(np.abs(gap).max() <= MARGIN * noise.largest)


def distance(array: np.ndarray, other: np.ndarray) -> float:
    """How far two arrays are from each other, as the root of the mean square of the difference, in
    the form in which they are nearest; infinite where they are of other sizes.

    Args:
        array: one of them.
        other: the other one.
    """
    if array.size != other.size:
        return float("inf")
    found = [rms(difference(array, one)) for one in forms(array, other)]
    return min(found) if found else float("inf")
