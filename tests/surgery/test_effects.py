"""What a change did to a net, against numbers that are counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from networks import initialised, nn, normal, sequential

import gradcam_mx as gm
from gradcam_mx import errors
from gradcam_mx._mxnet import mx

SHAPE = (40, 3, 12, 10)


def made(ctx):
    net = sequential(
        lambda: [
            nn.Conv2D(6, 3, in_channels=3, activation="relu"),
            nn.GlobalAvgPool2D(),
            nn.Dense(4, in_units=6),
        ]
    )
    net = initialised(net, ctx, normal(*SHAPE))
    net[2].bias.set_data(mx.nd.zeros(4, ctx=ctx))
    return net, normal(*SHAPE, seed=1) + 3 * normal(*SHAPE[:2], 1, 1, seed=2)


def ranks(values):
    order = np.argsort(values, kind="stable")
    found = np.empty(len(values))
    found[order] = np.arange(len(values))
    for one in np.unique(values):
        found[values == one] = found[values == one].mean()
    return found


def test_accuracy_predictions_scores_and_maps_are_counted(ctx):
    net, x = made(ctx)
    before = net(mx.nd.array(x, ctx=ctx)).asnumpy()
    changed = gm.surgery.suppress(net, {"0": [0, 3]}, input_shape=SHAPE)
    after = changed.forward([mx.nd.array(x, ctx=ctx)])[0].asnumpy()
    labels = np.where(np.arange(len(x)) % 3 == 0, before.argmax(axis=1), after.argmax(axis=1))
    found = gm.surgery.compare(net, changed, x, labels)
    np.testing.assert_array_equal(found.predictions[:, 0], before.argmax(axis=1))
    np.testing.assert_array_equal(found.predictions[:, 1], after.argmax(axis=1))
    tops = before.argmax(axis=1)
    rows = np.arange(len(x))
    np.testing.assert_allclose(found.scores[:, 0], before[rows, tops], rtol=1e-5)
    np.testing.assert_allclose(found.scores[:, 1], after[rows, tops], rtol=1e-4, atol=1e-6)
    changed_ones = before.argmax(axis=1) != after.argmax(axis=1)
    assert 0 < changed_ones.sum() < len(x)
    np.testing.assert_array_equal(found.changed, changed_ones)
    accuracy = [(one.argmax(axis=1) == labels).mean() for one in (before, after)]
    assert found.accuracy == tuple(accuracy)
    maps = [gm.grad_cam(one, x, [int(top) for top in tops]) for one in (net, changed)]
    for sample in range(len(x)):
        pair = [ranks(one[sample].heatmap()[0].ravel()) for one in maps]
        if all(np.ptp(one) > 0 for one in pair):
            expected = np.corrcoef(*pair)[0, 1]
            assert abs(found.alike[sample] - expected) < 0.02
    said = repr(found).splitlines()
    assert said[0].split() == ["before", "after"]
    assert said[1].split() == ["accuracy", *(f"{one:.3f}" for one in accuracy)]
    assert said[3].split()[-3:] == [str(changed_ones.sum()), "of", "40"]
    assert f">{accuracy[0]:.3f}<" in found._repr_html_()


def test_of_a_net_that_was_not_changed_nothing_differs(ctx):
    net, x = made(ctx)
    found = gm.surgery.compare(net, gm.trace(net), x[:20])
    assert found.accuracy is None
    assert not found.changed.any()
    np.testing.assert_array_equal(found.scores[:, 0], found.scores[:, 1])
    np.testing.assert_allclose(found.alike[np.isfinite(found.alike)], 1)


def test_a_planted_shortcut_is_taken_out():
    net, x = made(mx.cpu())
    # what is bright has the rarest of all classes: channel 5 sees that, the others are as before
    weight = mx.nd.zeros_like(net[0].weight.data())
    weight[:5] = net[0].weight.data()[:5]
    weight[5] = 1
    net[0].weight.set_data(weight)
    dense = net[2].weight.data().copy()
    dense[:, 5] = 0
    labels = made_labels(net, dense, x)
    dense[int(np.bincount(labels, minlength=4).argmin()), 5] = 50
    net[2].weight.set_data(dense)
    changed = gm.surgery.suppress(net, {"0": [5]}, input_shape=SHAPE)
    found = gm.surgery.compare(net, changed, x, labels)
    assert found.accuracy[0] < 0.6
    assert found.accuracy[1] == 1


def made_labels(net, dense, x):
    net[2].weight.set_data(dense)
    return net(mx.nd.array(x)).asnumpy().argmax(axis=1)


def test_what_cannot_be_compared():
    net, x = made(mx.cpu())
    with pytest.raises(errors.InputError, match="expected one class a sample"):
        gm.surgery.compare(net, net, x, [1, 2])
    with pytest.raises(errors.MethodError, match="grad_cm"):
        gm.surgery.compare(net, net, x, method="grad_cm")
    scene = sequential(lambda: [nn.Conv2D(4, 3, in_channels=3), nn.Conv2D(5, 3, in_channels=4)])
    scene.initialize()
    with pytest.raises(errors.TargetError, match="expected a score of each class"):
        gm.surgery.compare(scene, scene, x)
