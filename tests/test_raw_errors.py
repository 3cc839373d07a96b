"""What is wrong with a call is told by an error of the package, not by what fails inside.

Everything public is called with one argument wrong, or two, or with a net of another kind. What
comes is a result or the package's own error; Python's `TypeError` is for calls that do not fit a
signature, and what the caller's own code raises stays what it is.
"""

from __future__ import annotations

import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wrong_calls import MAP, PHOTO, WRONG, X, calls, network

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import GradCamError, InputError, reason
from gradcam_mx.support.boundary import told

CALLS = calls()
FEW = settings(
    max_examples=300,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def check(function, arguments):
    """It gives something or says what is wrong; and how."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function(**arguments)
        except GradCamError as error:
            said = str(error).strip()
            assert said
            assert "Traceback (most recent" not in said
            assert not said.startswith(("Traceback", "Check failed", "MXNetError"))
            assert not said.endswith(("Traceback", "Check failed", ":"))


@FEW
@given(st.data())
def test_wrong_arguments(data):
    name = data.draw(st.sampled_from(sorted(CALLS)))
    function, right, names = CALLS[name]
    wrong = data.draw(
        st.dictionaries(st.sampled_from(names), st.sampled_from(WRONG), min_size=1, max_size=2)
        if names
        else st.just({})
    )
    check(function, {**right, **wrong})


@pytest.mark.parametrize("name", sorted(CALLS))
def test_unknown_arguments_are_pythons_own_errors(name):
    function, right, _ = CALLS[name]
    with pytest.raises((TypeError, GradCamError)):
        function(**right, nonsense=1)


# ------------------------------------------------------------------------------------- odd networks


def of_symbol(make):
    """A network (symbol, arguments, states), its parameters drawn."""
    symbol = make(mx.sym.var("data"))
    try:
        shapes, _, _ = symbol.infer_shape_partial(data=X.shape)
    except mx.MXNetError:  # it does not take this input, or none
        shapes = [(2, 4, 3, 3)] * len(symbol.list_arguments())
    drawn = {
        name: mx.nd.ones(shape)
        for name, shape in zip(symbol.list_arguments(), shapes)
        if name != "data" and shape and all(shape)
    }
    return symbol, drawn, {}


class Returns(mx.gluon.HybridBlock):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def hybrid_forward(self, F, x):
        return self.value(F, x)


ODD = {
    "nothing at all": lambda: gm.nn.HybridSequential(),
    "identity": lambda: of_symbol(lambda x: x),
    "constant": lambda: of_symbol(lambda x: mx.sym.ones((1, 3))),
    "zeros": lambda: of_symbol(lambda x: mx.sym.mean(x * 0, axis=(2, 3))),
    "a scalar": lambda: of_symbol(lambda x: mx.sym.sum(x)),
    "integers": lambda: of_symbol(lambda x: mx.sym.argmax(mx.sym.mean(x, axis=(2, 3)), axis=1)),
    "sorted": lambda: of_symbol(lambda x: mx.sym.argsort(mx.sym.mean(x, axis=(2, 3)))),
    "a shape": lambda: of_symbol(lambda x: mx.sym.shape_array(x)),
    "a map": lambda: of_symbol(
        lambda x: mx.sym.Convolution(x, kernel=(3, 3), num_filter=2, name="c")
    ),
    "kernels too large": lambda: of_symbol(
        lambda x: mx.sym.Convolution(x, kernel=(30, 30), num_filter=2, name="c")
    ),
    "three channels of four": lambda: of_symbol(
        lambda x: mx.sym.Convolution(
            x, mx.sym.var("c_weight", shape=(2, 4, 3, 3)), kernel=(3, 3), num_filter=2, name="c"
        )
    ),
    "no parameters": lambda: (network()(mx.sym.var("data")), {}, {}),
    "uninitialised": lambda: gm.nn.HybridSequential(prefix="u_") and gm.nn.Dense(3),
    "a list of outputs": lambda: Returns(lambda F, x: [x.mean(axis=1), x.sum(axis=1)]),
    "a dictionary": lambda: Returns(lambda F, x: {"y": x.mean(axis=(2, 3))}),
    "None": lambda: Returns(lambda F, x: None),
    "a number": lambda: Returns(lambda F, x: 3),
    "not there": lambda: None,
    "a class": lambda: gm.nn.Dense,
    "half a tuple": lambda: (mx.sym.var("data"), {}),
    "a tuple of others": lambda: (1, 2, 3),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_networks(name):
    net = ODD[name]()
    for method, (function, right, names) in CALLS.items():
        if {"net", "x"} <= right.keys() and method != "visualize":
            for target in (None, 1):
                check(
                    function,
                    {**right, "net": net, **({"target": target} if "target" in names else {})},
                )


# ------------------------------------------------------------------------------- how it is told


def test_the_error_says_what_was_given_and_expected():
    with pytest.raises(InputError) as caught:
        gm.picture.tiles(PHOTO[None], columns="x")
    said = str(caught.value)
    assert said.startswith("tiles() failed on what it was given (TypeError: ")
    assert "pictures is an array (1, 8, 8, 3) of uint8, expected: " in said
    assert "columns is 'x', expected: " in said
    assert isinstance(caught.value.__cause__, TypeError)


def raising(error):
    def target(scores):
        raise error

    return target


@pytest.mark.parametrize("error", [KeyError("mine"), ValueError("mine"), ZeroDivisionError()])
def test_what_the_callers_own_code_raises_is_not_touched(error):
    with pytest.raises(type(error)) as caught:
        told(lambda target: target(1))(raising(error))
    assert caught.value is error


def test_the_call_itself_is_pythons():
    with pytest.raises(TypeError, match="missing 1 required positional argument") as caught:
        gm.picture.overlay(PHOTO)
    assert not isinstance(caught.value, GradCamError)
    with pytest.raises(TypeError, match="unexpected keyword argument 'stepps'"):
        gm.integrated_gradients(network(), X, stepps=3)
    assert gm.picture.overlay(photo=PHOTO, heatmap=MAP).shape == PHOTO.shape


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x.cc:5: Check failed: a == b (1 vs. 2) : ", "MXNet expects a == b (1 vs. 2)"),
        ('Traceback (most recent call last):\n  File "x.cc", line 3\nMXNetError: too large', "too"),
        ("Traceback (most recent call last):", "MXNetError"),
        ("", "MXNetError"),
        ("[1:2:3] x.cc:5: Check failed: a <= b : kernel size exceeds input", "kernel size"),
    ],
)
def test_the_sentence_of_an_mxnet_error(text, expected):
    said = reason(mx.MXNetError(text))
    assert said.startswith(expected)
    assert "Traceback" not in said
    assert "Check failed" not in said
