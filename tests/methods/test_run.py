"""Which output, input and layers a call explains; several layers at once."""

import warnings

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError, LayerError, MethodError, TargetError

nn = mx.gluon.nn


class Toy(mx.gluon.HybridBlock):
    """A picture and a vector in; scores, their softmax, and a map out."""

    def __init__(self):
        super().__init__(prefix="toy_")
        with self.name_scope():
            self.first = nn.Conv2D(4, 3, padding=1, in_channels=3, activation="relu")
            self.second = nn.Conv2D(6, 3, strides=2, in_channels=4, activation="relu")
            self.mix = nn.Dense(6, in_units=5)
            self.classify = nn.Dense(3, in_units=6)

    def hybrid_forward(self, F, picture, vector):
        maps = self.second(self.first(picture))
        scores = self.classify(maps.mean(axis=(2, 3)) + self.mix(vector))
        return scores, [F.softmax(scores, name="odds"), maps]


@pytest.fixture
def toy(ctx):
    mx.random.seed(2)
    net = Toy()
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    x = (
        mx.nd.random.normal(shape=(2, 3, 11, 9), ctx=ctx),
        mx.nd.random.normal(shape=(2, 5), ctx=ctx),
    )
    return net, x


# ------------------------------------------------------------------------------------------ outputs


def test_the_first_of_several_outputs_is_explained_and_it_says_so(toy):
    net, x = toy
    with pytest.warns(UserWarning, match=r"3 outputs \(toy_dense1_fwd_output, toy_odds_output"):
        found = gm.grad_cam(net, x, 1)
    assert found.output == "toy_dense1_fwd_output"
    np.testing.assert_allclose(found.score, net(*x)[0].asnumpy()[:, 1], rtol=1e-5)


def test_the_warning_points_at_the_caller(toy):
    net, x = toy
    calls = [
        lambda: gm.grad_cam(net, x),
        lambda: gm.explain(net, x, ["saliency"]),
        lambda: gm.visualize(net, x, np.zeros((2, 11, 9, 3), np.uint8)),
    ]
    for call in calls:
        with pytest.warns(UserWarning, match="outputs") as caught:
            call()
        assert [one.filename for one in caught if "outputs" in str(one.message)] == [__file__]


@pytest.mark.parametrize("output", [0, "toy_dense1_fwd_output", "toy_dense1_fwd", -3, [0]], ids=str)
def test_an_output_by_number_or_name(toy, output):
    net, x = toy
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        found = gm.saliency(net, x, 1, output=output)
    assert found.output == "toy_dense1_fwd_output"


def test_an_output_that_is_a_map(toy):
    net, x = toy
    found = gm.saliency(net, x, gm.targets.Segmentation(4), output=2)
    np.testing.assert_allclose(
        found.score, net(*x)[1][1].asnumpy()[:, 4].mean(axis=(1, 2)), rtol=1e-5
    )


@pytest.mark.parametrize("output", [3, -4, "odds", ["toy_odds", 7]], ids=str)
def test_unknown_outputs_are_refused_with_those_there_are(toy, output):
    net, x = toy
    with pytest.raises(TargetError, match=r"no output (3|-4|'odds'|7); it has 0 'toy_dense1_fwd"):
        gm.saliency(net, x, 1, output=output)


def test_a_function_of_several_outputs(toy):
    net, x = toy
    found = gm.saliency(net, x, lambda a, b: a[:, 0] * 2 - b.max(axis=(1, 2, 3)), output=[0, 2])
    scores, (_, maps) = net(*x)
    np.testing.assert_allclose(
        found.score, 2 * scores.asnumpy()[:, 0] - maps.asnumpy().max(axis=(1, 2, 3)), rtol=1e-5
    )
    assert found.output == "toy_dense1_fwd_output + toy_conv1_relu_fwd_output"
    apart = (
        gm.saliency(net, x, 0, output=0).values * 2
        - gm.saliency(net, x, lambda b: b.max(axis=(1, 2, 3)), output=2).values
    )
    np.testing.assert_allclose(found.values, apart, rtol=1e-5, atol=1e-6)


def test_scores_and_their_softmax_are_one_value_twice(toy):
    """Both outputs are explained at the scores; their gradients add up there."""
    net, x = toy
    found = gm.saliency(net, x, lambda a, b: a[:, 0] + 3 * b[:, 0], output=[0, 1])
    np.testing.assert_allclose(
        found.values, 4 * gm.saliency(net, x, 0, output=0).values, rtol=1e-5, atol=1e-6
    )


