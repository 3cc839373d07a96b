"""Every method against its formula, written with plain loops over float64 values and gradients.

The values come from the naive interpreter in `reference`, the formulas from the papers. Weights and
inputs are such that no activation's input and no pooling window is so near to a tie that float32
could take the other side (asserted): what is left is rounding. It is a few 1e-7 of the largest
value in nets of a few layers whose sums have up to some hundred terms; 1e-5 leaves room for other
processors and is far below the effect of any wrong factor, sign or position.
"""

from __future__ import annotations

import numpy as np
import pytest
from reference import Reference

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import LayerError, MethodError, RuleError

nn = mx.gluon.nn
TOLERANCE = 1e-5
TIE = 1e-5
NAMES = ["grad_cam", "guided_backprop", "guided_grad_cam", "saliency"]


def relative_error(found, expected):
    assert found.shape == expected.shape
    return np.abs(found - expected).max() / (np.abs(expected).max() or 1)


# ---------------------------------------------------------------------------------------- toy nets


def plain_net():
    """Every common layer once; ends in Flatten and Dense. Default layer: the ReLU at "5"."""
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(4, 3, padding=1, in_channels=3),
        nn.Activation("relu"),
        nn.MaxPool2D(2),
        nn.Conv2D(6, 3, in_channels=4),
        nn.BatchNorm(in_channels=6),
        nn.Activation("relu"),
        nn.Flatten(),
        nn.Dense(10, activation="relu"),
        nn.Dropout(0.5),
        nn.Dense(6),
    )
    return net


class Branches(mx.gluon.HybridBlock):
    """A residual sum, a concatenation of two branches, functional activations, strides, groups."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.stem = nn.Conv2D(4, 3, strides=2, padding=1, in_channels=3)
            self.norm = nn.BatchNorm(in_channels=4, scale=False)
            self.body = nn.Conv2D(4, 3, padding=1, in_channels=4, groups=2)
            self.left = nn.Conv2D(3, 1, in_channels=4)
            self.right = nn.Conv2D(2, 3, padding=1, in_channels=4)
            self.pool = nn.MaxPool2D(3, 1, 1)
            self.average = nn.GlobalAvgPool2D()
            self.classify = nn.Dense(5)

    def hybrid_forward(self, F, x):
        x = F.Activation(self.norm(self.stem(x)), act_type="relu")
        x = F.relu(self.body(x) + x)
        x = F.concat(F.relu(self.left(x)), F.relu(self.right(x)), self.pool(x), dim=1)
        return self.classify(self.average(x))


class OtherRectifiers(mx.gluon.HybridBlock):
    """Rectifiers that are no ReLU, and a gate, which no rule touches."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.stages = nn.HybridSequential()
            for channels in (3, 5, 5, 5):
                self.stages.add(nn.Conv2D(5, 3, padding=1, in_channels=channels))
            self.leaky, self.prelu, self.elu = nn.LeakyReLU(0.1), nn.PReLU(), nn.ELU(0.5)
            self.gate = nn.Conv2D(5, 1, in_channels=5)
            self.classify = nn.Dense(4)

    def hybrid_forward(self, F, x):
        x = self.leaky(self.stages[0](x))
        x = F.clip(self.stages[1](x), 0, 1.5)
        x = self.prelu(self.stages[2](x)) * F.sigmoid(self.gate(x))
        x = self.elu(self.stages[3](x))
        return self.classify(F.Pooling(x, global_pool=True, pool_type="avg", kernel=(1, 1)))


NETS = {
    # builder, size of the input, some layer, the operator that makes the default layer's map
    "plain": (plain_net, (13, 17), "2", "Activation"),
    "branches": (Branches, (14, 9), "left", "Concat"),
    "other rectifiers": (OtherRectifiers, (7, 12), "stages.1", "LeakyReLU"),
}


