"""Attributions along several inputs at once, against sums in numpy."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError, MethodError, TargetError

QUIET = {"progress": False}
RNG = np.random.RandomState(0)
A, B = RNG.normal(size=(2, 2, 3, 3)), RNG.normal(size=(2, 4))
W, V = RNG.normal(size=(3, 18)), RNG.normal(size=(3, 4))
INPUTS = (A, B)


class Two(mx.gluon.HybridBlock):
    """tanh(W a) · (V b)², class by class: 3 scores of a picture and a vector."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.first = mx.gluon.nn.Dense(3, in_units=18, use_bias=False)
            self.second = mx.gluon.nn.Dense(3, in_units=4, use_bias=False)

    def hybrid_forward(self, F, a, b):
        return F.tanh(self.first(a)) * F.square(self.second(b))


def net(hybrid=False):
    made = Two()
    made.initialize()
    made.first.weight.set_data(mx.nd.array(W))
    made.second.weight.set_data(mx.nd.array(V))
    made.cast("float64")
    for block, weight in ((made.first, W), (made.second, V)):
        block.weight.set_data(mx.nd.array(weight, dtype="float64"))
    made.hybridize(hybrid)
    return made


def score(a, b, k=1):
    return np.tanh(a.reshape(len(a), -1) @ W[k]) * (b @ V[k]) ** 2


def gradients(a, b, k=1):
    z, u = np.tanh(a.reshape(len(a), -1) @ W[k]), b @ V[k]
    of_a = ((1 - z**2) * u**2)[:, None] * W[k]
    return of_a.reshape(a.shape), (z * 2 * u)[:, None] * V[k]


def along(starts, ends, steps=4000):
    """Integrated gradients by midpoints, of both inputs on the same way."""
    sums = [np.zeros_like(one) for one in ends]
    for t in (np.arange(steps) + 0.5) / steps:
        here = [start + t * (end - start) for start, end in zip(starts, ends)]
        for total, gradient in zip(sums, gradients(*here)):
            total += gradient / steps
    return [total * (end - start) for total, start, end in zip(sums, starts, ends)]


def total(found):
    return sum(one.values.astype(np.float64).reshape(len(one.values), -1).sum(1) for one in found)


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("which", ["all", [0, 1], ["data0", "data1"], ("data0", 1)], ids=str)
def test_integrated_gradients_along_all_inputs(which, hybrid):
    found = gm.integrated_gradients(net(hybrid), INPUTS, 1, input=which, steps=60, **QUIET)
    assert [one.input for one in found] == ["data0", "data1"]
    assert [one.input_size for one in found] == [(3, 3), ()]
    for one, expected in zip(found, along([A * 0, B * 0], INPUTS)):
        np.testing.assert_allclose(one.values, expected, rtol=1e-5, atol=1e-6)
    difference = score(A, B) - score(A * 0, B * 0)
    np.testing.assert_allclose(total(found), difference, rtol=1e-5)
    for one in found:
        np.testing.assert_allclose(one.details["score_difference"], difference, rtol=1e-9)
        np.testing.assert_allclose(one.details["completeness_gap"], 0, atol=1e-6)


def test_one_input_is_another_question():
    """Along one of them, the other stays as it is."""
    together = gm.integrated_gradients(net(), INPUTS, 1, input="all", steps=60, **QUIET)
    alone = gm.integrated_gradients(net(), INPUTS, 1, input=1, steps=60, **QUIET)
    np.testing.assert_allclose(total([alone]), score(A, B) - score(A, B * 0), rtol=1e-5)
    assert abs(alone.values - together[1].values).max() > 0.01
    (listed,) = gm.integrated_gradients(net(), INPUTS, 1, input=[1], steps=60, **QUIET)
    np.testing.assert_allclose(listed.values, alone.values, rtol=1e-6)


