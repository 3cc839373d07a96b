"""Whether photos are made ready as they were: the usual mistakes are tried."""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple, Sequence

import numpy as np

from ..errors import GradCamError
from ..zoo.preprocess import Preprocess
from .aligning import distance
from .conventions import Change, changes, pairs, ways
from .explaining import NEARLY
from .noise import Noise, difference
from .outputs import Output
from .sides import Side
from .value import rms

_TRIED = 4
"""So many inputs are enough to try a change on."""
_SCREENED = 30
"""A change is tried on all of them if on one it leaves so many times what may be left."""
_MOST = 0.02
"""So much of a difference may be left: scaling photos is not the same in any two libraries."""

WANTS, DOES, MAKES = "wants", "does", "makes"


class Preparing(NamedTuple):
    """What is wrong with how photos are made ready, and how much of the difference it is."""

    kind: str
    """"wants": the new net agrees with the old one if it is given this; "does": as it is, it agrees
    with what the old net says of this; "makes": the new preparation of photos gives this."""
    cause: str
    said: str
    before: float
    """The difference of the outputs, relative to them."""
    after: float
    """What is left of it once that is mended."""

    @property
    def sentence(self) -> str:
        """It in words."""
        if self.kind == WANTS:
            return f"the new net agrees if it is given: {self.said}"
        if self.kind == DOES:
            return f"the new net says what the old one says of: {self.said}"
        return f"photos are made ready otherwise for the new net: {self.said}"


def of_nets(
    old: Side, new: Side, x: Sequence[np.ndarray], prepare: Any, noise: Noise
) -> Preparing | None:
    """The change of the input that makes two nets agree which do not agree on the same input.

    Args:
        old: the old net.
        new: the new one.
        x: an array for each input; nets of several are not looked at.
        prepare: how the old net's photos are made ready, if that is known.
        noise: of the old net's first output.
    """
    if len(x) != 1 or x[0].ndim != 4:
        return None
    few, many = (_Tried.of(old, new, x[0][:count], noise) for count in (1, _TRIED))
    best: Preparing | None = None
    for change in _changes(prepare, x[0].shape[1]):
        for kind in (WANTS, DOES):
            # as a rule, one input tells that it is not
            if few.after(kind, change) > _SCREENED * few.limit:
                continue
            after = many.after(kind, change)
            if after <= many.limit and (best is None or after < 0.1 * best.after):
                best = Preparing(kind, change.cause, change.said, many.before, after)
        if best is not None and best.after <= many.floor:
            break
    return best


class _Tried(NamedTuple):
    """Inputs on which changes are tried, and what both nets say of them."""

    old: Side
    new: Side
    x: np.ndarray
    ours: np.ndarray
    theirs: np.ndarray
    floor: float
    """What rounding makes, relative to the outputs."""

    @classmethod
    def of(cls, old: Side, new: Side, x: np.ndarray, noise: Noise) -> _Tried:
        """Both nets on some inputs."""
        ours, theirs = old.outputs([x])[0], new.outputs([x])[0]
        return cls(old, new, x, ours, theirs, 4 * noise.rms / (rms(ours) or 1.0))

    @property
    def before(self) -> float:
        """The difference, relative to the old net's output."""
        return distance(self.ours, self.theirs) / (rms(self.ours) or 1.0)

    @property
    def limit(self) -> float:
        """What may be left of it."""
        return max(self.floor, NEARLY * self.before)

    def after(self, kind: str, change: Change) -> float:
        """What is left of the difference with a change, relative to the old net's output."""
        changed = np.ascontiguousarray(change.apply(self.x), dtype=self.x.dtype)
        try:
            if kind == DOES:
                gap = distance(self.old.outputs([changed])[0], self.theirs)
            elif self.new.takes_integers:
                return float("inf")
            else:
                gap = distance(self.ours, self.new.outputs([changed])[0])
        except GradCamError:
            return float("inf")
        return gap / (rms(self.ours) or 1.0)


def _changes(prepare: Any, channels: int) -> Iterator[Change]:
    yield from changes(prepare, channels)
    yield from pairs(prepare, channels)


def of_photos(
    photos: Sequence[Any], prepare: Any, x: np.ndarray, new_x: np.ndarray, output: Output
) -> Preparing | None:
    """What tells two inputs apart that were made of the same photos.

    Args:
        photos: they.
        prepare: how they are made ready for the old net.
        x: what comes of that.
        new_x: what the new net is given.
        output: what comes of both.

    Returns:
        None if nothing that is known makes the one of the other.
    """
    if x.shape != new_x.shape:
        return None
    before = rms(difference(x, new_x))
    apart = output.times_noise * output.noise / (output.spread or 1.0)
    best: Preparing | None = None
    for cause, said, made in _made(photos, prepare, x):
        after = apart * rms(difference(made, new_x)) / before
        if after <= _MOST * apart and (best is None or after < 0.1 * best.after):
            best = Preparing(MAKES, cause, said, apart, after)
    return best


def _made(
    photos: Sequence[Any], prepare: Any, x: np.ndarray
) -> Iterator[tuple[str, str, np.ndarray]]:
    """What may be given to a net in the place of an input: one thing at a time, then two."""
    alone = list(_changes(prepare, x.shape[1]))
    for change in alone:
        yield change.cause, change.said, change.apply(x)
    if not isinstance(prepare, Preprocess):
        return
    others = [(way, np.concatenate([way.make(one) for one in photos])) for way in ways(prepare)]
    for way, made in others:
        yield way.cause, way.said, made
    for way, made in others:
        for change in alone:
            said = f"{way.said}, and {change.said}"
            yield f"{way.cause}, {change.cause}", said, change.apply(made)


def of_function(
    photos: Sequence[Any],
    prepare: Any,
    old: Side,
    x: np.ndarray,
    outputs: tuple[np.ndarray, np.ndarray],
    noise: Noise,
) -> Preparing | None:
    """What photos seem to become in a new net that makes them ready by itself.

    Args:
        photos: they.
        prepare: how they are made ready for the old net.
        old: the old net.
        x: what comes of that.
        outputs: the old net's first for them, and the new one's.
        noise: of the old net's.
    """
    ours, theirs = outputs
    size = rms(ours) or 1.0
    before = distance(ours, theirs) / size
    best: Preparing | None = None
    for cause, said, made in _made(photos, prepare, x):
        after = distance(old.outputs([made.astype(x.dtype)])[0], theirs) / size
        limit = max(4 * noise.rms / size, _MOST * before)
        if after <= limit and (best is None or after < 0.5 * best.after):
            best = Preparing(DOES, cause, said, before, after)
    return best