class Toy:
    """A toy net with random weights, a batch of 3 for it, and the same in float64."""

    def __init__(self, name, ctx, seed=1):
        build, size, self.layer, self.default_op = NETS[name]
        mx.random.seed(seed)
        with mx.name.NameManager():
            self.net = build()
        self.net.initialize(mx.init.Xavier(magnitude=3), ctx=ctx)
        rng = np.random.RandomState(seed)
        self.x = mx.nd.array(rng.randn(3, 3, *size), ctx=ctx)
        self.net(self.x).wait_to_read()
        for parameter in self.net.collect_params().values():
            if parameter.name.endswith(("gamma", "var")):
                parameter.set_data(mx.nd.array(rng.uniform(0.5, 1.5, parameter.shape)))
            elif parameter.name.endswith(("beta", "mean", "bias")):
                parameter.set_data(mx.nd.array(rng.normal(0, 0.2, parameter.shape)))
        self.parameters = {
            p.name: p.data(ctx).asnumpy() for p in self.net.collect_params().values()
        }
        with mx.name.NameManager():
            self.symbol = self.net(mx.sym.var("data"))
        self.reference = Reference(self.symbol.tojson(), self.parameters)
        self.output = self.reference.forward(self.x.asnumpy())
        assert not any(self.reference.near_ties(TIE).values())

    def node(self, default):
        """The node that makes the map: of the default layer, or of `self.layer`."""
        if default:
            return [
                node.name
                for node in self.reference.nodes
                if node.op == self.default_op and self.reference.value(node.name).ndim == 4
            ][-1]
        block = self.net
        for name in self.layer.split("."):
            block = block._children[name]
        return f"{block.name}_fwd"

    def gradients(self, classes, rule):
        head = np.zeros_like(self.output)
        head[np.arange(len(head)), classes] = 1
        return self.reference.backward(head, rule)


@pytest.fixture(params=list(NETS))
def toy(request, ctx):
    return Toy(request.param, ctx)


# -------------------------------------------------------------------------- the formulas, by loops


def grad_cam_by_loops(activations, gradients, relu=True):
    """Selvaraju et al. 2017, equations 1 and 2."""
    samples, channels, height, width = activations.shape
    maps = np.zeros((samples, height, width))
    for n in range(samples):
        for c in range(channels):
            alpha = 0.0
            for i in range(height):
                for j in range(width):
                    alpha += gradients[n, c, i, j] / (height * width)
            for i in range(height):
                for j in range(width):
                    maps[n, i, j] += alpha * activations[n, c, i, j]
    return np.where(maps > 0, maps, 0) if relu else maps


def bilinear_by_loops(one, height, width):
    """Values belong to the centres of square pixels; beyond the border the border goes on."""
    result = np.zeros((height, width))
    for i in range(height):
        for j in range(width):
            y = (i + 0.5) * one.shape[0] / height - 0.5
            x = (j + 0.5) * one.shape[1] / width - 0.5
            top, left = int(np.floor(y)), int(np.floor(x))
            for row, down in ((top, 1 - (y - top)), (top + 1, y - top)):
                for column, across in ((left, 1 - (x - left)), (left + 1, x - left)):
                    row_in = min(max(row, 0), one.shape[0] - 1)
                    column_in = min(max(column, 0), one.shape[1] - 1)
                    result[i, j] += down * across * one[row_in, column_in]
    return result


def upsampled(maps, size):
    return np.stack([bilinear_by_loops(one, *size) for one in maps])


def guided_grad_cam_by_loops(maps, guided):
    result = np.zeros(guided.shape)
    large = upsampled(maps, guided.shape[2:])
    for n in range(guided.shape[0]):
        for c in range(guided.shape[1]):
            for i in range(guided.shape[2]):
                for j in range(guided.shape[3]):
                    result[n, c, i, j] = large[n, i, j] * guided[n, c, i, j]
    return result


# ---------------------------------------------------------------------------- against the formulas


