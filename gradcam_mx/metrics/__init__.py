"""Can a map be trusted? Measures of explanations: one file a family; `METRICS` lists them by name.

Each is called with the net, the input and an Explanation, and gives a `Measured`. Several
explanations, in a list or a mapping, share the passes through the net. Never read one number alone,
and never without the controls (`gm.random_map`, `gm.centre_map`, `gm.edge_map`) beside it.
"""

from __future__ import annotations

from ..explanation.agreeing import Agreement, agreement
from .case import Case
from .curves import deletion, insertion, road, srg
from .description import complexity, sparseness
from .error_bars import Stability
from .evaluating import evaluate
from .fidelity import faithfulness_correlation, infidelity, monotonicity_correlation, mufidelity
from .functions import metric
from .localisation import energy, iou, pointing_game, rank_accuracy, top_k_intersection
from .masked import average_drop, gain, increase
from .measured import Measured
from .recommending import Recommendation, recommend
from .register import METRICS, Curves, Metric, Wants, metrics_kept
from .robustness import continuity, local_lipschitz, max_sensitivity
from .sanity import emprt, mprt, random_logit, smprt
from .stability import stability
from .table import Evaluation

__all__ = [
    "METRICS",
    "Agreement",
    "Case",
    "Curves",
    "Evaluation",
    "Measured",
    "Metric",
    "Recommendation",
    "Stability",
    "Wants",
    "agreement",
    "evaluate",
    "metric",
    "metrics_kept",
    "recommend",
    "stability",
    "deletion",
    "insertion",
    "srg",
    "road",
    "sparseness",
    "complexity",
    "infidelity",
    "faithfulness_correlation",
    "mufidelity",
    "monotonicity_correlation",
    "pointing_game",
    "energy",
    "rank_accuracy",
    "top_k_intersection",
    "iou",
    "average_drop",
    "increase",
    "gain",
    "max_sensitivity",
    "local_lipschitz",
    "continuity",
    "emprt",
    "smprt",
    "mprt",
    "random_logit",
]


def __dir__() -> list[str]:
    return sorted(__all__)