def test_the_order_is_the_callers():
    found = gm.saliency(net(), INPUTS, 1, input=["data1", "data0"])
    assert [one.input for one in found] == ["data1", "data0"]
    for one, expected in zip(found, gradients(A, B)[::-1]):
        np.testing.assert_allclose(one.values, expected, rtol=1e-6)


def test_gradients_at_all_inputs():
    for one, x, expected in zip(
        gm.input_x_gradient(net(), INPUTS, 1, input="all"), INPUTS, gradients(A, B)
    ):
        np.testing.assert_allclose(one.values, x * expected, rtol=1e-6)


@pytest.mark.parametrize("baseline", [(0.5, "mean"), {"data1": "mean", "data0": 0.5}], ids=str)
def test_a_baseline_for_each(baseline):
    found = gm.integrated_gradients(
        net(), INPUTS, 1, input="all", baseline=baseline, steps=60, **QUIET
    )
    starts = [np.full_like(A, 0.5), B]  # each value of a vector is a channel's mean
    for one, expected in zip(found, along(starts, INPUTS)):
        np.testing.assert_allclose(one.values, expected, rtol=1e-5, atol=1e-6)


def test_smooth_grad_of_all_inputs():
    found = gm.smooth_grad(net(), INPUTS, 1, input="all", num_samples=7, noise=0.1, seed=4, **QUIET)
    draw = np.random.RandomState(4)
    sums = [np.zeros_like(A), np.zeros_like(B)]
    for _ in range(7):
        noise = draw.standard_normal((1, A[0].size + B[0].size))
        noisy = [
            x + 0.1 * np.ptp(x.reshape(2, -1), axis=1).reshape(2, *[1] * (x.ndim - 1)) * part
            for x, part in (
                (A, noise[:, :18].reshape(1, *A.shape[1:])),
                (B, noise[:, 18:]),
            )
        ]
        for sum_, gradient in zip(sums, gradients(*noisy)):
            sum_ += gradient / 7
    for one, expected in zip(found, sums):
        np.testing.assert_allclose(one.values, expected, rtol=1e-5, atol=1e-7)


def test_expected_gradients_of_all_inputs():
    others = (RNG.normal(size=(3, *A.shape[1:])), RNG.normal(size=(3, 4)))
    found = gm.expected_gradients(
        net(), INPUTS, 1, input="all", background=others, num_samples=3000, seed=1, **QUIET
    )
    means, means_of_scores = [np.zeros_like(A), np.zeros_like(B)], []
    for number in range(3):
        starts = [np.broadcast_to(one[number], x.shape) for one, x in zip(others, INPUTS)]
        for mean, one in zip(means, along(starts, INPUTS, 500)):
            mean += one / 3
        means_of_scores.append(score(*starts))
    difference = score(A, B) - np.mean(means_of_scores, axis=0)
    for one, expected in zip(found, means):
        assert one.details["standard_error"].shape == one.values.shape
        close = 5 * one.details["standard_error"] + 1e-9
        assert (abs(one.values - expected) < close).all()
        np.testing.assert_allclose(one.details["score_difference"], difference, rtol=1e-9)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
def test_how_many_run_at_once_changes_nothing(batch_size):
    given = {"input": "all", "steps": 9, **QUIET}
    expected = gm.integrated_gradients(net(), INPUTS, 1, batch_size=16, **given)
    found = gm.integrated_gradients(net(), INPUTS, 1, batch_size=batch_size, **given)
    for one, other in zip(found, expected):
        np.testing.assert_allclose(one.values, other.values, rtol=1e-6, atol=1e-9)


def test_an_input_beside_that_stays():
    """Of three inputs two: the third stays as it is, also one that all samples share."""
    a, b, c = (mx.sym.var(name) for name in "abc")
    symbol = mx.sym.broadcast_mul(mx.sym.sum(a * b, axis=1, keepdims=True), c)
    x = (RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2)), np.array([[2.0]]))
    found = gm.integrated_gradients((symbol, {}, {}), x, input=["a", "b"], steps=3, **QUIET)
    for one in found:
        np.testing.assert_allclose(one.values, x[0] * x[1], rtol=1e-6)  # half of 2 a b each
    with pytest.raises(InputError, match=r"'c' has shape \(1, 1\), and 'a' holds 3 samples"):
        gm.saliency((symbol, {}, {}), x, input="all")