@pytest.mark.parametrize("default", [True, False], ids=["default layer", "another layer"])
@pytest.mark.parametrize("relu", [True, False])
def test_grad_cam(toy, default, relu):
    classes = [0, 3, 2]
    found = gm.grad_cam(toy.net, toy.x, classes, None if default else toy.layer, relu=relu)
    node = toy.node(default)
    expected = grad_cam_by_loops(
        toy.reference.value(node), toy.gradients(classes, "plain")[node], relu
    )
    assert expected.any()
    assert found.values.dtype == np.float32
    assert relative_error(found.values, expected) <= TOLERANCE
    assert relative_error(found.score, toy.output[[0, 1, 2], classes]) <= TOLERANCE
    assert found.target == classes
    assert found.options == {"relu": relu}


def test_saliency(toy):
    classes = [0, 3, 2]
    found = gm.saliency(toy.net, toy.x, classes)
    expected = toy.gradients(classes, "plain")["data"]
    assert relative_error(found.values, expected) <= TOLERANCE
    assert found.layer is None
    assert found.rule_report is None


def test_guided_backprop(toy):
    classes = [0, 3, 2]
    found = gm.guided_backprop(toy.net, toy.x, classes)
    expected = toy.gradients(classes, "guided")["data"]
    assert relative_error(found.values, expected) <= TOLERANCE
    # the rule matters for this net, so that mixing up the two would be seen
    assert relative_error(expected, toy.gradients(classes, "plain")["data"]) > 0.1
    assert sum(found.rule_report.changed.values()) == len(toy.reference.activations)


@pytest.mark.parametrize("default", [True, False], ids=["default layer", "another layer"])
def test_guided_grad_cam(toy, default):
    classes = [0, 3, 2]
    found = gm.guided_grad_cam(toy.net, toy.x, classes, None if default else toy.layer)
    node = toy.node(default)
    maps = grad_cam_by_loops(toy.reference.value(node), toy.gradients(classes, "plain")[node])
    expected = guided_grad_cam_by_loops(maps, toy.gradients(classes, "guided")["data"])
    assert relative_error(found.values, expected) <= TOLERANCE


def test_the_top_class_is_explained_by_default(toy):
    top = toy.output.argmax(axis=1)
    found = gm.saliency(toy.net, toy.x)
    assert found.target == list(top)
    assert relative_error(found.values, toy.gradients(top, "plain")["data"]) <= TOLERANCE


@pytest.mark.parametrize("size", [(5, 7), (1, 9), (40, 33), (2, 3)])
def test_bilinear_resizing_has_half_pixel_centres(size):
    maps = np.random.RandomState(0).randn(2, 5, 7).astype(np.float32)
    found = gm.picture.resize(maps, size)
    # cv2 keeps its weights in float32: 1e-6 of the largest value
    np.testing.assert_allclose(found, upsampled(maps, size), atol=3e-6)


# -------------------------------------------------------------------------------------- by hand


def one_by_one_net(ctx, kernel, classify):
    """A 1×1 convolution, the mean over positions, a linear classifier: all without bias."""
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(len(kernel), 1, use_bias=False, in_channels=len(kernel[0])),
        nn.GlobalAvgPool2D(),
        nn.Dense(len(classify), use_bias=False, in_units=len(classify[0])),
    )
    net.initialize(ctx=ctx)
    net[0].weight.set_data(mx.nd.array(kernel).reshape((len(kernel), -1, 1, 1)))
    net[2].weight.set_data(mx.nd.array(classify))
    return net


def test_grad_cam_by_hand(ctx):
    net = one_by_one_net(ctx, [[1, 2], [3, -1]], [[6, -12], [0, 6]])
    x = mx.nd.array([[[[1, 0, 2]], [[0, 1, 1]]]], ctx=ctx)  # two channels, 1 × 3 positions
    # A = [1, 2, 4] and [3, -1, 5]; the score of class 0 is 6 mean(A₀) - 12 mean(A₁), so the
    # gradient is 2 at every position of A₀ and -4 at every one of A₁: 2 A₀ - 4 A₁ is the map.
    found = gm.grad_cam(net, x, 0, "0", relu=False)
    np.testing.assert_allclose(found.values, [[[-10, 8, -12]]], rtol=1e-6)
    np.testing.assert_allclose(found.score, [6 * 7 / 3 - 12 * 7 / 3], rtol=1e-6)
    np.testing.assert_array_equal(gm.grad_cam(net, x, 0, "0").values, np.maximum(found.values, 0))
    # class 1: the gradient is 0 and 2
    np.testing.assert_allclose(
        gm.grad_cam(net, x, 1, "0", relu=False).values, [[[6, -2, 10]]], rtol=1e-6
    )
    # 2·[1, 2] - 4·[3, -1] = [-10, 8]: the gradient at the input is the same at every position
    np.testing.assert_allclose(gm.saliency(net, x, 0).values, [[[[-10] * 3], [[8] * 3]]], rtol=1e-6)


