"""Views that are folded into the samples' axis inside a net, and layers that are no maps."""

from __future__ import annotations

import numpy as np
import pytest
from networks import made

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import LayerError

nn = mx.gluon.nn
N, V, SIZE = 2, 3, 8


class Views(mx.gluon.HybridBlock):
    """Views of an object, (N, V, C, H, W): the strongest of each feature over all views."""

    shape = (N, V, 2, SIZE, SIZE)
    rows = (0, 0, 0, 1, 1, 1)

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2D(4, 3, padding=1, activation="relu")
        self.gate = nn.Dense(4, activation="sigmoid")
        self.out = nn.Dense(5)

    def maps(self, F, x):
        maps = self.conv(self.folded(F, x))
        # squeeze and excitation: the gate has no positions, the map keeps its own
        gate = self.gate(F.Pooling(maps, global_pool=True, pool_type="avg"))
        return F.broadcast_mul(maps, F.reshape(gate, shape=(0, 0, 1, 1)))

    def folded(self, F, x):
        return F.reshape(x, shape=(-3, -2))

    def behind(self, F, maps):
        features = F.reshape(F.mean(maps, axis=(2, 3)), shape=(-4, -1, V, -2))
        return self.out(F.max(features, axis=1))

    def hybrid_forward(self, F, x):
        return self.behind(F, self.maps(F, x))


class ViewByView(Views):
    """All samples of a view, then those of the next."""

    rows = (0, 1, 0, 1, 0, 1)

    def folded(self, F, x):
        return F.reshape(F.transpose(x, (1, 0, 2, 3, 4)), shape=(-3, -2))

    def behind(self, F, maps):
        features = F.reshape(F.mean(maps, axis=(2, 3)), shape=(-4, V, -1, -2))
        return self.out(F.max(features, axis=0))


class Slices(ViewByView):
    """The slices of a scan as its channels, (N, V, H, W), one after the other."""

    shape = (N, V, SIZE, SIZE)

    def folded(self, F, x):
        return F.concat(*F.SliceChannel(x, num_outputs=V, axis=1), dim=0)


NETS = pytest.mark.parametrize("cls", [Views, ViewByView, Slices], ids=lambda cls: cls.__name__)


def close(found, expected):
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)


def by_hand(net, x, target):
    """The maps of the last layer, and the gradient of the scores there."""
    maps = net.maps(mx.nd, x).copy()
    maps.attach_grad()
    with mx.autograd.record():
        total = net.behind(mx.nd, maps)[:, target].sum()
    total.backward()
    return maps.asnumpy(), maps.grad.asnumpy()


@NETS
def test_the_maps_of_views(ctx, cls, tmp_path):
    net, x = made(cls, ctx)
    maps, gradients = by_hand(net, x, 2)
    found = gm.grad_cam(net, x, 2)
    weights = gradients.mean(axis=(2, 3), keepdims=True)
    close(found.values, np.maximum((weights * maps).sum(axis=1), 0))
    close(gm.layer_cam(net, x, 2).values, (np.maximum(gradients, 0) * maps).sum(axis=1))
    assert found.views == V
    assert tuple(found.details["rows"]) == cls.rows
    assert found.input_size == (SIZE, SIZE)
    assert found.heatmap().shape == (N * V, SIZE, SIZE)
    assert len(found.plot().axes) >= N * V
    assert gm.Explanation.load(found.save(tmp_path / "views.npz")) == found
    photos = np.zeros((N * V, SIZE, SIZE, 3), np.uint8)
    assert found.overlay(photos).shape == photos.shape


@NETS
def test_maps_that_are_found_by_trying(cls):
    net, x = made(cls)
    maps, _ = by_hand(net, x, 2)
    score = net(x).asnumpy()[:, 2]
    drops = []
    for channel in range(maps.shape[1]):
        without = maps.copy()
        without[:, channel] = 0
        drops.append(score - net.behind(mx.nd, mx.nd.array(without)).asnumpy()[:, 2])
    weights = (np.stack(drops, axis=1) / np.abs(score)[:, None])[list(cls.rows)]
    expected = np.maximum((weights[..., None, None] * maps).sum(axis=1), 0)
    close(gm.ablation_cam(net, x, 2).values, expected)
    scores = []
    for channel in range(maps.shape[1]):
        one = maps[:, channel]
        low, high = (f(axis=(1, 2), keepdims=True) for f in (one.min, one.max))
        masks = np.divide(one - low, high - low, out=np.zeros_like(one), where=high > low)
        masks = masks[np.argsort(cls.rows, kind="stable")].reshape(N, V, SIZE, SIZE)
        masks = masks if x.ndim == 4 else masks[:, :, None]
        scores.append(net(x * mx.nd.array(masks)).asnumpy()[:, 2])
    odds = np.exp(np.stack(scores, axis=1))
    weights = (odds / odds.sum(axis=1, keepdims=True))[list(cls.rows)]
    expected = np.maximum((weights[..., None, None] * maps).sum(axis=1), 0)
    close(gm.score_cam(net, x, 2).values, expected)


