"""Repair without retraining, an experiment: channels of a net are taken out, and what that does."""

from __future__ import annotations

from .comparing import Effect, compare
from .saving import save
from .suppressing import suppress

__all__ = ["Effect", "compare", "save", "suppress"]


def __dir__() -> list[str]:
    return sorted(__all__)
