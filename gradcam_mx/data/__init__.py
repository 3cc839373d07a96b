"""Which samples does a data set have? Data sets of every kind, opened, listed, cut and read."""

from __future__ import annotations

from .ahead import read_ahead
from .opening import open_samples, reopen
from .samples import Sample, Samples

__all__ = ["Sample", "Samples", "open_samples", "read_ahead", "reopen"]


def __dir__() -> list[str]:
    return sorted(__all__)
