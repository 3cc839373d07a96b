"""MXNet's failures, told as the package's own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

from .._mxnet import mx
from ..errors import NetworkError, reason


@contextmanager
def failures_told(way: str) -> Iterator[None]:
    """MXNet computes later than it is told to, so it fails where a result is read."""
    try:
        yield
    except mx.MXNetError as error:
        raise NetworkError(f"MXNet failed while running the net {way}: {reason(error)}") from error
