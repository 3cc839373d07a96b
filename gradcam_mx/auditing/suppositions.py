"""The register of suppositions, with all that the package brings in it."""

from __future__ import annotations

from . import causes_of_branches, causes_of_layers, causes_of_numbers, causes_of_sizes
from .causes import SUPPOSITIONS

__all__ = [
    "SUPPOSITIONS",
    "causes_of_branches",
    "causes_of_layers",
    "causes_of_numbers",
    "causes_of_sizes",
]
