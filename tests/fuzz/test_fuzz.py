"""A few hundred random nets: each explanation is right, or refused in words that help."""

from __future__ import annotations

import numpy as np
import pytest

from .judge import judged
from .nets import KINDS, make
from .questions import QUESTIONS
from .run import MENDING, table

BLOCKS, NETS = 12, 20
"""How many blocks, and how many nets in each."""


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """MXNet says for each bound Symbol how it is run."""
    monkeypatch.setenv("MXNET_SUBGRAPH_VERBOSE", "0")


@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_nets(block):
    kinds = frozenset(KINDS) - MENDING
    seeds = range(block * NETS, (block + 1) * NETS)
    outcomes = [outcome.as_dict() for seed in seeds for outcome in judged(make(seed, kinds))]
    faults = [outcome for outcome in outcomes if outcome["result"] == "fault"]
    assert not faults, table(faults, NETS)
    right = sum(outcome["result"] == "right" for outcome in outcomes)
    assert right > len(outcomes) / 2, table(outcomes, NETS)


def test_same_seed_same_net():
    one, other = make(7), make(7)
    assert str(one) == str(other)
    assert all(np.array_equal(one.parameters[n], other.parameters[n]) for n in one.parameters)


@pytest.mark.parametrize("question", sorted(QUESTIONS))
def test_damage_is_found(question, monkeypatch):
    """Each question notices when all that it is told is 1 % too large."""
    import gradcam_mx as gm
    from gradcam_mx.explanation.explanation import Explanation  # noqa: F401

    methods = {"layer_gradient": "input_x_gradient", "default_layer": "hires_cam"}
    name = methods.get(question, question)
    own = getattr(gm, name)

    def too_large(*arguments, **options):
        found = own(*arguments, **options)
        for one in found.values() if isinstance(found, dict) else [found]:
            one.values *= 1.05
        return found

    monkeypatch.setattr(gm, name, too_large)
    kinds = frozenset({"plain", "float64"})
    results = [o.result for seed in range(12) for o in judged(make(seed, kinds), [question])]
    assert "fault" in results
    assert "right" not in [r for r in results if r != "unsure"] or results.count("fault") > 2
