"""Fixtures shared by all tests."""

from __future__ import annotations

import pytest

from gradcam_mx._mxnet import mx


@pytest.fixture(params=[0, 1], ids=["cpu0", "cpu1"])
def ctx(request):
    """A context; the second one catches arrays that were made on the default context."""
    return mx.cpu(request.param)