def test_rules_go_to_all_inputs():
    """Of a ReLU over a sum of both: the guided gradient at each, counted once."""
    a, b = mx.sym.var("a"), mx.sym.var("b")
    hidden = mx.sym.Activation(a + b, act_type="relu")
    symbol = mx.sym.FullyConnected(hidden, num_hidden=2, no_bias=True, name="out")
    weight = RNG.normal(size=(2, 5))
    x = (RNG.normal(size=(3, 5)), RNG.normal(size=(3, 5)))
    made = (symbol, {"out_weight": mx.nd.array(weight, dtype="float64")}, {})
    for one in gm.guided_backprop(made, x, 1, input="all"):
        expected = (x[0] + x[1] > 0) * np.maximum(weight[1], 0)
        np.testing.assert_allclose(one.values, expected, rtol=1e-6)
        assert one.rule_report.changed == {"relu": 1}


def test_a_rectifier_on_the_way_to_one_of_them():
    a, b = mx.sym.var("a"), mx.sym.var("b")
    symbol = mx.sym.sum(a, axis=1) + mx.sym.sum(mx.sym.relu(b), axis=1)
    x = (RNG.normal(size=(3, 5)), RNG.normal(size=(3, 5)))
    of_a, of_b = gm.guided_backprop((symbol, {}, {}), x, input="all")
    assert of_a.rule_report.changed == {"relu": 1}
    np.testing.assert_array_equal(of_a.values, np.ones((3, 5)))
    np.testing.assert_array_equal(of_b.values, x[1] > 0)


def test_samples_that_touch_are_explained_one_by_one():
    """The batch's mean goes into each score, so a path of one sample changes all of them."""
    a, b = mx.sym.var("a"), mx.sym.var("b")
    symbol = mx.sym.broadcast_mul(a * b, mx.sym.mean(a, axis=0, keepdims=True))
    x = (RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2)))
    with pytest.warns(UserWarning, match="each is explained by itself"):
        found = gm.input_x_gradient((symbol, {}, {}), x, 1, input="all")
    mean = x[0].mean(axis=0)
    of_a = x[1] * mean + x[0] * x[1] / 3
    of_b = x[0] * mean
    chosen = np.array([0, 1])
    np.testing.assert_allclose(found[0].values, x[0] * of_a * chosen, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found[1].values, x[1] * of_b * chosen, rtol=1e-6, atol=1e-9)


def test_channels_last():
    """A picture with its channels last beside one with its channels first."""
    a, b = mx.sym.var("a"), mx.sym.var("b")
    maps = mx.sym.Convolution(a, kernel=(1, 1), num_filter=1, layout="NHWC", no_bias=True, name="c")
    symbol = mx.sym.sum(maps, axis=(1, 2, 3)) * mx.sym.sum(b, axis=(1,))
    weight = RNG.normal(size=(1, 1, 1, 3))
    x = (RNG.normal(size=(2, 4, 5, 3)), RNG.normal(size=(2, 6)))
    made = (symbol, {"c_weight": mx.nd.array(weight, dtype="float64")}, {})
    alone = [gm.input_x_gradient(made, x, input=one) for one in "ab"]
    for one, expected in zip(gm.input_x_gradient(made, x, input="all"), alone):
        assert one.input_size == expected.input_size
        np.testing.assert_allclose(one.values, expected.values, rtol=1e-6)
    path = gm.integrated_gradients(made, x, input="all", steps=4, **QUIET)
    assert path[0].values.shape == (2, 3, 4, 5)
    score = (x[0] @ weight[0, 0, 0]).sum(axis=(1, 2)) * x[1].sum(axis=1)
    np.testing.assert_allclose(total(path), score, rtol=1e-6, atol=1e-6)
    expected = 0.5 * x[0].transpose(0, 3, 1, 2) * weight.reshape(1, 3, 1, 1)
    expected = expected * x[1].sum(axis=1).reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(path[0].values, expected, rtol=1e-6)


