"""What dir() lists: what is public, and nothing else."""

from __future__ import annotations

import importlib

import pytest

import gradcam_mx as gm
from gradcam_mx._names import METRICS_OF, MODULES

ROOMS = [*MODULES, "baselines", "methods"]


@pytest.mark.parametrize("name", ROOMS)
def test_rooms_list_public_names_only(name):
    room = importlib.import_module(f"gradcam_mx.{name}")
    assert dir(room) == sorted(room.__all__)
    assert not [one for one in dir(room) if one.startswith("_")]
    for one in dir(room):
        found = getattr(room, one)
        # no module, such as the room's own files, or numpy
        assert type(found).__name__ != "module" or name == "nn", one


def test_the_package_lists_public_names_only():
    assert dir(gm) == sorted(gm.__all__)
    assert [one for one in dir(gm) if one.startswith("_")] == ["__version__"]
    for one in dir(gm):
        assert getattr(gm, one) is not None
    # modules that are public by themselves, and no others
    modules = {one for one in dir(gm) if type(getattr(gm, one)).__name__ == "module"}
    assert modules == set(MODULES)


def test_measures_are_named_where_nothing_is_imported():
    named = [name for names in METRICS_OF.values() for name in names]
    assert list(gm.metrics.METRICS) == named
    assert set(named) <= set(gm.metrics.__all__)
