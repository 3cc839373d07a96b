"""Looking inside a net: what its layers give, what they look for, and how nets compare."""

from __future__ import annotations

from .cluster import Cluster
from .comparison import Comparison, compare
from .concept import Concept, Concepts
from .concepts import concepts
from .drift import drift
from .drift_rows import DriftRow
from .drifted import Drift
from .layers import layer_outputs, weights
from .maximization import Maximization, activation_maximization
from .patches import Patch, max_activating_patches
from .receptive_field import receptive_field
from .shortcut import Shortcuts
from .shortcuts import shortcuts
from .vectors import embed, feature_vectors

__all__ = [
    "Cluster",
    "Comparison",
    "Concept",
    "Concepts",
    "Drift",
    "DriftRow",
    "Maximization",
    "Patch",
    "Shortcuts",
    "activation_maximization",
    "compare",
    "concepts",
    "drift",
    "embed",
    "feature_vectors",
    "layer_outputs",
    "max_activating_patches",
    "receptive_field",
    "shortcuts",
    "weights",
]


def __dir__() -> list[str]:
    return sorted(__all__)
