"""Numbers as Prometheus reads them: its text format, version 0.0.4."""

from __future__ import annotations

import math
from typing import Mapping, NamedTuple, Sequence


class Metric(NamedTuple):
    """A gauge, with as many values as there are sets of labels."""

    name: str
    help: str
    values: Sequence[tuple[Mapping[str, str], float]]
    """Name of a label → its value, and the number."""


def text(metrics: Sequence[Metric]) -> str:
    """The lines of gauges.

    Args:
        metrics: in the order in which they are written.
    """
    lines = []
    for one in metrics:
        lines.append(f"# HELP {one.name} {_escaped(one.help)}")
        lines.append(f"# TYPE {one.name} gauge")
        lines += [f"{one.name}{_labels(labels)} {_number(value)}" for labels, value in one.values]
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    said = (
        '{}="{}"'.format(name, _escaped(value).replace('"', '\\"'))
        for name, value in labels.items()
    )
    return f"{{{','.join(said)}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)
