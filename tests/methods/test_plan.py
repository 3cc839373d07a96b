"""A plan: checked once, run on many inputs, nets and targets."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx import methods
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import LayerError, MethodError, TargetError
from gradcam_mx.methods import Plan, Result, methods_kept, perturbation

RANDOM = np.random.RandomState(5)
INPUTS = [RANDOM.normal(size=(2, 3, size, 9)).astype(np.float32) for size in (9, 11)]


@pytest.fixture
def net(ctx):
    nn = mx.gluon.nn
    mx.random.seed(2)
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(4, 3, in_channels=3, activation="relu"),
        nn.Conv2D(5, 3, in_channels=4),
        nn.GlobalAvgPool2D(),
        nn.Dense(3, in_units=5),
    )
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    return net


def same(found, expected):
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.score, expected.score, rtol=1e-5)
    assert (found.method, found.target, found.layer) == (
        expected.method,
        expected.target,
        expected.layer,
    )
    assert found.options == expected.options


def test_one_plan_for_many_inputs_nets_and_targets(net):
    plan = Plan(["grad_cam", "saliency"], "0", options={"grad_cam": {"relu": False}})
    other = gm.trace(net)
    for x in INPUTS:
        for one, target in ((net, None), (other, 2), (net, [0, 1])):
            done = plan.run(one, x, target)
            assert list(done.explanations) == ["grad_cam", "saliency"]
            same(done.explanations["grad_cam"], gm.grad_cam(net, x, target, "0", relu=False))
            same(done.explanations["saliency"], gm.saliency(net, x, target))
            scores = net(mx.nd.array(x, ctx=net[0].weight.list_ctx()[0])).softmax().asnumpy()
            np.testing.assert_allclose(done.run.probabilities, scores, rtol=1e-5)


def test_several_targets_and_layers(net):
    plan = Plan(["layer_cam", "saliency"], ["0", "1"])
    done = plan.run(net, INPUTS[0], gm.targets.Several([2, 0]))
    assert [len(done.explanations[name]) for name in ("layer_cam", "saliency")] == [2, 2]
    for number, target in enumerate((2, 0)):
        for layer, found in zip(("0", "1"), done.explanations["layer_cam"][number]):
            same(found, gm.layer_cam(net, INPUTS[0], target, layer))
        same(done.explanations["saliency"][number], gm.saliency(net, INPUTS[0], target))
    same(done.first("layer_cam"), gm.layer_cam(net, INPUTS[0], 2, "0"))


def test_what_was_recorded_is_explained_for_one_target_after_the_other(net):
    plan = Plan(["grad_cam"])
    recorded = plan.record(net, INPUTS[0])
    for target in (0, 2):
        found = plan.explain(recorded, target).explanations["grad_cam"]
        same(found, gm.grad_cam(net, INPUTS[0], target))


def test_methods_apart(net):
    plans = Plan(["grad_cam", "smooth_grad"], options={"smooth_grad": {"num_samples": 2}}).apart()
    assert list(plans) == ["grad_cam", "smooth_grad"]
    done = plans["smooth_grad"].run(net, INPUTS[0], 1)
    assert list(done.explanations) == ["smooth_grad"]
    same(done.explanations["smooth_grad"], gm.smooth_grad(net, INPUTS[0], 1, num_samples=2))


@pytest.mark.parametrize(
    ("names", "how", "says"),
    [
        (["grad_kam"], {}, "no method 'grad_kam'"),
        (["saliency"], {"options": {"saliency": {"reluu": True}}}, "nothing takes: \\['reluu'\\]"),
        (["saliency"], {"options": {"grad_cam": {"relu": True}}}, "the methods are saliency"),
        (["grad_cam"], {"fuse": "sum", "layer": ["0"]}, "no fusion 'sum'"),
        (["grad_cam"], {"fuse": "max"}, "joins the maps of a list of layers; got layer=None"),
        (["grad_cam"], {"fuse": "max", "layer": "0"}, "list of layers; got layer='0'"),
        (["saliency"], {"fuse": "max", "layer": ["0", "1"]}, "saliency explains the input"),
    ],
)
def test_mistakes_are_told_when_a_plan_is_made(names, how, says):
    with pytest.raises(MethodError, match=says):
        Plan(names, **how)


@pytest.mark.parametrize("fuse", ["mean", "max", "product"])
def test_fuse_joins_a_list_of_layers_and_nothing_else(net, fuse):
    x = INPUTS[0]
    for call in (gm.grad_cam, gm.guided_grad_cam):
        with pytest.raises(MethodError, match=r"fuse=.* joins the maps of a list of layers"):
            call(net, x, fuse=fuse)
    with pytest.raises(MethodError, match=r"fuse=.* joins the maps of a list of layers"):
        gm.explain(net, x, ["grad_cam"], fuse=fuse, layer="0")
    fused = gm.explain(net, x, ["grad_cam", "saliency"], layer=["0", "1"], fuse=fuse)
    assert fused["grad_cam"].layer == "0 + 1"
    assert gm.grad_cam(net, x, layer=["0"], fuse=fuse).options == {"fuse": fuse}


def test_a_wrong_layer_or_target_is_told_by_the_run(net):
    with pytest.raises(LayerError, match="conv7"):
        Plan(["grad_cam"], "conv7").run(net, INPUTS[0])
    with pytest.raises(TargetError, match="7"):
        Plan(["grad_cam"]).run(net, INPUTS[0], 7)


# -- the register ---------------------------------------------------------------------------------


def second(name, formula=None):
    """Register a perturbation method of that name."""
    formula = formula or (lambda run: [Result(run.x * 0 + 7, {})])
    formula.__name__, formula.__doc__ = name, "Second: sevens."
    return perturbation(paper="nobody", cost="1 forward")(formula)


@pytest.mark.parametrize("name", ["saliency", "lime", "grad_cam"])
def test_a_second_method_of_a_name_is_refused_and_changes_nothing(net, name):
    function = getattr(gm, name)
    options = {"num_samples": 20, "segments": "grid", "num_segments": 4} if name == "lime" else {}
    before, listed = function(net, INPUTS[0], 1, **options), gm.METHODS[name]
    module = {"saliency": "gradients", "lime": "superpixels", "grad_cam": "activation_maps"}[name]
    with pytest.raises(MethodError, match=rf"{name}' already, of gradcam_mx\.methods\.{module}"):
        second(name)
    assert gm.METHODS[name] is listed
    same(function(net, INPUTS[0], 1, **options), before)
    found = gm.explain(net, INPUTS[0], [name], 1, options={name: options})[name]
    same(found, before)


def test_an_activation_map_of_a_taken_name_is_refused():
    def grad_cam(activations, gradients):
        """Mine: it is not."""

    with pytest.raises(MethodError, match="method 'grad_cam' already"):
        methods.activation_map("nobody")(grad_cam)


def test_functions_and_plans_keep_their_methods(net):
    """Also where a name was free for a while and is another method's then."""
    with methods_kept():
        first = second("sevens")
        plan = Plan(["sevens"])
    assert "sevens" not in gm.METHODS
    with pytest.raises(MethodError, match="no method 'sevens'"):
        gm.explain(net, INPUTS[0], ["sevens"])
    with methods_kept():
        other = second("sevens", lambda run: [Result(run.x * 0 + 3, {})])
        assert (first(net, INPUTS[0]).values == 7).all()
        assert (plan.run(net, INPUTS[0]).explanations["sevens"].values == 7).all()
        assert (other(net, INPUTS[0]).values == 3).all()
        assert (gm.explain(net, INPUTS[0], ["sevens"])["sevens"].values == 3).all()


def test_the_register_is_read_only_and_shows_what_is_there():
    with pytest.raises(TypeError):
        gm.METHODS["saliency"] = gm.METHODS["grad_cam"]
    with pytest.raises(TypeError):
        del gm.METHODS["saliency"]
    assert not hasattr(gm.METHODS, "update")
    shown = repr(gm.METHODS)
    assert shown.startswith(f"{len(gm.METHODS)} methods\n")
    assert all(name in shown for name in gm.METHODS)
    assert dict(gm.METHODS)["rise"].function is gm.rise
