"""Fixtures of the tests of runs over data sets."""

from __future__ import annotations

import importlib
import sys

import pytest

from gradcam_mx.methods import methods_kept


@pytest.fixture
def harmful():
    """The methods of `harmful_methods`, registered for a test."""
    with methods_kept():
        known = sys.modules.get("harmful_methods")
        yield importlib.reload(known) if known else importlib.import_module("harmful_methods")
