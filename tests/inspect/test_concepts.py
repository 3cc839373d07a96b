"""Concepts of a decision against a naive version: a call of `gm.lrp` for each channel, and loops
over the data set."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.engine.nodes import GraphNode
from gradcam_mx.errors import InputError, LayerError, NetworkError, RuleError, TargetError

nn = mx.gluon.nn
SHAPE = (3, 12, 10)
COMPOSITES = ["epsilon_plus_flat", "epsilon", "epsilon_alpha2_beta1", "box"]


def random(*shape, seed=0):
    return np.random.RandomState(seed).randn(*shape).astype(np.float32)


def ready(net, ctx, shape=SHAPE):
    """The net with random weights, biases and running statistics."""
    rng = np.random.RandomState(0)
    net.initialize(ctx=ctx)
    net(mx.nd.zeros((2, *shape), ctx=ctx)).wait_to_read()
    for parameter in net.collect_params().values():
        if parameter.name.endswith(("gamma", "running_var")):
            values = rng.uniform(0.5, 1.5, parameter.shape)
        else:
            scale = np.sqrt(2 / np.prod(parameter.shape[1:])) if len(parameter.shape) > 1 else 0.3
            values = rng.randn(*parameter.shape) * scale
        parameter.set_data(mx.nd.array(values))
    return net


class Straight(mx.gluon.HybridBlock):
    """Everything passes each layer of `features`; the last two have no positions."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="features_")
            with self.features.name_scope():
                self.features.add(
                    nn.Conv2D(4, 3, padding=1),
                    nn.BatchNorm(),
                    nn.Activation("relu"),
                    nn.MaxPool2D(2),
                    nn.Conv2D(7, 3, padding=1),
                    nn.Activation("relu"),
                    nn.Conv2D(6, 3, strides=(2, 1)),
                    nn.BatchNorm(),
                    nn.Dense(8),
                    nn.Activation("relu"),
                )
            self.output = nn.Dense(5)

    def hybrid_forward(self, F, x):
        return self.output(self.features(x))


