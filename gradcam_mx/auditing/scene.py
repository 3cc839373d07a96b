"""Where two nets part, and what is known of them there."""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy as np

from .aligning import Aligned
from .noise import Noise
from .value import INPUT, Value

_WINDOW, _OTHERS = 12, 12
"""How many values are looked at behind the first difference: of the old net, and of the new one."""


class Scene(NamedTuple):
    """Where two nets part, and what is known of them there."""

    old: Sequence[Value]
    noise: Sequence[Noise]
    new: Sequence[Value]
    aligned: Aligned
    outputs: Sequence[int]
    """The places of the old net's outputs."""
    new_outputs: Sequence[np.ndarray]
    """What the new net returns."""

    @property
    def first(self) -> int:
        """The first value of the old net that the new one does not make."""
        return self.aligned.diverging[0]

    @property
    def is_at_input(self) -> bool:
        """Whether they part at the first operator that reads an input."""
        first = self.old[self.first]
        return any(self.old[one].op == INPUT for one in first.inputs)

    @property
    def near(self) -> list[int]:
        """It, and the values that are made of it next."""
        found = [self.first]
        for place in self.aligned.diverging[1:]:
            if len(found) < _WINDOW and any(one in found for one in self.old[place].inputs):
                found.append(place)
        return found

    @property
    def others(self) -> list[int]:
        """The values of the new net that may stand for those."""
        partner = self.aligned.partner
        known = [partner[one] for one in self.old[self.first].inputs if one in partner]
        behind = [
            one
            for one in self.aligned.new_diverging
            if one > max(known, default=-1) and self.new[one].op != INPUT
        ]
        ends = [one for one in self.aligned.new_ends if one not in behind[:_OTHERS]]
        return behind[:_OTHERS] + ends

    @property
    def counterpart(self) -> int | None:
        """The value of the new net that seems to stand for the first that differs."""
        size = self.old[self.first].array.size
        alike = [one for one in self.others if self.new[one].array.size == size]
        return next(iter(alike or self.others), None)