def test_in_explain_and_for_several_targets():
    names = ["saliency", "integrated_gradients"]
    found = gm.explain(
        net(), INPUTS, names, gm.targets.Several([0, 1]), input="all",
        options={"integrated_gradients": {"steps": 5, **QUIET}},
    )  # fmt: skip
    for of_target, k in zip(found["saliency"], (0, 1)):
        for one, expected in zip(of_target, gradients(A, B, k)):
            np.testing.assert_allclose(one.values, expected, rtol=1e-6)
    assert [one.input for one in found["integrated_gradients"][1]] == ["data0", "data1"]


def test_inputs_that_no_gradient_comes_back_to_are_left_out():
    """Words by their numbers beside a vector: "all" is the vector."""
    words, b = mx.sym.var("words"), mx.sym.var("b")
    looked_up = mx.sym.Embedding(words, input_dim=7, output_dim=4, name="words_of")
    symbol = mx.sym.sum(mx.sym.mean(looked_up, axis=1) * b, axis=1)
    table = RNG.normal(size=(7, 4))
    made = (symbol, {"words_of_weight": mx.nd.array(table, dtype="float64")}, {})
    x = (np.array([[1, 2], [3, 3]]), B)
    (found,) = gm.input_x_gradient(made, x, input="all")
    assert found.input == "b"
    np.testing.assert_allclose(found.values, B * table[x[0]].mean(axis=1), rtol=1e-6)
    with pytest.raises(TargetError, match="no gradient gets"):
        gm.input_x_gradient(made, x, input=["words", "b"])


@pytest.mark.parametrize("name", ["occlusion", "rise", "feature_ablation", "grad_cam"])
def test_what_explains_one_input_says_so(name):
    with pytest.raises(MethodError, match=f"{name} .*name one input"):
        getattr(gm, name)(net(), INPUTS, 1, input="all")


def test_what_does_not_fit_is_refused():
    path = gm.integrated_gradients
    with pytest.raises(MethodError, match=r"layer.*name one input"):
        path(net(), INPUTS, 1, layer="first", input="all", **QUIET)
    with pytest.raises(MethodError, match="tuple of 3; expected one for each of the 2 inputs"):
        path(net(), INPUTS, 1, input="all", baseline=(0, 0, 0), **QUIET)
    with pytest.raises(MethodError, match=r"baseline names c; .*data0, data1"):
        path(net(), INPUTS, 1, input="all", baseline={"c": 0}, **QUIET)
    with pytest.raises(InputError, match="no input 'c'"):
        path(net(), INPUTS, 1, input=["data0", "c"], **QUIET)
    with pytest.raises(InputError, match="names no input"):
        path(net(), INPUTS, 1, input=[], **QUIET)
    background = (np.zeros((3, 2, 3, 3)), np.zeros((2, 4)))
    with pytest.raises(InputError, match="3, 2 rows; expected as many"):
        gm.expected_gradients(net(), INPUTS, 1, input="all", background=background, **QUIET)


def test_the_gradient_at_all_inputs_is_proved():
    report = gm.check(net(), INPUTS, 1, input="all")
    proved = {finding.what: finding.holds for finding in report.findings}
    assert proved["the gradient at the input is the derivative"] is True


def test_a_net_that_cannot_be_traced_explains_one():
    class Free(mx.gluon.Block):
        def __init__(self):
            super().__init__()
            self.dense = gm.nn.Dense(2)

        def forward(self, a, b):
            assert a.sum().asscalar() < 1e9
            return self.dense(a * b)

    made = Free()
    made.initialize()
    made(mx.nd.array(B), mx.nd.array(B))
    with pytest.raises(InputError, match=r"cannot be traced.*one at a time"):
        gm.saliency(made, (B, B), 1, input="all")
