"""`gm.predict`: from photos to a table of classes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError, TargetError

nn = mx.gluon.nn
RNG = np.random.RandomState(0)
SIZES = [(20, 30, 3), (15, 15, 3), (40, 12, 3)]
PHOTOS = [RNG.randint(0, 256, size).astype(np.uint8) for size in SIZES]
PREPARED = gm.zoo.IMAGENET.adapted(size=12)
NAMES = ["cat, tabby", "dog", "cup", "<b>"]


@pytest.fixture
def net(ctx):
    mx.random.seed(0)
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, in_channels=3, activation="relu"), nn.Dense(4, in_units=400))
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    return net


def expected(net, ctx):
    x = np.concatenate([PREPARED(photo) for photo in PHOTOS])
    scores = net(mx.nd.array(x, ctx=ctx)).asnumpy().astype(np.float64)
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def close(found, probabilities):
    np.testing.assert_allclose(found.probabilities, probabilities, rtol=1e-4, atol=1e-6)


def test_photos_of_all_kinds(net, ctx, tmp_path):
    probabilities = expected(net, ctx)
    close(gm.predict(net, PHOTOS, PREPARED), probabilities)
    close(gm.predict(net, PHOTOS[0], PREPARED), probabilities[:1])
    close(gm.predict(net, PHOTOS[0][None], PREPARED), probabilities[:1])
    close(gm.predict(net, tuple(map(mx.nd.array, PHOTOS)), PREPARED), probabilities)
    paths = [tmp_path / f"{number}.png" for number in "abc"]
    for path, photo in zip(paths, PHOTOS):
        Image.fromarray(photo).save(path)
    found = gm.predict(net, paths, PREPARED)
    close(found, probabilities)
    assert found.photos == ["a.png", "b.png", "c.png"]
    close(gm.predict(net, str(paths[1]), PREPARED), probabilities[1:2])


def test_inputs_and_the_nets_own_preprocessing(net, ctx):
    x = np.concatenate([PREPARED(photo) for photo in PHOTOS])
    close(gm.predict(net, x), expected(net, ctx))
    close(gm.predict(net, mx.nd.array(x, ctx=ctx)), expected(net, ctx))
    close(gm.predict(net, x[1]), expected(net, ctx)[1:2])
    net.preprocess = PREPARED
    close(gm.predict(net, PHOTOS), expected(net, ctx))
    close(gm.predict(gm.trace(net), PHOTOS, PREPARED), expected(net, ctx))


def test_grey_photos(net):
    grey = PHOTOS[0][..., 0]
    colours = gm.predict(net, np.repeat(grey[..., None], 3, axis=2), PREPARED)
    for one in (grey, grey[..., None], grey[None], [grey]):
        np.testing.assert_array_equal(
            gm.predict(net, one, PREPARED).probabilities, colours.probabilities
        )


def test_the_table(net, ctx):
    probabilities = expected(net, ctx)
    order = np.argsort(-probabilities, axis=1)
    found = gm.predict(net, PHOTOS, PREPARED, names=NAMES, top=2)
    np.testing.assert_array_equal(found.class_ids, order[:, :2])
    assert (len(found), len(found[0]), found[-1]) == (3, 2, found[2])
    shown = ["cat, tabby", "dog", "cup", "<b>"]
    lines = str(found).splitlines()
    assert lines[0].split() == ["photo", "class", "id", "probability"]
    rows = [(photo, rank) for photo in range(3) for rank in range(2)]
    for line, (photo, rank) in zip(lines[1:], rows):
        best, one = order[photo, rank], found[photo][rank]
        assert (one.name, one.class_id) == (shown[best], best)
        assert one.probability == pytest.approx(probabilities[photo, best], rel=1e-4)
        assert line.startswith(str(photo) if rank == 0 else " ")
        assert shown[best] in line
        assert line.endswith(f"{best}        {probabilities[photo, best]:.3f}")
    html = found._repr_html_()
    assert html.count("<tr>") == 7
    assert "<b>" not in html
    assert str(gm.predict(net, PHOTOS, PREPARED)).splitlines()[0].split() == [
        "photo",
        "id",
        "probability",
    ]
    assert len(gm.predict(net, PHOTOS, PREPARED)[0]) == 4


def test_what_it_found_can_be_explained(net):
    x = np.concatenate([PREPARED(photo) for photo in PHOTOS])
    found = gm.predict(net, x)
    np.testing.assert_array_equal(
        gm.saliency(net, x, found.class_ids[:, 1]).target, found.class_ids[:, 1]
    )


def test_mistakes(net):
    with pytest.raises(InputError, match=r"how photos are prepared.*pass preprocess="):
        gm.predict(net, PHOTOS)
    with pytest.raises(InputError, match="there are no images"):
        gm.predict(net, [], PREPARED)
    with pytest.raises(TargetError, match="2 names for a net with 4 classes"):
        gm.predict(net, PHOTOS, PREPARED, names=["a", "b"])
    with pytest.raises(InputError, match="top=0"):
        gm.predict(net, PHOTOS, PREPARED, top=0)
    with pytest.raises(TargetError, match="holds no probabilities"):
        gm.predict(net[:1], np.zeros((1, 3, 12, 12), np.float32))
