"""What is refused before any sample is read."""

from __future__ import annotations

from ...errors import MethodError, MetricError
from ...metrics import METRICS
from ...metrics.functions import check_options
from .asked import Asked


def check_asked(asked: Asked) -> None:
    """Refuse what can be told to be wrong before any sample is read.

    Args:
        asked: what is asked of each sample.

    Raises:
        MethodError: a method has no such option, or all values are wanted of one that is not run.
        MetricError: a measure has no such option, or needs what a data set does not have.
    """
    _ = asked.plan  # refuses methods and options that there are not
    others = sorted(set(asked.full) - set(asked.methods))
    if others:
        raise MethodError(
            f"all values are wanted of {', '.join(others)}, which is not run; the methods are "
            f"{', '.join(asked.methods) or 'none'}"
        )
    if asked.metrics and not asked.methods:
        raise MetricError("measures are of maps, and no method is run")
    masked = [name for name in asked.metrics if METRICS[name].wants.masks]
    if masked:
        raise MetricError(f"{', '.join(masked)}: needs masks, which a data set does not have")
    for name, given in asked.metric_options.items():
        takes = METRICS[name].options if name in asked.metrics else {}
        unknown = sorted(set(given) - set(takes))
        if name not in asked.metrics or unknown:
            raise MetricError(
                f"options for {name!r} that nothing takes: {unknown or sorted(given)}; the metrics "
                f"are {', '.join(asked.metrics) or 'none'}"
            )
    for name, options in asked.options_of_metrics.items():
        check_options(METRICS[name], (1, *asked.input_shape), options)