def test_guided_backprop_by_hand(ctx):
    # two rectifiers in a row: score = Σ w·relu(v·relu(u·x)) with one feature a column
    net = nn.HybridSequential()
    net.add(
        nn.Dense(3, use_bias=False, in_units=3),
        nn.Activation("relu"),
        nn.Dense(3, use_bias=False, in_units=3),
        nn.Activation("relu"),
        nn.Dense(1, use_bias=False, in_units=3),
    )
    net.initialize(ctx=ctx)
    net[0].weight.set_data(mx.nd.array(np.diag([1, -1, 2])))
    net[2].weight.set_data(mx.nd.array([[1, 0, -3], [0, 1, 0], [2, 0, 1]]))
    net[4].weight.set_data(mx.nd.array([[5, 7, -1]]))
    x = mx.nd.array([[4, 1, 1]], ctx=ctx)
    # z₁ = [4, -1, 2], relu: [4, 0, 2]; z₂ = [4 - 6, 0, 8 + 2] = [-2, 0, 10]; score -10.
    # Plain: dy = [5, 7, -1], behind relu [0, 0, -1], behind v [-2, 0, -1], relu, u: [-2, 0, -2].
    found = gm.saliency(net, x)
    np.testing.assert_array_equal(found.score, [-10])
    np.testing.assert_array_equal(found.values, [[-2, 0, -2]])
    # Guided: the only way back starts with -1 and is stopped at once.
    np.testing.assert_array_equal(gm.guided_backprop(net, x).values, [[0, 0, 0]])
    # With the last weight 1, the score is 10: [0, 0, 1], behind v [2, 0, 1], u: [2, 0, 2].
    net[4].weight.set_data(mx.nd.array([[5, 7, 1]]))
    np.testing.assert_array_equal(gm.guided_backprop(net, x).values, [[2, 0, 2]])
    # Negative weights in the middle: [2, 0, 1 - 4] at the first relu, guided stops the -3.
    net[2].weight.set_data(mx.nd.array([[1, 0, 0], [0, 1, 0], [2, 0, -3]]))
    np.testing.assert_array_equal(gm.saliency(net, x).values, [[7, 0, -6]])
    np.testing.assert_array_equal(gm.guided_backprop(net, x).values, [[7, 0, 0]])


def test_guided_grad_cam_by_hand(ctx):
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(1, 1, use_bias=False, in_channels=1),
        nn.Activation("relu"),
        nn.MaxPool2D((1, 2)),
        nn.Flatten(),
        nn.Dense(1, use_bias=False, in_units=2),
    )
    net.initialize(mx.init.One(), ctx=ctx)
    x = mx.nd.array([[[[1, 3, 2, -1]]]], ctx=ctx)
    # The pooled map is [3, 2], its gradient [1, 1]: Grad-CAM [3, 2] at "2". The guided gradient is
    # [0, 1, 1, 0]. Upsampling 2 → 4 with half-pixel centres: 3, 2.75, 2.25, 2.
    found = gm.guided_grad_cam(net, x, layer="2")
    np.testing.assert_allclose(found.values, [[[[0, 2.75, 2.25, 0]]]], rtol=1e-6)


