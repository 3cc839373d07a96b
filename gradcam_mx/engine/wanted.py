"""What is wanted of a recording."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any, Callable, NamedTuple, Sequence, Tuple, Union

from ..graph.outputs import OutputChoice
from .rules import Rule

OneInput = Union[None, int, str]
"""One of several inputs, by number or name; None for the first."""

InputChoice = Union[OneInput, Sequence[Union[int, str]]]
"""Which of several inputs attributions are made for, by number or name; None for the first; a list
of them or "all" for several together."""

ALL = "all"
"""All inputs that a gradient comes back to."""

Check = Callable[[Tuple[int, ...]], None]
"""Looks, before anything is computed, at the shape of the input that is explained, its channels
first."""


class Together(Enum):
    """Which changed inputs may share a call of the net."""

    ANY = auto()
    """Any: each row has its result, whatever the others are."""
    BATCHES = auto()
    """One variant of each sample: only the caller's number of samples, in their order, will do."""
    ALONE = auto()
    """None: one variant, beside the other samples as they are, which may change its result."""


class Wanted(NamedTuple):
    """What is wanted of a recording."""

    layers: Sequence[Any] = ()
    """The layers that are explained, as callers name them."""
    rules: frozenset[Rule] = frozenset()
    """The rules under which gradients are wanted at the input."""
    output: OutputChoice = None
    input: Any = None
    """An `InputChoice`; for `recording.record` a `OneInput`."""
    checks: Sequence[Check] = ()
    also: Sequence[OutputChoice] = ()
    """Outputs whose values are read too, though nothing is explained of them."""
    differentiates: bool = True
    """Whether gradients are wanted at the layers."""
    positions: bool = True
    """Whether the layers have to be maps, rather than vectors too."""

    @property
    def of_layers(self) -> tuple[bool, bool]:
        """Whether the layers are differentiated, and whether they have to be maps."""
        return self.differentiates, self.positions

    @property
    def ends_at_layers(self) -> bool:
        """Whether nothing has to come back to the input: what is attributed to a layer's values is
        propagated no further than there."""
        return not self.positions and all(rule.needs_graph for rule in self.rules)
