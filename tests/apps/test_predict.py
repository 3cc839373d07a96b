"""The net as a function from photos to probabilities, and the packages that want one."""

import threading

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError, TargetError
from gradcam_mx.zoo.preprocess import GREY, IMAGENET

nn = mx.gluon.nn
RNG = np.random.RandomState(0)
PHOTOS = RNG.randint(0, 256, (5, 20, 30, 3)).astype(np.uint8)
PREPARED = IMAGENET.adapted(size=12)


def made(ctx, *layers, channels=3, size=12):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, in_channels=channels, activation="relu"), nn.Flatten(), *layers)
    mx.random.seed(0)
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    net(mx.nd.ones((1, channels, size, size), ctx=ctx))
    return net


def softmax(scores):
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def scores_of(net, ctx, preprocess=PREPARED):
    x = np.concatenate([preprocess(photo) for photo in PHOTOS])
    return net(mx.nd.array(x, ctx=ctx)).asnumpy()


@pytest.mark.parametrize("size", [1, 2, 3, 16, "auto"])
def test_probabilities_of_photos(ctx, size):
    net = made(ctx, nn.Dense(4))
    predict = gm.predict_fn(net, PREPARED, batch_size=size)
    found = predict(PHOTOS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, softmax(scores_of(net, ctx)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(predict(PHOTOS[2:3]), found[2:3], rtol=1e-4, atol=1e-6)


def test_scores_and_numbered_outputs(ctx):
    net = made(ctx, nn.Dense(4))
    expected = scores_of(net, ctx)
    for output in (None, 0):
        found = gm.predict_fn(net, PREPARED, output=output)(PHOTOS)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_net_that_ends_in_a_softmax(ctx):
    net = made(ctx, nn.Dense(4), nn.HybridLambda("softmax"))
    found = gm.predict_fn(net, PREPARED)(PHOTOS)
    np.testing.assert_allclose(found, scores_of(net, ctx), rtol=1e-4, atol=1e-6)


def test_the_two_classes_of_a_sigmoid(ctx):
    net = made(ctx, nn.Dense(1, activation="sigmoid"))
    odds = scores_of(net, ctx)[:, 0]
    found = gm.predict_fn(net, PREPARED)(PHOTOS)
    np.testing.assert_allclose(found, np.stack([1 - odds, odds], axis=1), rtol=1e-4, atol=1e-6)


def test_what_has_no_probabilities(ctx):
    net = made(ctx, nn.Dense(1))
    with pytest.raises(TargetError, match=r"shape \(1, 1\).*output=None"):
        gm.predict_fn(net, PREPARED)(PHOTOS)
    assert gm.predict_fn(net, PREPARED, output=None)(PHOTOS).shape == (5, 1)


def test_the_nets_own_preprocessing(ctx):
    net = made(ctx, nn.Dense(4))
    net.preprocess = PREPARED
    np.testing.assert_array_equal(gm.predict_fn(net)(PHOTOS), gm.predict_fn(net, PREPARED)(PHOTOS))
    grey = GREY.adapted(size=12)
    small = made(ctx, nn.Dense(3), channels=1)
    np.testing.assert_allclose(
        gm.predict_fn(small, grey)(PHOTOS),
        softmax(scores_of(small, ctx, grey)),
        rtol=1e-4,
        atol=1e-6,
    )


def test_a_preprocessing_of_ones_own(ctx):
    net = made(ctx, nn.Dense(4), size=20)
    net(mx.nd.ones((1, 3, 20, 20), ctx=ctx))

    def prepare(photo):
        return mx.nd.array(photo[:, :20].transpose(2, 0, 1) / 255.0)

    x = np.stack([prepare(photo).asnumpy() for photo in PHOTOS])
    np.testing.assert_allclose(
        gm.predict_fn(net, prepare)(PHOTOS),
        softmax(net(mx.nd.array(x, ctx=ctx)).asnumpy()),
        rtol=1e-4,
        atol=1e-6,
    )


def test_photos_in_floating_point(ctx):
    predict = gm.predict_fn(made(ctx, nn.Dense(4)), PREPARED)
    np.testing.assert_array_equal(predict(PHOTOS.astype(np.float64)), predict(PHOTOS))
    np.testing.assert_array_equal(predict(list(PHOTOS)), predict(PHOTOS))
    np.testing.assert_array_equal(predict(mx.nd.array(PHOTOS)), predict(PHOTOS))
    # all black is no mistake
    assert predict(np.zeros((2, 20, 30, 3))).shape == (2, 4)


@pytest.mark.parametrize(
    ("photos", "said"),
    [
        (PHOTOS[0], r"\(20, 30, 3\).*photo\[None\]"),
        (PHOTOS / 255.0, "from 0 to 1"),
        (PHOTOS[:0], r"\(0, 20, 30, 3\)"),
        (PHOTOS[..., :2], r"\(20, 30, 2\)"),
        (PHOTOS - 300.0, "expected 0 to 255"),
    ],
    ids=["one", "shares", "none", "channels", "negative"],
)
def test_what_is_no_photo(ctx, photos, said):
    with pytest.raises(InputError, match=said):
        gm.predict_fn(made(ctx, nn.Dense(4)), PREPARED)(photos)


def test_a_net_without_preprocessing(ctx):
    with pytest.raises(InputError, match=r"pass preprocess=.*IMAGENET"):
        gm.predict_fn(made(ctx, nn.Dense(4)))


def test_it_sees_what_the_net_has_learnt_since(ctx):
    net = made(ctx, nn.Dense(4))
    predict = gm.predict_fn(net, PREPARED)
    before = predict(PHOTOS)
    net[2].weight.set_data(-net[2].weight.data(ctx))
    after = predict(PHOTOS)
    np.testing.assert_allclose(after, softmax(scores_of(net, ctx)), rtol=1e-4, atol=1e-6)
    assert np.abs(after - before).max() > 1e-2


def test_from_several_threads(ctx):
    predict = gm.predict_fn(made(ctx, nn.Dense(4)), PREPARED, batch_size=2)
    expected, found = predict(PHOTOS), [None] * 4

    def run(number):
        found[number] = predict(PHOTOS)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in found:
        np.testing.assert_array_equal(one, expected)


def test_shaps_own_explainer_takes_it(ctx):
    """shap.PartitionExplainer on photos of its own; a net whose score is a sum of pixels."""
    shap = pytest.importorskip("shap")
    net = nn.HybridSequential()
    net.add(nn.Flatten(), nn.Dense(2, in_units=48))
    net.initialize(ctx=ctx)
    weights = RNG.normal(size=(2, 48)).astype(np.float32)
    net[1].weight.set_data(mx.nd.array(weights))
    photo = RNG.randint(0, 256, (4, 4, 3)).astype(np.float64)
    predict = gm.predict_fn(net, lambda photo: photo[None] / np.float32(255), output=None)
    masker = shap.maskers.Image(np.zeros((4, 4, 3)))
    found = shap.PartitionExplainer(predict, masker)(
        photo[None], max_evals=5000, batch_size=50, silent=True
    )
    expected = weights.T.reshape(4, 4, 3, 2) * (photo / 255)[..., None]
    np.testing.assert_allclose(found.values[0], expected, atol=1e-4)