@NETS
def test_paths_at_a_layer_of_views(cls):
    net, x = made(cls)
    found = gm.integrated_gradients(net, x, 2, layer="conv", steps=30)
    assert found.values.shape == (N * V, 4, SIZE, SIZE)
    rows, total = np.array(cls.rows), found.values.reshape(N * V, -1).sum(axis=1)
    difference = net(x).asnumpy()[:, 2] - net(x * 0).asnumpy()[:, 2]
    sums = [total[rows == sample].sum() for sample in range(N)]
    np.testing.assert_allclose(sums, difference, rtol=0.02, atol=0.02)


@NETS
def test_several_layers_of_views(cls):
    net, x = made(cls)
    each = gm.grad_cam(net, x, 2, layer=["conv", None])
    assert [one.views for one in each] == [V, V]
    fused = gm.grad_cam(net, x, 2, layer=["conv", None], fuse="mean")
    assert fused.values.shape == (N * V, SIZE, SIZE)
    np.testing.assert_array_equal(fused.details["rows"], cls.rows)


class Patches(Views):
    """Halves of a picture, as if they were samples."""

    shape = (N, 2, SIZE, SIZE)
    layer = "conv"

    def folded(self, F, x):
        halves = F.transpose(F.reshape(x, shape=(0, 0, 2, SIZE // 2, SIZE)), (0, 2, 1, 3, 4))
        return F.reshape(halves, shape=(-3, -2))

    def behind(self, F, maps):
        return self.out(F.reshape(F.mean(maps, axis=(2, 3)), shape=(-4, -1, 2, -2)))


class Mirrored(Patches):
    """A picture and its mirror image, the mean of both."""

    def folded(self, F, x):
        return F.concat(x, F.reverse(x, axis=3), dim=0)

    def behind(self, F, maps):
        return F.mean(F.reshape(self.out(maps), shape=(-4, 2, -1, -2)), axis=0)


class Windows(Patches):
    """Windows of a signal."""

    shape = (N, 2, SIZE)
    layer = "signal"

    def __init__(self):
        super().__init__()
        self.signal = nn.Conv1D(4, 3, padding=1)

    def maps(self, F, x):
        windows = F.reshape(F.transpose(F.reshape(x, (0, 0, 2, -1)), (0, 2, 1, 3)), (-3, -2))
        return self.signal(windows)

    def behind(self, F, maps):
        return self.out(F.reshape(F.mean(maps, axis=2), shape=(-4, -1, 2, -2)))


@pytest.mark.parametrize("cls", [Patches, Mirrored, Windows], ids=lambda cls: cls.__name__)
def test_what_cuts_samples_up_has_no_maps(cls):
    net, x = made(cls)
    for method in (gm.grad_cam, gm.ablation_cam):
        for layer in (None, cls.layer):
            with pytest.raises(LayerError, match=r"samples|each sample"):
                method(net, x, 2, layer=layer)
    assert gm.saliency(net, x, 2).values.shape == x.shape


class Recurrent(mx.gluon.HybridBlock):
    """A signal's convolution, and what an LSTM gives at each time, (T, N, C)."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1D(4, 3, padding=1, activation="relu")
        self.lstm = mx.gluon.rnn.LSTM(6)
        self.out = nn.Dense(3)

    def hybrid_forward(self, F, x):
        return self.out(F.max(self.lstm(F.transpose(self.conv(x), (2, 0, 1))), axis=0))


@pytest.mark.parametrize("length", [N, 7])
def test_a_map_with_time_first_is_none(length):
    net = Recurrent()
    net.initialize(mx.init.Xavier(magnitude=6))
    x = mx.nd.array(np.random.RandomState(0).randn(N, 2, length))
    found = gm.grad_cam(net, x, 1)
    assert (found.layer, found.values.shape) == ("conv", (N, length))
    with pytest.raises(LayerError, match="axis 0"):
        gm.grad_cam(net, x, 1, layer="lstm")


class Decoder(mx.gluon.HybridBlock):
    """An encoder's vector, and maps that are made of it."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2D(4, 3, padding=1, activation="relu")
        self.code = nn.Dense(4 * 9)
        self.decode = nn.Conv2D(3, 1)
        self.out = nn.Dense(3)

    def hybrid_forward(self, F, x):
        return self.out(self.decode(F.reshape(self.code(self.conv(x)), shape=(0, 4, 3, 3))))


def test_maps_behind_a_vector_do_not_lie_on_the_input():
    net, x = Decoder(), mx.nd.ones((N, 2, SIZE, SIZE))
    net.initialize()
    assert gm.grad_cam(net, x, 1).layer == "conv"
