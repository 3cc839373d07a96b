"""What a method wants of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Mapping

from ..engine.rules import Rule


@dataclass(frozen=True)
class Needs:
    """What a method's formula draws on."""

    layer: bool = False
    """The activations of a layer and the gradient there."""
    gradient: bool = True
    """Whether it wants that gradient at the layer; of no layer, whether it wants any."""
    rules: frozenset[Rule] = frozenset()
    """The rules under which it wants the gradient at the input."""
    rule_of: Callable[..., Rule] | None = None
    """Of its options: one more such rule."""
    inside: bool = False
    """Whether it attributes to a layer if one is asked for, and to the input if not."""
    pooled: bool = False
    """Whether its layer is the one that a global average pool and a Dense layer follow."""
    does_without: bool = False
    """Whether it makes do without a layer where a net has none that is known."""
    perturbs: bool = False
    """Whether it tries other inputs, the same for all targets of a call, and needs no gradient."""

    def with_options(self, options: Mapping[str, Any]) -> Needs:
        """What it needs with options that were given.

        Args:
            options: name → value, of all that it takes.
        """
        if self.rule_of is None:
            return self
        return replace(self, rules=frozenset([self.rule_of(**options)]))

    @property
    def is_forward_only(self) -> bool:
        """Whether it does without any derivative, also that of the target."""
        differentiates = self.gradient or self.rules or self.rule_of or self.inside or self.pooled
        return self.perturbs or not differentiates