def test_the_score_before_a_softmax_and_the_probability_after_it(toy):
    net, x = toy
    score = gm.saliency(net, x, 2, output=1)
    np.testing.assert_array_equal(score.values, gm.saliency(net, x, 2, output=0).values)
    odds = net(*x)[1][0].asnumpy()
    probability = gm.saliency(net, x, 2, output="probability")
    np.testing.assert_allclose(probability.score, odds[:, 2], rtol=1e-5)
    # p₂' = p₂ (s₂' - Σ p_c s_c')
    parts = [gm.saliency(net, x, c, output=0).values for c in range(3)]
    mean = sum(odds[:, c, None, None, None] * parts[c] for c in range(3))
    np.testing.assert_allclose(
        probability.values, odds[:, 2, None, None, None] * (parts[2] - mean), rtol=1e-4, atol=1e-7
    )


# ------------------------------------------------------------------------------------------- inputs


@pytest.mark.parametrize("which", [1, -1, "data1"])
def test_attributions_of_another_input(toy, which):
    net, x = toy
    found = gm.saliency(net, x, 1, output=0, input=which)
    expected = (
        net.classify.weight.data(x[0].context)[1].asnumpy()
        @ net.mix.weight.data(x[0].context).asnumpy()
    )
    assert found.input == "data1"
    np.testing.assert_allclose(found.values, [expected] * 2, rtol=1e-5)
    with pytest.raises(InputError, match="no positions"):
        found.heatmap()


@pytest.mark.parametrize("which", [2, "picture"])
def test_unknown_inputs_are_refused_with_those_there_are(toy, which):
    net, x = toy
    with pytest.raises(InputError, match=r"no input .* it has 0 'data0', 1 'data1'"):
        gm.saliency(net, x, 1, output=0, input=which)


def test_inputs_keep_the_order_of_the_call(ctx):
    class Swapped(mx.gluon.HybridBlock):
        def hybrid_forward(self, F, a, unused, b):
            return F.concat((b * 2).mean(axis=(2, 3)), a.mean(axis=(2, 3)) * 3, dim=1)

    net = Swapped()
    x = (
        mx.nd.ones((1, 1, 2, 2), ctx=ctx),
        mx.nd.ones((7,), ctx=ctx),
        mx.nd.full((1, 1, 4, 4), 5, ctx=ctx),
    )
    found = gm.saliency(net, x, 0, input=2)
    assert found.score == [10]
    np.testing.assert_array_equal(found.values, np.full((1, 1, 4, 4), 2 / 16))
    with pytest.raises(TargetError, match=r"no gradient gets from .* back to its input 'data0'"):
        gm.saliency(Detached(), (x[0], x[2]), None, input=0)
    assert gm.saliency(Detached(), (x[0], x[2]), None).input == "data1"


class Detached(mx.gluon.HybridBlock):
    def hybrid_forward(self, F, a, b):
        return F.BlockGrad(a).mean(axis=(2, 3)) + b.mean(axis=(2, 3))


# ------------------------------------------------------------------------------------------- layers


def test_a_list_of_layers_gives_a_list_of_explanations(toy):
    net, x = toy
    found = gm.explain(
        net, x, ["grad_cam", "guided_grad_cam", "saliency"], 1, ["first", net.second], output=0
    )
    assert [one.layer for one in found["grad_cam"]] == ["first", "second"]
    for number, layer in enumerate(["first", "second"]):
        alone = gm.explain(net, x, ["grad_cam", "guided_grad_cam"], 1, layer, output=0)
        for name, expected in alone.items():
            np.testing.assert_allclose(
                found[name][number].values, expected.values, rtol=1e-5, atol=1e-7
            )
    assert found["saliency"].values.shape == (2, 3, 11, 9)


@pytest.mark.parametrize(
    ("fuse", "join"),
    [("mean", lambda a, b: (a + b) / 2), ("max", np.maximum), ("product", np.multiply)],
)
def test_fused_layers(toy, fuse, join):
    net, x = toy
    one, other = gm.grad_cam(net, x, 1, ["first", "second"], output=0, relu=False)
    found = gm.grad_cam(net, x, 1, ["first", "second"], output=0, fuse=fuse, relu=False)
    np.testing.assert_allclose(found.values, join(one.heatmap(), other.heatmap()), rtol=1e-5)
    assert found.layer == "first + second"
    assert found.options == {"relu": False, "fuse": fuse}
    assert found.is_map


def test_fusions_that_make_no_sense_are_refused(toy):
    net, x = toy
    with pytest.raises(MethodError, match="no fusion 'sum'; there are mean, max, product"):
        gm.grad_cam(net, x, 1, ["first"], output=0, fuse="sum")
    with pytest.raises(LayerError, match="guided_grad_cam gives attributions"):
        gm.guided_grad_cam(net, x, 1, ["first", "second"], output=0, fuse="mean")


def test_a_layer_that_no_gradient_comes_back_to_is_refused():
    class Cut(mx.gluon.HybridBlock):
        def hybrid_forward(self, F, x):
            return (F.BlockGrad(F.relu(x, name="behind")) + x).mean(axis=(2, 3))

    with pytest.raises(LayerError, match=r"BlockGrad .* lets none through"):
        gm.grad_cam(Cut(prefix="cut_"), mx.nd.ones((1, 3, 4, 4)), 0, "cut_behind_output")
