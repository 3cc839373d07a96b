"""Tables of explanations: each cell is what the same call gives alone."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx import picture
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError, MethodError, MetricError, PhotoError
from gradcam_mx.explanation.relevant import relevance
from gradcam_mx.zoo.preprocess import Preprocess

nn = mx.gluon.nn
PREPROCESS = Preprocess("RGB", (120.0,) * 3, (60.0,) * 3, short_side=16, size=16)
DRAW = np.random.RandomState(0)
PHOTOS = {name: DRAW.randint(0, 256, (16, 16, 3), np.uint8) for name in ("cat", "cup")}
NAMES = ["cat", "dog", "cup"]


def make_net(seed, ctx, order="RGB"):
    mx.random.seed(seed)
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, activation="relu", in_channels=3), nn.GlobalAvgPool2D(), nn.Dense(3))
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    net.preprocess = PREPROCESS.adapted(order=order)
    return net


def alone(net, photo, target=None, method="grad_cam"):
    return gm.METHODS[method].function(net, net.preprocess(photo), target)


def prediction(net, photo):
    x = mx.nd.array(net.preprocess(photo), ctx=net[0].weight.list_ctx()[0])
    chances = mx.nd.softmax(net(x)).asnumpy()[0]
    return f"{NAMES[chances.argmax()]} {chances.max():.2f}"


def test_nets_are_rows_and_photos_columns(ctx):
    nets = {"first": make_net(1, ctx), "second": make_net(2, ctx, "BGR")}
    table = gm.inspect.compare(nets, PHOTOS, names=NAMES)
    assert (table.rows, table.columns) == (["first", "second"], ["cat", "cup"])
    for row, net in zip(table.cells, nets.values()):
        for cell, photo in zip(row, PHOTOS.values()):
            np.testing.assert_array_equal(cell.explanation.values, alone(net, photo).values)
            np.testing.assert_array_equal(cell.photo, photo)
            assert cell.prediction == prediction(net, photo)
            assert cell.order == net.preprocess.order
    figure = table.plot("two nets")
    figure.draw_without_rendering()
    assert [text.get_text() for one in figure.axes for text in one.texts] == [
        "cat",
        "cup",
        "photo",
        "first",
        "second",
    ]
    shown = [np.asarray(one.images[0].get_array()) for one in figure.axes if one.images]
    overlays = [
        alone(net, photo).overlay(photo) for net in nets.values() for photo in PHOTOS.values()
    ]
    for panel, expected in zip(shown, [*PHOTOS.values(), *overlays]):
        np.testing.assert_array_equal(panel, expected)
    titles = [one.get_title() for one in figure.axes if one.images]
    assert titles[2:] == [cell.prediction for row in table.cells for cell in row]


def test_classes_of_one_photo_are_columns(ctx):
    net = make_net(3, ctx)
    table = gm.inspect.compare(
        net,
        PHOTOS["cat"],
        [None, 2, gm.targets.ScoreDifference(0, 1)],
        names=NAMES.__getitem__,
        method="saliency",
    )
    assert table.rows == []
    assert table.columns == ["top class", "cup", "ScoreDifference(class_id=0, other_id=1)"]
    for cell, target in zip(table.cells[0], (None, 2, gm.targets.ScoreDifference(0, 1))):
        np.testing.assert_array_equal(
            cell.explanation.values, alone(net, PHOTOS["cat"], target, "saliency").values
        )
    figure = table.plot()
    first, *_ = [one for one in figure.axes if one.images]
    np.testing.assert_array_equal(first.images[0].get_array(), PHOTOS["cat"])


def test_classes_of_one_name_are_told_apart(ctx):
    table = gm.inspect.compare(make_net(3, ctx), PHOTOS["cat"], [0, 2], names=["cat", "dog", "cat"])
    assert table.columns == ["cat (0)", "cat (2)"]


def test_conditions_are_rows_and_columns_of_photos(ctx):
    net = make_net(4, ctx)
    conditions = {name: {"day": photo, "night": photo // 3} for name, photo in PHOTOS.items()}
    table = gm.inspect.compare(net, conditions)
    assert (table.rows, table.columns) == (["cat", "cup"], ["day", "night"])
    np.testing.assert_array_equal(table.cells[1][1].photo, PHOTOS["cup"] // 3)
    np.testing.assert_array_equal(
        table.explanations[1][1].values, alone(net, PHOTOS["cup"] // 3).values
    )
    assert len([one for one in table.plot().axes if one.images]) == 4
    assert table.cells[0][0].prediction.startswith("class ")


def test_methods_side_by_side_with_their_options(ctx):
    net = make_net(5, ctx)
    table = gm.inspect.compare(
        net,
        PHOTOS,
        method=["grad_cam", "occlusion"],
        options={"occlusion": {"window": 4, "batch_size": 4, "progress": False}},
    )
    assert (table.rows, table.columns) == (["cat", "cup"], ["Grad-CAM", "Occlusion"])
    expected = gm.occlusion(
        net, net.preprocess(PHOTOS["cup"]), window=4, batch_size=4, progress=False
    )
    np.testing.assert_array_equal(table.explanations[1][1].values, expected.values)


def test_inputs_are_compared_and_drawn_too(ctx):
    net = make_net(6, ctx)
    x = DRAW.randn(3, 16, 16).astype(np.float32)
    table = gm.inspect.compare(net, {"one": x, "two": -x})
    np.testing.assert_array_equal(
        table.explanations[0][1].values, gm.grad_cam(net, -x[None]).values
    )
    np.testing.assert_array_equal(table.cells[0][0].photo, picture.of_input(x[None])[0])


def test_images_may_have_no_names(ctx):
    net = make_net(6, ctx)
    table = gm.inspect.compare(net, list(PHOTOS.values()))
    assert table.columns == ["image 0", "image 1"]
    np.testing.assert_array_equal(table.explanations[0][1].values, alone(net, PHOTOS["cup"]).values)
    with pytest.raises(InputError, match="empty"):
        gm.inspect.compare(net, [])


def test_outputs_that_are_no_classes_are_said_in_numbers(ctx):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, activation="relu", in_channels=3), nn.GlobalAvgPool2D(), nn.Dense(1))
    net.initialize(ctx=ctx)
    cell = gm.inspect.compare(net, PHOTOS["cat"], preprocess=PREPROCESS).cells[0][0]
    assert cell.prediction == f"{gm.grad_cam(net, PREPROCESS(PHOTOS['cat'])).score[0]:.3g}"


def alike(one, other):
    """Spearman's rank correlation of two maps on the input, by scipy."""
    spearman = pytest.importorskip("scipy.stats").spearmanr
    return spearman(relevance(one)[0].ravel(), relevance(other)[0].ravel())[0]


