"""What every method has to keep, for those of relevance: batches, targets, contexts, precision,
nothing changed, archives, words for what is wrong."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from naive_symbols import Translated, assert_close, doubles
from relevance_nets import functional, small

import gradcam_mx as gm
from gradcam_mx import rules
from gradcam_mx._mxnet import mx
from gradcam_mx.engine.steps import Recorded
from gradcam_mx.engine.tape import Tape
from gradcam_mx.errors import GradCamError, InputError, LayerError, MethodError, RuleError

SHAPE = (3, 2, 6, 6)
X = np.random.default_rng(0).normal(size=SHAPE)
BACKGROUND = np.random.default_rng(1).normal(size=(3, *SHAPE[1:]))


def of(name, **given):
    return lambda net, x, target=1: getattr(gm, name)(net, x, target, **given)


CALLS = {
    "lrp": of("lrp"),
    "lrp, gamma and box": of("lrp", composite="epsilon_gamma_box", low=-5, high=5),
    "lrp, alpha and beta": of("lrp", composite="epsilon_alpha2_beta1"),
    "lrp, conditions": of("lrp", conditions={"body": [0, 2]}),
    "lrp, contrast": of("lrp", contrastive=True),
    "lrp, layer": of("lrp", layer="body"),
    "excitation": of("excitation_backprop"),
    "excitation, contrast": of("excitation_backprop", contrastive=True, layer="body"),
    "deep_lift": of("deep_lift", baseline="mean"),
    "deep_lift, cancel": of("deep_lift", rule="reveal_cancel"),
    "deep_shap": of("deep_shap", background=BACKGROUND),
    "full_grad": of("full_grad"),
    "relevance_cam": of("relevance_cam", layer="body"),
    "lift_cam": of("lift_cam", layer="body"),
    "recipro_cam": of("recipro_cam", layer="body"),
    "finer_cam": of("finer_cam", layer="body", similar=1),
}


AT_BLOCKS = {"lrp, conditions", "lrp, layer", "excitation, contrast"}
AT_BLOCKS |= {one for one in CALLS if one.endswith("cam")}
"""They name a block, which a net that is loaded from a file has no more."""


@lru_cache(maxsize=None)
def net_on(device, dtype="float64"):
    """A net that several tests explain."""
    return functional(mx.cpu(device), dtype)


def inputs(ctx, rows=slice(None), dtype="float64"):
    return mx.nd.array(X[rows], ctx=ctx, dtype=dtype)


@pytest.mark.parametrize("call", list(CALLS))
def test_a_batch_is_its_samples(ctx, call):
    net = net_on(ctx.device_id)
    together = CALLS[call](net, inputs(ctx), [1, 0, 2])
    for row, target in enumerate([1, 0, 2]):
        alone = CALLS[call](net, inputs(ctx, slice(row, row + 1)), target)
        assert_close(together.values[row], alone.values[0], what=call)
        for name in together.details:
            if name == "ledger":
                assert_same_ledger(together[row].ledger(), alone.ledger())
            elif name != "completeness_gap":
                assert_close(together.details[name][row], alone.details[name][0], what=name)


def assert_same_ledger(found, expected):
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    for one, other in zip(found, expected):
        np.testing.assert_allclose(one[2:], other[2:], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("call", list(CALLS))
def test_several_targets_are_single_ones(ctx, call):
    net = net_on(ctx.device_id)
    several = CALLS[call](net, inputs(ctx), gm.targets.Several([0, 2]))
    assert len(several) == 2
    for found, target in zip(several, (0, 2)):
        single = CALLS[call](net, inputs(ctx), target)
        assert_close(found.values, single.values, what=call)
        if "ledger" in single.details:
            assert_same_ledger(found.ledger(), single.ledger())


@pytest.mark.filterwarnings("ignore:the attributions of sample")  # a branch is not all there is
def test_several_layers_are_single_ones(ctx):
    net, layers = net_on(ctx.device_id), ["norm", "body", "classify"]
    for name in ("lrp", "deep_lift", "excitation_backprop"):
        several = getattr(gm, name)(net, inputs(ctx), 1, layer=layers)
        for found, layer in zip(several, layers):
            single = getattr(gm, name)(net, inputs(ctx), 1, layer=layer)
            assert_close(found.values, single.values, what=f"{name} {layer}")
            if "ledger" in single.details:  # one walk serves all, and its accounts go on
                whole = [row[:2] for row in found.ledger()]
                rows = [found.ledger()[whole.index(row[:2])] for row in single.ledger()]
                assert_same_ledger(rows, single.ledger())


@pytest.mark.parametrize("call", list(CALLS))
def test_float32_is_float64_but_for_rounding(ctx, call):
    """A denominator z that is a thousandth of its terms makes 6e-8 of rounding to 6e-5; ε-rules may
    meet such ones in each of the net's three layers, so a thousandth of the largest is allowed."""
    single = CALLS[call](net_on(ctx.device_id, "float32"), inputs(ctx, dtype="float32")).values
    double = CALLS[call](net_on(ctx.device_id), inputs(ctx)).values
    assert_close(single, double, 1e-3, call)


