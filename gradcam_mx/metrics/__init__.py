"""Can a map be trusted? Measures of explanations: one file a family; `METRICS` lists them by name.

Each is called with the net, the input and an Explanation, and gives a `Measured`. Several
explanations, in a list or a mapping, share the passes through the net. Never read one number alone,
and never without the controls (`gm.random_map`, `gm.centre_map`, `gm.edge_map`) beside it.
"""

from __future__ import annotations

from importlib import import_module

from .. import _names
from .case import Case
from .evaluating import evaluate
from .functions import metric
from .measured import Measured
from .recommending import Recommendation, recommend
from .register import METRICS, Curves, Metric, Wants, metrics_kept
from .table import Evaluation

for _file, _metrics in _names.METRICS_OF.items():
    _module = import_module(f"{__name__}.{_file}")
    globals().update({name: getattr(_module, name) for name in _metrics})

__all__ = [
    "METRICS",
    "Case",
    "Curves",
    "Evaluation",
    "Measured",
    "Metric",
    "Recommendation",
    "Wants",
    "evaluate",
    "metric",
    "metrics_kept",
    "recommend",
]
__all__.extend(name for names in _names.METRICS_OF.values() for name in names)


def __dir__() -> list[str]:
    return sorted(__all__)