METHODS = ["grad_cam", "saliency", "edge_map"]


@pytest.mark.parametrize(
    ("nets", "photos", "method", "names"),
    [
        ("two", 2, "grad_cam", ["first", "second"]),
        ("one", 2, METHODS, ["Grad-CAM", "Saliency", "Edge map"]),
        ("two", 1, "grad_cam", ["first", "second"]),
        ("one", 1, METHODS, ["Grad-CAM", "Saliency", "Edge map"]),
        (
            "two",
            1,
            METHODS[:2],
            ["first, Grad-CAM", "first, Saliency", "second, Grad-CAM", "second, Saliency"],
        ),
    ],
)
def test_agreement_is_that_of_the_explanations_of_each_photo(nets, photos, method, names, ctx):
    known = {"first": make_net(1, ctx), "second": make_net(2, ctx)}
    images = PHOTOS if photos == 2 else PHOTOS["cat"]
    table = gm.inspect.compare(known if nets == "two" else known["first"], images, method=method)
    found = table.agreement()
    assert found.names == names
    assert found.values.shape == (len(names), len(names), photos)
    for number, photo in enumerate(list(PHOTOS.values())[:photos]):
        each = [
            alone(net, photo, method=one)
            for net in (known.values() if nets == "two" else [known["first"]])
            for one in ([method] if isinstance(method, str) else method)
        ]
        expected = [[alike(one, other) for other in each] for one in each]
        np.testing.assert_allclose(found.values[..., number], expected, atol=1e-6)


def test_other_measures_of_agreement(ctx):
    table = gm.inspect.compare(make_net(1, ctx), PHOTOS, method=METHODS)
    for row, name in enumerate(["ssim", "top_k"]):
        options = {"count": 20} if row else {}
        found = table.agreement(name, **options)
        for number, of_photo in enumerate(table.explanations):
            expected = gm.metrics.agreement(list(of_photo), name, **options)
            np.testing.assert_array_equal(found.values[..., number], expected.values[..., 0])


def test_where_nothing_agrees_with_anything(ctx):
    net, photo = make_net(1, ctx), PHOTOS["cat"]
    lights = {one: {"day": photo, "night": photo // 2} for one in ("red", "blue")}
    with pytest.raises(InputError, match="a photo of its own"):
        gm.inspect.compare(net, lights).agreement()
    for images in (photo, PHOTOS):
        with pytest.raises(MetricError, match="1 explanations"):
            gm.inspect.compare(net, images).agreement()


def test_a_saved_table(ctx, tmp_path):
    table = gm.inspect.compare(make_net(7, ctx), PHOTOS)
    assert gm.zoo.read_photo(table.save(tmp_path / "table.png", "one net")).std() > 10


def test_what_does_not_go_is_refused(ctx):
    net = make_net(8, ctx)
    nets = {"a": net, "b": net}
    with pytest.raises(InputError, match="nets, images, targets are several"):
        gm.inspect.compare(nets, PHOTOS, [0, 1])
    with pytest.raises(InputError, match="empty dictionary"):
        gm.inspect.compare(nets, {})
    with pytest.raises(MethodError, match="no method 'gradcam'"):
        gm.inspect.compare(net, PHOTOS, method="gradcam")
    with pytest.raises(PhotoError, match=r"no file nowhere\.jpg"):
        gm.inspect.compare(net, "nowhere.jpg")
    bare = nn.HybridSequential()
    bare.add(nn.Conv2D(4, 3, in_channels=3), nn.Dense(2))
    bare.initialize(ctx=ctx)
    with pytest.raises(InputError, match="pass preprocess="):
        gm.inspect.compare(bare, PHOTOS)