@pytest.mark.filterwarnings("ignore:Cannot decide type")
@pytest.mark.parametrize("call", list(CALLS))
def test_symbols_and_exported_nets(ctx, call, tmp_path):
    """A Block, its graph, its symbol with parameters, and what is loaded from a file."""
    net = functional(ctx)
    expected = CALLS[call](net, inputs(ctx)).values
    assert_close(CALLS[call](gm.trace(net), inputs(ctx)).values, expected)
    net.hybridize()
    net(inputs(ctx))
    net.export(str(tmp_path / "net"))
    files = str(tmp_path / "net-symbol.json"), ["data"], str(tmp_path / "net-0000.params")
    loaded = mx.gluon.SymbolBlock.imports(*files, ctx=ctx)
    if call not in AT_BLOCKS:
        assert_close(CALLS[call](loaded, inputs(ctx)).values, expected)


def test_of_symbols(ctx):
    net = small("squeezing")
    triple = Translated(net.graph, {"x": net.shape}, ctx).net
    x = np.random.default_rng(2).normal(size=(2, *net.shape))
    for name in ("lrp", "excitation_backprop", "deep_lift", "full_grad"):
        found = getattr(gm, name)(triple, doubles(x, ctx), 1).values
        traced = getattr(gm, name)(gm.trace(triple), doubles(x, ctx), 1).values
        np.testing.assert_array_equal(found, traced)


# ------------------------------------------------------------------------------- nothing changes


def state_of(net, x, ctx):
    state = {"x": x.asnumpy().tobytes(), "numpy": repr(np.random.get_state())}
    state["modes"] = mx.autograd.is_recording(), mx.autograd.is_training()
    for name, parameter in net.collect_params().items():
        data = parameter.data(ctx)
        state[name] = id(data), data.asnumpy().tobytes(), parameter.grad_req
        if parameter.grad_req != "null":
            gradient = parameter.grad(ctx)
            state[f"gradient of {name}"] = id(gradient), gradient.asnumpy().tobytes()
    return state


def recorded(net, x):
    """Gradients of the caller's own."""
    with mx.autograd.record():
        loss = (net(x) ** 2).sum()
    loss.backward()


@pytest.mark.parametrize("call", list(CALLS))
def test_nothing_changes(ctx, call):
    net, x = functional(ctx), inputs(ctx)
    x.attach_grad()
    recorded(net, x)
    before, gradient = state_of(net, x, ctx), x.grad.asnumpy()
    mx.random.seed(5)
    expected = mx.nd.random.uniform(shape=3, ctx=ctx).asnumpy()
    mx.random.seed(5)
    first = CALLS[call](net, x).values
    np.testing.assert_array_equal(mx.nd.random.uniform(shape=3, ctx=ctx).asnumpy(), expected)
    with mx.autograd.record():
        np.testing.assert_array_equal(CALLS[call](net, x).values, first)
        assert mx.autograd.is_recording()
    assert state_of(net, x, ctx) == before
    np.testing.assert_array_equal(x.grad.asnumpy(), gradient)


class Injected(Exception):
    """Raised in the middle."""


def raising(*_, **__):
    raise Injected


@pytest.mark.parametrize("place", [(Recorded, "vjp"), (Tape, "backward"), (Recorded, "__init__")])
@pytest.mark.parametrize("call", [one for one in CALLS if one != "recipro_cam"])
def test_nothing_changes_when_something_raises(ctx, call, place, monkeypatch):
    net, x = functional(ctx), inputs(ctx)
    recorded(net, x)
    expected, before = CALLS[call](net, x).values, state_of(net, x, ctx)
    with monkeypatch.context() as patch:
        patch.setattr(*place, raising)
        with pytest.raises((Injected, GradCamError)):
            CALLS[call](net, x)
    assert state_of(net, x, ctx) == before
    np.testing.assert_array_equal(CALLS[call](net, x).values, expected)


# ------------------------------------------------------------------------------------- archives