class Around(mx.gluon.HybridBlock):
    """A skip connection goes around `branch`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.stem = nn.Conv2D(4, 3, padding=1, activation="relu")
            self.branch = nn.Conv2D(4, 3, padding=1, activation="relu")
            self.output = nn.Dense(5)

    def hybrid_forward(self, F, x):
        y = self.stem(x)
        return self.output(y + self.branch(y))


class Touching(Around):
    """The samples of a batch touch before `branch`."""

    def hybrid_forward(self, F, x):
        y = self.stem(x)
        mixed = F.broadcast_add(y, 0.5 * F.mean(y, axis=0, keepdims=True))
        return self.output(self.branch(mixed))


def options(composite):
    if composite != "box":
        return {"composite": composite}
    return {"composite": {"features.0": gm.rules.ZBox(-3.0, 3.0), "features.4": gm.rules.Gamma()}}


def naive_patches(net, images, target, layer, channel, count, ctx, **how):
    """(relevance, activation, image, position), the most relevant first."""
    found = []
    for number, image in enumerate(images):
        x = mx.nd.array(image[None], ctx=ctx)
        relevance = gm.lrp(net, x, target, layer, **how).values[0, channel]
        active = gm.inspect.layer_outputs(net, x, layer)[layer][0, channel]
        best = max(np.ndindex(*relevance.shape), key=lambda place: relevance[place])
        if relevance[best] > 0:
            found.append((relevance[best], active[best], number, best))
    return sorted(found, key=lambda one: -one[0])[:count]


def check(found, net, x, target, layer, k, ctx, images=None, patches=3, **how):
    """Hold the concepts of one sample against a call for each channel."""
    at_layer = gm.lrp(net, x, target, layer, **how).values[0].astype(np.float64)
    sums = [at_layer[channel].sum() for channel in range(len(at_layer))]
    order = sorted(range(len(sums)), key=lambda channel: -sums[channel])[:k]
    assert [one.channel for one in found] == order
    for one in found:
        np.testing.assert_allclose(one.relevance, sums[one.channel], rtol=1e-5)
        share = sums[one.channel] / sum(abs(each) for each in sums)
        np.testing.assert_allclose(one.share, share, rtol=1e-5)
        alone = gm.lrp(net, x, target, conditions={layer: one.channel}, **how)
        assert one.map.values.any() == (one.share != 0)
        size = np.abs(alone.values).max()
        np.testing.assert_allclose(one.map.values, alone.values, rtol=1e-5, atol=1e-6 * size)
        assert one.map.target == alone.target
        assert one.map.layer is None
        if images is None:
            assert one.patches == []
            continue
        expected = naive_patches(net, images, target, layer, one.channel, patches, ctx, **how)
        assert [(patch.index, patch.position) for patch in one.patches] == [
            (number, place) for _, _, number, place in expected
        ]
        for patch, (relevance, active, _, _) in zip(one.patches, expected):
            np.testing.assert_allclose(patch.relevance, relevance, rtol=1e-4)
            np.testing.assert_allclose(patch.activation, active, rtol=1e-4)
            assert patch.unit == one.channel


@pytest.mark.parametrize("composite", COMPOSITES)
def test_they_are_what_a_call_for_each_channel_gives(ctx, composite):
    net = ready(Straight(), ctx)
    x, images = mx.nd.array(random(1, *SHAPE), ctx=ctx), random(5, *SHAPE, seed=1)
    how = options(composite)
    for layer in ("features.5", "features.3"):
        found = gm.inspect.concepts(
            net, x, 2, layer, 3, images=images, patches=3, batch_size=2, progress=False, **how
        )
        assert sum(len(one.patches) for one in found) > 5
        check(found, net, x, 2, layer, 3, ctx, images, **how)


def test_patches_are_what_the_unit_sees_there(ctx):
    net = ready(Straight(), ctx)
    images = random(4, *SHAPE, seed=1)
    found = gm.inspect.concepts(
        net, mx.nd.array(images[:1], ctx=ctx), 1, "features.4", 2, images=images
    )
    patches = [patch for one in found for patch in one.patches]
    assert patches
    for patch in patches:
        box = gm.inspect.receptive_field(net, "features.4", (1, *SHAPE), patch.position, patch.unit)
        assert patch.box == box
        assert np.array_equal(patch.picture, images[patch.index][(slice(None), *box)])


def test_most_relevant_is_not_most_active(ctx):
    net = ready(Straight(), ctx)
    x, images = mx.nd.array(random(1, *SHAPE), ctx=ctx), random(8, *SHAPE, seed=1)
    found = gm.inspect.concepts(net, x, 2, "features.5", 7, images=images, patches=8)
    active = gm.inspect.max_activating_patches(
        net, images, "features.5", [one.channel for one in found], 8
    )
    assert any(
        [each.index for each in one.patches] != [each.index for each in others]
        for one, others in zip(found, active)
    )


def test_all_channels_together_are_the_whole(ctx):
    net = ready(Straight(), ctx)
    x = mx.nd.array(random(1, *SHAPE), ctx=ctx)
    found = gm.inspect.concepts(net, x, 2, "features.5", 7)
    assert sum(abs(one.share) for one in found) == pytest.approx(1)
    assert min(one.share for one in found) < 0
    shares = [one.share for one in found]
    assert shares == sorted(shares, reverse=True)
    assert sum(one.relevance for one in found) == pytest.approx(
        float(found.explanation.values.sum(dtype=np.float64)), rel=1e-5
    )
    whole = gm.lrp(net, x, 2).values
    together = np.sum([one.map.values for one in found], axis=0)
    np.testing.assert_allclose(together, whole, atol=1e-5 * np.abs(whole).max())


@pytest.mark.parametrize("target", [None, 3, [0, 3, 3]], ids=["top", "one class", "each its own"])
def test_a_batch_gives_what_each_sample_gives(ctx, target):
    net = ready(Straight(), ctx)
    x, images = random(3, *SHAPE), random(3, *SHAPE, seed=1)
    how = {"images": images, "patches": 2, "progress": False}
    several = gm.inspect.concepts(
        net, mx.nd.array(x, ctx=ctx), target, "features.5", 3, batch_size=3, **how
    )
    assert len(several) == 3
    for n, found in enumerate(several):
        own = target[n] if isinstance(target, list) else target
        one = mx.nd.array(x[n : n + 1], ctx=ctx)
        alone = gm.inspect.concepts(net, one, own, "features.5", 3, batch_size=1, **how)
        assert found.explanation.target == alone.explanation.target
        assert [each.channel for each in found] == [each.channel for each in alone]
        for a, b in zip(found, alone):
            np.testing.assert_allclose(a.share, b.share, rtol=1e-4)
            size = np.abs(b.map.values).max()
            np.testing.assert_allclose(a.map.values, b.map.values, rtol=1e-4, atol=1e-5 * size)
            assert [p.index for p in a.patches] == [p.index for p in b.patches]
            assert [p.position for p in a.patches] == [p.position for p in b.patches]


def test_a_target_of_ones_own(ctx):
    net = ready(Straight(), ctx)
    x, images = mx.nd.array(random(1, *SHAPE), ctx=ctx), random(3, *SHAPE, seed=1)
    target = gm.targets.ScoreDifference(1, 3)
    found = gm.inspect.concepts(net, x, target, "features.5", 2, images=images, patches=3)
    check(found, net, x, target, "features.5", 2, ctx, images)


def test_a_layer_without_positions(ctx):
    net = ready(Straight(), ctx)
    x = mx.nd.array(random(1, *SHAPE), ctx=ctx)
    found = gm.inspect.concepts(net, x, 2, "features.9", 3)
    check(found, net, x, 2, "features.9", 3, ctx)
    with pytest.raises(LayerError, match=r"features\.9.*no positions"):
        gm.inspect.concepts(net, x, 2, "features.9", 3, images=random(2, *SHAPE))


def test_what_goes_around_the_layer_is_in_no_map(ctx):
    net = ready(Around(), ctx)
    x = mx.nd.array(random(1, *SHAPE), ctx=ctx)
    found = gm.inspect.concepts(net, x, 2, "branch", 4)
    around = {
        one.channel: gm.lrp(net, x, 2, conditions={"branch": one.channel}).values - one.map.values
        for one in found
    }
    first, *others = around.values()
    assert np.abs(first).max() > 0.1 * np.abs(found[0].map.values).max()
    for one in others:
        np.testing.assert_allclose(one, first, atol=1e-5 * np.abs(first).max())


@pytest.mark.filterwarnings("ignore:.*samples")
def test_samples_that_touch_are_explained_apart(ctx):
    net = ready(Touching(), ctx)
    x = mx.nd.array(random(3, *SHAPE), ctx=ctx)
    several = gm.inspect.concepts(net, x, 2, "branch", 3)
    at_layer = gm.lrp(net, x, 2, "branch").values
    for n, found in enumerate(several):
        sums = at_layer[n].sum(axis=(1, 2), dtype=np.float64)
        assert [one.channel for one in found] == list(np.argsort(-sums)[:3])
        for one in found:
            expected = gm.lrp(net, x, 2, conditions={"branch": one.channel}).values[n : n + 1]
            size = np.abs(expected).max()
            np.testing.assert_allclose(one.map.values, expected, rtol=1e-4, atol=1e-5 * size)


def test_all_channels_share_one_run(monkeypatch):
    net = ready(Straight(), mx.cpu())
    x = mx.nd.array(random(1, *SHAPE))
    runs = [0]
    as_it_was = GraphNode._run

    def counted(self, *given):
        runs[-1] += 1
        return as_it_was(self, *given)

    monkeypatch.setattr(GraphNode, "_run", counted)
    for k in (1, 7):
        gm.inspect.concepts(net, x, 2, "features.5", k)
        runs.append(0)
    assert runs[0] == runs[1] > 0


def test_the_layer_by_its_block_or_the_default(ctx):
    net = ready(Straight(), ctx)
    x = mx.nd.array(random(1, *SHAPE), ctx=ctx)
    by_name = gm.inspect.concepts(net, x, 2, "features.5", 2)
    assert gm.inspect.concepts(net, x, 2, net.features[5], 2) == by_name
    assert gm.inspect.concepts(net, x, 1, "features.5", 2) != by_name
    default = gm.inspect.concepts(net, x, 2, k=2)
    assert default.layer == gm.lrp(net, x, 2, layer=default.layer).layer


def test_photos_are_prepared_and_their_patches_cut_out(tmp_path):
    net = ready(Straight(), mx.cpu())
    photos = [np.random.RandomState(n).randint(0, 256, (12, 10, 3), np.uint8) for n in range(3)]

    def prepare(photo):
        return np.moveaxis(photo.astype(np.float32) / 128 - 1, -1, 0)[None]

    x = prepare(photos[0])
    found = gm.inspect.concepts(
        net, x, 2, "features.2", 2, images=photos, patches=2, preprocess=prepare
    )
    assert found[0].patches
    for patch in found[0].patches:
        assert np.array_equal(patch.picture, photos[patch.index][patch.box])
    drawn = found.plot(photos[0], names=["a", "b", "tiger cat", "d", "e"])
    assert "tiger cat (2)" in drawn.get_suptitle()
    assert found.layer in drawn.get_suptitle()
    titles = [axes.get_title() for axes in drawn.axes]
    assert f"{found[0].share:+.1%}" in titles
    assert "what the net saw" in titles
    pictures = sum(bool(axes.images) for axes in drawn.axes)
    assert pictures == 1 + sum(1 + len(one.patches) for one in found)
    assert found.save(tmp_path / "concepts.png", photos[0]).stat().st_size > 10_000
    alone = gm.inspect.concepts(net, x, 2, "features.2", 2)
    assert sum(bool(axes.images) for axes in alone.plot().axes) == 3
    assert alone._repr_png_()[:4] == b"\x89PNG"
    assert "<img" in alone._repr_html_()
    assert alone[0]._repr_png_()[:4] == b"\x89PNG"


def test_they_are_a_sequence(ctx):
    net = ready(Straight(), ctx)
    found = gm.inspect.concepts(net, mx.nd.array(random(1, *SHAPE), ctx=ctx), 2, "features.5", 3)
    assert len(found) == 3
    assert list(found)[1] is found[1]
    assert found[-1] is found[2]
    assert found[:2] == (found[0], found[1])
    assert repr(found[0]).startswith(f"<Concept channel {found[0].channel}, +")
    assert "class 2, layer features.5: channels " in repr(found)


class Free(mx.gluon.Block):
    """It cannot be traced."""

    def __init__(self):
        super().__init__()
        self.inner = Straight()

    def forward(self, x):
        return self.inner(mx.nd.array(x.asnumpy()))


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"layer": "features.77"}, LayerError, r"features\.77"),
        ({"layer": ["features.5"]}, LayerError, "one layer"),
        ({"k": 8}, InputError, r"k is 8, and the layer 'features\.5' has 7 channels"),
        ({"k": 0}, InputError, "k is 0; expected 1 or more"),
        ({"patches": 0}, InputError, "patches is 0; expected 1 or more"),
        ({"batch_size": "auto"}, InputError, "batch_size is 'auto'; expected 1 or more"),
        ({"target": gm.targets.Several([1, 2])}, TargetError, "one decision"),
        ({"target": 9}, TargetError, "9"),
        ({"composite": "flat"}, RuleError, "there is no composite 'flat'"),
        ({"images": []}, InputError, "no images"),
    ],
)
def test_what_cannot_be_done_is_said(given, error, said):
    net = ready(Straight(), mx.cpu())
    call = {"target": 2, "layer": "features.5", "k": 3, **given}
    with pytest.raises(error, match=said):
        gm.inspect.concepts(net, random(1, *SHAPE), **call)


def test_a_net_that_cannot_be_traced_is_refused():
    net = Free()
    net.initialize()
    with pytest.raises((RuleError, NetworkError), match="trace"):
        gm.inspect.concepts(net, random(1, *SHAPE), 2)


def test_a_channel_that_was_relevant_nowhere_is_drawn_without_patches(ctx):
    net = mx.gluon.nn.HybridSequential()
    net.add(
        mx.gluon.nn.Conv2D(3, 3, padding=1, in_channels=3, activation="relu"),
        mx.gluon.nn.GlobalAvgPool2D(),
        mx.gluon.nn.Dense(2, in_units=3),
    )
    net.initialize(mx.init.Xavier(), ctx=ctx)
    net[0].bias.set_data(mx.nd.array([0, -100, 0], ctx=ctx))  # the second is never above zero
    images = np.random.RandomState(0).randn(4, 3, 16, 16).astype(np.float32)
    found = gm.inspect.concepts(net, images[:1], 0, "0", 3, images=images)
    patches = {one.channel: len(one.patches) for one in found.concepts}
    assert patches[1] == 0 < max(patches.values())
    with pytest.warns(UserWarning, match="zero everywhere"):
        found.plot()
