"""Records that hold arrays: they are compared, copied and pickled."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.engine.rules import RuleReport
from gradcam_mx.explanation.region import Region
from gradcam_mx.inspect import Comparison, Maximization, Patch
from gradcam_mx.inspect.comparison import Cell


def explanation(**changes):
    fields = {
        "values": np.array([[[0, 1], [2, np.nan]]], np.float32),
        "method": "grad_cam",
        "target": [3],
        "score": np.array([np.nan], np.float32),
        "input_size": (4, 4),
        "layer": "features.7",
        "options": {"baseline": np.ones(3), "levels": [1, float("nan")], "mode": "mean"},
        "rule_report": RuleReport("guided", {"relu": 3}, {}),
        "details": {"gap": np.arange(3)},
    }
    return gm.Explanation(**{**fields, **changes})


def patch(**changes):
    fields = {
        "unit": 3,
        "activation": float("nan"),
        "index": 1,
        "position": (1, 2),
        "box": (slice(0, 3), slice(1, 4)),
        "picture": np.arange(27, dtype=np.uint8).reshape(3, 3, 3),
    }
    return Patch(**{**fields, **changes})


def maximization(**changes):
    fields = {
        "x": np.ones((1, 3, 4, 4), np.float32),
        "scores": np.arange(3, dtype=np.float32),
        "target": [7],
        "bounds": (np.full((3, 1, 1), -2.0), np.full((3, 1, 1), 2.0)),
    }
    return Maximization(**{**fields, **changes})


def cell(**changes):
    fields = {
        "explanation": explanation(),
        "photo": np.zeros((4, 4, 3), np.uint8),
        "prediction": "cat 0.93",
        "order": "RGB",
    }
    return Cell(**{**fields, **changes})


def comparison(**changes):
    fields = {"cells": [[cell(), cell()]], "rows": [], "columns": ["a", "b"]}
    return Comparison(**{**fields, "images_vary": (False, True), **changes})


def region(**changes):
    fields = {"mask": np.eye(3, dtype=bool), "box": (slice(0, 3), slice(0, 3))}
    return Region(**{**fields, **changes})


MAKERS = [explanation, patch, maximization, cell, comparison, region]
OTHERS = {
    explanation: [
        {"values": np.array([[[0, 1], [np.nan, 2]]], np.float32)},
        {"values": np.zeros((1, 2), np.float32)},
        {"values": np.zeros((1, 1, 1), np.float32)},
        {"score": np.zeros(1, np.float32)},
        {"target": [4]},
        {"target": "cosine"},
        {"layer": None},
        {"options": {}},
        {"options": {"baseline": np.zeros(3), "levels": [1, float("nan")], "mode": "mean"}},
        {"options": {"baseline": 1.0, "levels": [1, float("nan")], "mode": "mean"}},
        {"rule_report": None},
        {"details": {"gap": np.arange(4)}},
        {"details": {"other": np.arange(3)}},
        {"signed": True},
        {"input_size": (4, 5)},
    ],
    patch: [
        {"unit": 4},
        {"activation": 1.0},
        {"box": None},
        {"box": (slice(0, 3), slice(1, 5))},
        {"picture": np.zeros((3, 3, 3), np.uint8)},
    ],
    maximization: [
        {"x": np.zeros((1, 3, 4, 4), np.float32)},
        {"bounds": (np.full((3, 1, 1), -2.0), np.full((3, 1, 1), 3.0))},
        {"order": "BGR"},
    ],
    cell: [{"photo": np.ones((4, 4, 3), np.uint8)}, {"explanation": explanation(target=[4])}],
    comparison: [
        {"cells": [[cell()]]},
        {"cells": [[cell(), cell(prediction="dog")]]},
        {"cells": [[cell(), cell(explanation=explanation(target=[4]))]]},
        {"rows": ["a"]},
    ],
    region: [{"mask": np.ones((3, 3), bool)}, {"mask": np.eye(2, dtype=bool)}, {"box": None}],
}


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_records_are_equal_if_all_their_fields_are(make):
    one = make()
    assert (one == make()) is True
    assert (one != make()) is False
    for changes in OTHERS[make]:
        assert (one == make(**changes)) is False, changes
        assert (one != make(**changes)) is True, changes
    assert one != "something else"
    assert one in [make(**OTHERS[make][0]), make()]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_records_cannot_be_hashed(make):
    """As the arrays that they hold cannot."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(make())


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy]
    + [
        lambda one, protocol=protocol: pickle.loads(pickle.dumps(one, protocol))
        for protocol in (2, pickle.HIGHEST_PROTOCOL)
    ],
    ids=["copy", "deep copy", "pickle 2", "pickle"],
)
def test_copies_and_pickles_are_equal(make, again):
    found = again(make())
    assert type(found) is type(make())
    assert found == make()


def test_named_tuples_equal_tuples_as_ever():
    mask, box = region()
    assert region() == (mask.copy(), box)
    assert (mask.copy(), box) == region()
    assert (~mask, box) != region()
    assert explanation() != tuple(vars(explanation()).values())


def test_deep_copies_have_arrays_of_their_own():
    one = explanation()
    found = copy.deepcopy(one)
    found.values[:] = 7
    assert one == explanation()


def test_arrays_of_mxnet_among_the_options_are_compared(ctx):
    ones, zeros = mx.nd.ones(3, ctx=ctx), mx.nd.zeros(3, ctx=ctx)
    one = explanation(options={"baseline": ones})
    assert one == explanation(options={"baseline": np.ones(3)})
    assert one == explanation(options={"baseline": mx.nd.ones(3)})
    assert one != explanation(options={"baseline": zeros})


def test_real_ones_are_compared_copied_and_pickled(ctx):
    net = gm.nn.HybridSequential()
    net.add(gm.nn.Conv2D(2, 3, activation="relu", in_channels=3), gm.nn.GlobalAvgPool2D())
    net.add(gm.nn.Flatten(), gm.nn.Dense(4))
    net.initialize(mx.init.Constant(0.1), ctx=ctx)
    x = np.random.RandomState(0).rand(2, 3, 8, 8).astype(np.float32)

    def made():
        found = gm.grad_cam(net, x, 1)
        yield found
        yield found.threshold()[0]
        yield gm.inspect.max_activating_patches(net, x, net[0], [0], k=2, progress=False)[0][0]
        yield gm.inspect.activation_maximization(
            net, 1, shape=(3, 8, 8), steps=2, bounds=(0, 1), progress=False
        )
        yield gm.inspect.compare(net, {"one": x[0], "other": x[1]}, 1)

    for one, other in zip(made(), made()):
        assert one == other
        assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one
    (found, *_) = made()
    assert found != replace(found, values=found.values + 1)