def test_grad_cam_is_cam_behind_a_global_average_pool(ctx):
    """Zhou et al. 2016: CAM = Σ_c w_c A_c, and then α_c = w_c / (h w)."""
    toy = Toy("branches", ctx)
    found = gm.grad_cam(toy.net, toy.x, [4, 1, 0], relu=False).values
    maps = toy.reference.value(toy.node(default=True))
    weights = toy.net.classify.weight.data(ctx).asnumpy()[[4, 1, 0]]
    cam = np.einsum("nc,nchw->nhw", weights, maps) / (maps.shape[2] * maps.shape[3])
    assert relative_error(found, cam) <= TOLERANCE


# ------------------------------------------------------------------------- the same in other ways


def results(net, x, target, layer=None):
    return {
        "grad_cam": gm.grad_cam(net, x, target, layer).values,
        "guided_backprop": gm.guided_backprop(net, x, target).values,
        "guided_grad_cam": gm.guided_grad_cam(net, x, target, layer).values,
        "saliency": gm.saliency(net, x, target).values,
    }


def test_a_batch_gives_what_its_samples_give(toy):
    classes = [0, 3, 2]
    batch = results(toy.net, toy.x, classes)
    for n, one in enumerate(classes):
        single = results(toy.net, toy.x[n : n + 1], one)
        for name in NAMES:
            # a product of matrices is summed in another order when there are more rows
            assert relative_error(batch[name][n : n + 1], single[name]) <= 1e-6, name


@pytest.mark.parametrize("name", list(NETS))
def test_contexts_give_the_same(name):
    found = [
        results(toy.net, toy.x, [0, 3, 2]) for toy in (Toy(name, mx.cpu(0)), Toy(name, mx.cpu(1)))
    ]
    for method in NAMES:
        np.testing.assert_array_equal(found[0][method], found[1][method])


def test_hybridized_nets_give_the_same(toy):
    before = results(toy.net, toy.x, 1)
    for static in (False, True):
        toy.net.hybridize(static_alloc=static, static_shape=static)
        toy.net(toy.x)
        for name, values in results(toy.net, toy.x, 1).items():
            np.testing.assert_array_equal(values, before[name])


@pytest.mark.filterwarnings("ignore:Cannot decide type:UserWarning")
def test_every_kind_of_net_gives_the_same(toy, tmp_path):
    of_net = results(toy.net, toy.x, 1)
    arrays = {p.name: p.data() for p in toy.net.collect_params().values()}
    moving = toy.symbol.list_auxiliary_states()
    auxiliary = {name: array for name, array in arrays.items() if name in moving}
    arguments = {name: array for name, array in arrays.items() if name not in moving}
    toy.net.hybridize()
    toy.net(toy.x)
    toy.net.export(str(tmp_path / "net"))
    exported = mx.gluon.SymbolBlock.imports(
        str(tmp_path / "net-symbol.json"),
        ["data"],
        str(tmp_path / "net-0000.params"),
        ctx=toy.x.context,
    )
    kinds = {
        "graph": gm.trace(toy.net),
        "symbol and parameters": (toy.symbol, arguments, auxiliary),
        "exported": exported,
    }
    for kind, net in kinds.items():
        for name, values in results(net, toy.x, 1).items():
            np.testing.assert_array_equal(values, of_net[name], err_msg=f"{kind}: {name}")


def test_changed_parameters_change_the_explanation(toy):
    """The graph is kept from call to call, the parameters' values must not be."""
    before = results(toy.net, toy.x, 1)
    for parameter in toy.net.collect_params(".*weight").values():
        parameter.set_data(parameter.data() * 2)
    for name, values in results(toy.net, toy.x, 1).items():
        assert relative_error(values, before[name]) > 0.1


