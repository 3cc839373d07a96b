"""A few hundred random nets: each explanation is right, or refused in words that help."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import gradcam_mx as gm

from .judge import judged
from .nets import make
from .questions import QUESTIONS
from .run import table

BLOCKS, NETS = 12, 20
"""How many blocks, and how many nets in each."""


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """MXNet says for each bound Symbol how it is run."""
    monkeypatch.setenv("MXNET_SUBGRAPH_VERBOSE", "0")


@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_nets(block):
    seeds = range(block * NETS, (block + 1) * NETS)
    outcomes = [outcome.as_dict() for seed in seeds for outcome in judged(make(seed))]
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
    """Each question notices when all that it is told is 5 % too large."""
    methods = {"layer_gradient": "input_x_gradient", "default_layer": "hires_cam"}
    name = methods.get(question, question)
    own = getattr(gm, name)

    def too_large(*arguments, **options):
        found = own(*arguments, **options)
        if isinstance(found, dict):
            return {method: larger(one) for method, one in found.items()}
        return larger(found)

    monkeypatch.setattr(gm, name, too_large)
    kinds = frozenset({"plain", "float64"})
    results: list = []
    for seed in range(60):
        results += [one.result for one in judged(make(seed, kinds), [question])]
        if results.count("fault") == 2:
            break
    assert results.count("fault") == 2
    assert results.count("right") <= 2  # where all is zero


def larger(explanation):
    return dataclasses.replace(explanation, values=explanation.values * np.float32(1.05))
