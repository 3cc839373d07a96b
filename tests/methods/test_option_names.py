"""`num_samples` and `baseline` in all methods; what they were called before goes on working."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import MethodError
from gradcam_mx.training import ExplanationHandler

X = np.random.RandomState(1).normal(size=(1, 3, 8, 8)).astype(np.float32)
CUT = {"segments": "grid", "num_segments": 4, "num_samples": 12}
FORMER = {  # method → former name, name, value, further options
    "smooth_grad": ("samples", "num_samples", 3, {}),
    "expected_gradients": ("nsamples", "num_samples", 4, {"background": X * 0}),
    "lime": ("hide", "baseline", "zero", CUT),
}


@pytest.fixture
def net(ctx):
    nn = mx.gluon.nn
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, in_channels=3, activation="relu"), nn.Dense(3, in_units=4 * 36))
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    return net


def calls(net, name, options):
    """The ways to hand an option to a method."""
    handler = {"writers": print, "method": name, "options": {name: options}}
    compared = gm.inspect.compare
    return {
        "function": lambda: getattr(gm, name)(net, X, 1, **options),
        "register": lambda: gm.METHODS[name].function(net, X, 1, **options),
        "explain": lambda: gm.explain(net, X, [name], 1, options={name: options})[name],
        "compare": lambda: compared(net, X[0], 1, name, options={name: options}).explanations[0][0],
        "handler": lambda: (
            ExplanationHandler(X, target=1, **handler).snapshot(net).explanations[name]
        ),
    }


@pytest.mark.parametrize("way", ["function", "register", "explain", "compare", "handler"])
@pytest.mark.parametrize("name", FORMER)
def test_former_names_work_with_a_warning(net, name, way):
    old, new, value, others = FORMER[name]
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".* is called .* now", DeprecationWarning)
        expected = calls(net, name, {new: value, **others})[way]()
    with pytest.warns(DeprecationWarning, match=f"{name}: {old}= is called {new}= now") as caught:
        found = calls(net, name, {old: value, **others})[way]()
    (warning,) = [one for one in caught if "is called" in str(one.message)]
    assert warning.filename == __file__
    np.testing.assert_array_equal(found.values, expected.values)
    assert found.options.keys() == expected.options.keys()
    assert found.options[new] == value


@pytest.mark.parametrize("way", ["function", "explain", "compare", "handler"])
@pytest.mark.parametrize("name", FORMER)
def test_both_names_at_once_are_refused(net, name, way):
    old, new, value, others = FORMER[name]
    with pytest.raises(MethodError, match=f"{name} got {new}= and {old}=.*pass {new} alone"):
        calls(net, name, {**others, new: value, old: value})[way]()


def test_no_method_has_another_name_for_them():
    for name, one in gm.METHODS.items():
        assert not {"samples", "nsamples", "hide", "n_samples"} & set(one.options), name
        assert set(one.options) <= set(inspect.signature(one.function).parameters)