class Switched(mx.gluon.HybridBlock):
    """A net whose Python code does something else from one call to the next."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.relu = nn.Activation("relu")
            self.conv = nn.Conv2D(3, 3, padding=1, in_channels=3)
            self.classify = nn.Dense(4, in_units=6)
        self.bound, self.swaps = 1, False

    def hybrid_forward(self, F, x):
        first = self.relu(x)
        second = self.relu(self.conv(first))  # the node bears the same name as the first one's
        both = F.concat(second, first) if self.swaps else F.concat(first, second)
        return self.classify(F.clip(F.mean(both, axis=(2, 3)), 0, self.bound))


@pytest.mark.parametrize(("attribute", "value"), [("bound", 0.1), ("swaps", True)])
def test_changed_code_changes_the_explanation(ctx, attribute, value):
    """The kept graph serves as long as the net still does the same, to the last wire."""
    net = Switched()
    net.initialize(mx.init.Xavier(magnitude=3), ctx=ctx)
    x = mx.nd.array(np.random.RandomState(0).randn(2, 3, 6, 7), ctx=ctx)
    gm.grad_cam(net, x, 1)
    setattr(net, attribute, value)
    found = gm.grad_cam(net, x, 1)
    np.testing.assert_allclose(found.score, net(x).asnumpy()[:, 1], rtol=1e-5)


def test_explain_gives_what_the_single_functions_give(toy):
    together = gm.explain(toy.net, toy.x, NAMES, [0, 3, 2], toy.layer)
    single = results(toy.net, toy.x, [0, 3, 2], toy.layer)
    assert list(together) == NAMES
    for name in NAMES:
        # asking for more gradients cuts the graph at more places, and terms are summed elsewhere
        assert relative_error(together[name].values, single[name]) <= 1e-6
        assert together[name].method == name
        assert together[name].target == [0, 3, 2]
        assert together[name].input_size == toy.x.shape[2:]
        assert together[name].layer == (toy.layer if "cam" in name else None)
        assert (together[name].rule_report is None) == (name in ("grad_cam", "saliency"))


def test_explain_refuses_unknown_methods(ctx):
    toy = Toy("plain", ctx)
    with pytest.raises(
        MethodError, match=r"no method 'gradcam'; the closest is 'grad_cam'; there are .*saliency"
    ):
        gm.explain(toy.net, toy.x, ["saliency", "gradcam"])


def test_wrong_arguments_show_the_signature(ctx):
    toy = Toy("plain", ctx)
    with pytest.raises(TypeError, match=r"saliency\(\) .*'layer': saliency\(net: '?Net'?, x"):
        gm.saliency(toy.net, toy.x, layer="5")
    with pytest.raises(
        TypeError, match=r"grad_cam\(\) .*'relus'; did you mean relu=\?: grad_cam\(.*, relu: '?bool"
    ):
        gm.grad_cam(toy.net, toy.x, None, "5", relus=False)
    with pytest.raises(TypeError, match=r"too many positional"):
        gm.grad_cam(toy.net, toy.x, None, "5", False)


def test_a_rule_that_acts_on_nothing_is_an_error(ctx):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(2, 3, activation="sigmoid", in_channels=3), nn.Flatten(), nn.Dense(2))
    net.initialize(ctx=ctx)
    x = mx.nd.ones((1, 3, 5, 5), ctx=ctx)
    for method in (gm.guided_backprop, gm.guided_grad_cam):
        with pytest.raises(RuleError, match=r"guided rule .* none .*found: sigmoid.*gm.saliency"):
            method(net, x)
    assert gm.saliency(net, x).values.any()
    assert gm.grad_cam(net, x, relu=False).values.any()


def test_a_layer_that_no_rectifier_follows_still_has_a_guided_grad_cam(ctx):
    """The rule has to act between head and input, not between head and layer."""
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(2, 3, activation="relu", in_channels=3),
        nn.Conv2D(3, 1, in_channels=2),
        nn.GlobalAvgPool2D(),
        nn.Dense(2),
    )
    net.initialize(mx.init.Normal(1), ctx=ctx)
    found = gm.guided_grad_cam(net, mx.nd.ones((1, 3, 5, 5), ctx=ctx), layer="1")
    assert found.layer == "1"
    assert found.rule_report.changed == {"relu": 1}


def test_a_layer_without_positions_is_refused(ctx):
    toy = Toy("plain", ctx)
    with pytest.raises(LayerError, match=r"'9' gives \(3, 6\).*such as '5', the default"):
        gm.grad_cam(toy.net, toy.x, layer="9")