def test_an_archive_keeps_the_ledger(ctx, tmp_path):
    found = gm.lrp(net_on(ctx.device_id), inputs(ctx), [1, 0, 2], composite="epsilon")
    found.save(tmp_path / "found.npz")
    loaded = gm.Explanation.load(tmp_path / "found.npz")
    assert_same_ledger(loaded.ledger(), found.ledger())
    assert str(loaded.ledger()) == str(found.ledger())
    np.testing.assert_array_equal(loaded.values, found.values)


def test_the_ledger_of_one_sample(ctx):
    found = gm.lrp(net_on(ctx.device_id), inputs(ctx), [1, 0, 2], composite="epsilon")
    each = [found[row].ledger() for row in range(3)]
    for row, whole in enumerate(found.ledger()):
        for field in ("arrived", "left", "bias", "stabiliser"):
            parts = [getattr(one[row], field) for one in each]
            np.testing.assert_allclose(sum(parts), getattr(whole, field), rtol=1e-9, atol=1e-12)
    scores = net_on(ctx.device_id)(inputs(ctx)).asnumpy()[[0, 1, 2], [1, 0, 2]]
    np.testing.assert_allclose([one[0].arrived for one in each], scores, rtol=1e-9)
    assert "biases took" in str(each[1])
    assert "<table" in each[1]._repr_html_()


def test_methods_without_accounts_say_so(ctx):
    found = gm.deep_lift(net_on(ctx.device_id), inputs(ctx), 1)
    with pytest.raises(InputError, match=r"gm\.lrp"):
        found.ledger()


# --------------------------------------------------------------------------------- wrong options

WRONG = {
    "a composite that there is none of": (
        {"composite": "epsilon_minus"},
        RuleError,
        "epsilon_plus",
    ),
    "a composite that is a number": ({"composite": 3}, RuleError, "mapping"),
    "a mapping to a name": ({"composite": {"body": "flat"}}, RuleError, "'flat'"),
    "a rule for layers at an operator": (
        {"composite": lambda node: rules.ZPlus() if node.op == "Pooling" else None},
        RuleError,
        "Pooling",
    ),
    "a function that gives a name": (
        {"composite": lambda node: "flat" if node.op == "Convolution" else None},
        RuleError,
        "flat",
    ),
    "an epsilon below zero": ({"epsilon": -1e-6}, RuleError, "epsilon"),
    "an epsilon below zero, operators": (
        {"epsilon": -1e-6, "composite": lambda node: None},
        RuleError,
        "epsilon",
    ),
    "a gamma below zero": ({"composite": "epsilon_gamma_box", "gamma": -1}, RuleError, "gamma"),
    "no bounds of a box": ({"composite": "epsilon_gamma_box"}, RuleError, "low"),
    "bounds of too many channels": (
        {"composite": "epsilon_gamma_box", "low": (0, 0, 0), "high": (1, 1, 1)},
        RuleError,
        "3 numbers",
    ),
    "a channel out of range": ({"conditions": {"body": 4}}, LayerError, "0 to 3"),
    "a channel below zero": ({"conditions": {"body": [-1]}}, LayerError, "0 to 3"),
    "no channels": ({"conditions": {"body": []}}, RuleError, "body"),
    "channels that are no numbers": ({"conditions": {"body": ["a"]}}, RuleError, "body"),
    "conditions that are a list": ({"conditions": ["body"]}, RuleError, "mapping"),
    "a layer that there is none of": ({"conditions": {"tail": 0}}, LayerError, "tail"),
    "a fallback that there is none of": ({"fallback": "zero"}, RuleError, "gradient"),
    "pass where the shape changes": (
        {"composite": lambda node: rules.Pass() if node.op == "FullyConnected" else None},
        RuleError,
        "Pass",
    ),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_wrong_options(ctx, case):
    given, kind, words = WRONG[case]
    with pytest.raises(kind, match=words):
        gm.lrp(net_on(ctx.device_id), inputs(ctx), 1, **given)


def test_wrong_options_of_the_others(ctx):
    net, x = net_on(ctx.device_id), inputs(ctx)
    with pytest.raises(MethodError, match="reveal_cancel"):
        gm.deep_lift(net, x, 1, rule="cancel")
    with pytest.raises(MethodError):
        gm.deep_lift(net, x, 1, baseline="black")
    with pytest.raises(InputError, match="background"):
        gm.deep_shap(net, x, 1, background=BACKGROUND[:, :1])
    with pytest.raises(InputError, match="background"):
        gm.deep_shap(net, x, 1, background=BACKGROUND[:0])
    with pytest.raises(MethodError, match="similar"):
        gm.finer_cam(net, x, 1, "body", similar=0)
    with pytest.raises(RuleError, match="epsilon"):
        rules.AlphaBeta(2, 1, -1)
