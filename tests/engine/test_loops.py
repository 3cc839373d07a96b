"""Nets with loops and conditions are explained as they are at inference, layers in there too."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from looped import NETS, looped, says

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.engine.tape import Tape
from gradcam_mx.errors import LayerError, NetworkError, TargetError
from gradcam_mx.graph import loops

nn = mx.gluon.nn

RUNS = {
    "frames": {"body": 4, "body.conv": 4},
    "frames first": {"body": 3, "body.conv": 3},
    "nested": {"body": 6, "outer": 6},
    "then": {"body": 1, "other": 1},
    "else": {"body": 1, "other": 1},
    "counted": {"body": 3},
    "until": {"body": 8},
}
"""How often blocks run; in both branches of a condition, and as often as a loop may go on."""


def second(outputs):
    """One scalar for each sample; of frames that make one sample, the whole in the first."""
    return outputs[:, 1]


def differences(of, x, step=1e-6):
    """Finite differences of Σ of(x) in each of its numbers."""
    x, gradient = x.copy(), np.zeros_like(x)
    for place in np.ndindex(x.shape):
        value = x[place]
        x[place] = value + step
        above = of(x)
        x[place] = value - step
        gradient[place] = (above - of(x)) / (2 * step)
        x[place] = value
    return gradient


def test_frames_in_the_samples_place_are_told():
    """N is axis 0 of the input, so a net that has time there has no scalar for each sample."""
    with pytest.raises(TargetError, match=r"shape \(3,\); it returned shape \(1,\)"):
        gm.saliency(*looped("frames first"), target=second)


@pytest.mark.parametrize("kind", sorted(NETS.keys() - {"frames first"}))
def test_the_gradient_is_that_of_the_net_itself(kind):
    net, x = looped(kind)
    net(mx.nd.array(x, dtype="float64")).asnumpy()  # it writes ones into gammas that are fixed
    before = {name: one.data().asnumpy() for name, one in net.collect_params().items()}
    found = gm.saliency(net, x, target=second)
    for name, one in net.collect_params().items():
        np.testing.assert_array_equal(one.data().asnumpy(), before[name])
    np.testing.assert_allclose(found.score, says(net, x)[:, 1], rtol=1e-6)
    expected = differences(lambda values: says(net, values)[:, 1].sum(), x)
    np.testing.assert_allclose(found.values, expected, atol=1e-6 * abs(expected).max())


@pytest.mark.parametrize("kind", sorted(NETS.keys() - {"frames first"}))
def test_other_inputs_are_tried_on_the_net_as_it_is(kind, ctx):
    net, x = looped(kind, "float32", ctx)
    found = gm.integrated_gradients(net, x, target=1, steps=8).score
    np.testing.assert_allclose(found, says(net, x)[:, 1], rtol=1e-4)
    if net.shape[1:] != (2, 4, 4):
        return
    values = gm.occlusion(net, x, target=1, window=4, stride=4, baseline=0).values
    for sample in range(len(x)):  # the others count: when a loop ends depends on all of them
        gray = x.copy()
        gray[sample] = 0
        drop = (says(net, x) - says(net, gray))[sample, 1]
        np.testing.assert_allclose(values[sample], drop, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", NETS)
def test_each_run_of_a_block_is_a_layer(kind):
    net, x = looped(kind)
    graph = gm.trace(net).unrolled(x.shape)
    assert not graph.loops
    for path, count in RUNS[kind].items():
        runs = [block.output for block in graph.blocks if block.path == path]
        assert len(runs) == len(set(runs)) == count
        assert runs == sorted(runs)
    assert set(RUNS[kind]) <= {row.name.split("#")[0] for row in graph.layers(x.shape)}
    assert graph.layers(x.shape) == gm.trace(net).layers(x.shape)


@pytest.mark.parametrize("kind", ["frames", "nested", "then", "until"])
def test_values_and_gradients_at_each_run(kind):
    """Another value of a run, by a hook in the net itself, changes the score as they say."""
    net, x = looped(kind)
    graph = gm.trace(net).unrolled(x.shape)
    runs = [block.output for block in graph.blocks if block.path == "body"]
    tape = Tape(graph, [mx.nd.array(x, dtype="float64")], runs)
    head = mx.nd.array(np.tile([0.0, 1.0, 0.0], (len(says(net, x)), 1)), dtype="float64")
    gradients = tape.backward({graph.heads[0]: head})
    seen, change = [], {}

    def hook(block, arguments, output):
        seen.append(output.asnumpy())
        output += change.get(len(seen) - 1, 0)

    net.body.register_forward_hook(hook)
    rng = np.random.RandomState(5)
    says(net, x)
    if kind == "until":
        assert 1 < len(seen) < 8
    for number, values in enumerate(seen):
        np.testing.assert_allclose(tape.value(runs[number]).asnumpy(), values, rtol=1e-9)
    for number in range(len(seen)):
        way = rng.normal(size=seen[number].shape)
        scores = []
        for step in (1e-6, -1e-6):
            seen.clear()
            change.clear()
            change[number] = mx.nd.array(step * way, dtype="float64")
            scores.append(says(net, x)[:, 1].sum())
        expected = (scores[0] - scores[1]) / 2e-6
        found = (gradients[runs[number]].asnumpy() * way).sum()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    for run in runs[len(seen) :]:  # steps that the loop does not make
        assert not gradients[run].asnumpy().any()


def test_rules_act_inside_loops():
    net, x = looped("frames")
    report = gm.guided_backprop(net, x, target=1).rule_report
    assert sum(report.changed.values()) == RUNS["frames"]["body"]


@pytest.mark.parametrize("kind", ["frames", "until"])
def test_a_second_call_compiles_nothing(kind):
    net, x = looped(kind)
    gm.saliency(net, x, target=1)
    graph = gm.trace(net)
    unrolled = graph.unrolled(x.shape)
    pieces = len(unrolled._pieces)
    gm.saliency(net, x, target=1)
    assert gm.trace(net) is graph
    assert graph.unrolled(x.shape) is unrolled
    assert len(unrolled._pieces) == pieces


def test_another_number_of_steps_is_another_graph():
    net, x = looped("frames")
    for count in (3, 1, 2):
        found = gm.saliency(net, x[:, :count], target=1)
        np.testing.assert_allclose(found.score, says(net, x[:, :count])[:, 1], rtol=1e-6)


# -- loops that are too large ----------------------------------------------------------------------


@pytest.fixture
def nothing_unrolled(monkeypatch):
    monkeypatch.setattr(loops, "LARGEST", 0)


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_large_loop_runs_as_it_does_at_inference(kind, dtype, nothing_unrolled):
    if dtype == "float64" and kind in ("then", "else"):
        return  # MXNet itself refuses to run a condition in it
    net, x = looped(kind, dtype)
    graph = gm.trace(net)
    assert graph.unrolled(x.shape) is graph
    before = {name: one.data().asnumpy() for name, one in net.collect_params().items()}
    values = mx.nd.array(x, dtype=dtype)
    for train_mode in (False, True):
        with mx.autograd.record(train_mode=train_mode):
            piece = graph.compile(graph.heads, graph.inputs)
            (found,) = piece({graph.inputs[0]: values}, graph.parameters.on(mx.cpu()))
        after = {name: one.data().asnumpy() for name, one in net.collect_params().items()}
        for name, array in after.items():
            np.testing.assert_array_equal(array, before[name])
        np.testing.assert_allclose(
            found.asnumpy(),
            says(looped(kind, dtype)[0], x),
            rtol=1e-4 if dtype == "float32" else 1e-9,
        )


def test_a_large_loop_is_explained_by_other_inputs(nothing_unrolled):
    net, x = looped("counted", "float32")
    found = gm.occlusion(net, x, target=1, window=2, stride=2, baseline=0)
    for row, column in np.ndindex(2, 2):
        changed = x.copy()
        changed[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = 0
        drop = (says(net, x) - says(net, changed))[:, 1]
        np.testing.assert_allclose(found.values[:, 2 * row, 2 * column], drop, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "explain",
    [gm.saliency, gm.guided_backprop, gm.integrated_gradients, gm.smooth_grad],
    ids=lambda one: one.__name__,
)
def test_no_gradient_comes_through_a_large_loop(explain, nothing_unrolled):
    net, x = looped("until")
    with pytest.raises(NetworkError, match=r"loop 'until\d+__while_loop0' .*occlusion, rise"):
        explain(net, x, target=1)


def test_a_layer_in_a_large_loop_is_none(nothing_unrolled):
    net, x = looped("frames")
    with pytest.raises((LayerError, NetworkError), match=r"loop 'overframes\d+__foreach0'"):
        gm.grad_cam(net, x, target=1, layer="body.conv")
    with pytest.raises(LayerError, match="loop"):
        gm.saliency(net, x, gm.targets.Channel("body.conv", 0))


class Beside(nn.HybridBlock):
    """A map behind its loop."""

    def __init__(self):
        super().__init__()
        self.after = nn.Conv2D(2, 3, padding=1, in_channels=2)

    def hybrid_forward(self, F, x):
        _, last = F.contrib.foreach(
            lambda frame, state: (frame, frame + state),
            F.transpose(x, (1, 0, 2, 3, 4)),
            F.zeros_like(F.mean(x, axis=1)),
        )
        return F.mean(self.after(last), axis=(2, 3))


def test_a_layer_behind_a_large_loop_is_explained(nothing_unrolled):
    net = Beside()
    net.initialize()
    x = mx.nd.random.normal(shape=(1, 3, 2, 4, 4))
    found = gm.grad_cam(net, x, target=1, layer="after")
    np.testing.assert_allclose(found.score, net(x)[:, 1].asnumpy(), rtol=1e-5)
    assert found.values.shape == (1, 4, 4)


class Unread(nn.HybridBlock):
    """A block that runs for nothing."""

    def __init__(self):
        super().__init__()
        self.read, self.unread = nn.Conv2D(2, 3, in_channels=1), nn.Conv2D(2, 3, in_channels=1)

    def hybrid_forward(self, F, x):
        self.unread(x)
        return F.mean(self.read(x), axis=(2, 3))


def test_a_layer_that_runs_for_nothing_is_told():
    net = Unread()
    net.initialize()
    with pytest.raises(LayerError, match="no output of the net depends on the layer 'unread'"):
        gm.grad_cam(net, mx.nd.ones((1, 1, 5, 5)), target=1, layer="unread")


def test_a_net_with_a_loop_from_its_files(tmp_path):
    net, x = looped("frames", "float32")
    net.hybridize()
    says(net, x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.export(str(tmp_path / "net"))
    loaded = gm.load(tmp_path / "net")
    expected = gm.saliency(net, x, target=1).values
    np.testing.assert_allclose(gm.saliency(loaded, x, target=1).values, expected, atol=1e-6)
