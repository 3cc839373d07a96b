"""What is inside a net: outputs of layers, weights, feature vectors, strongest patches, units.

The references are in `naive_inspection`, or the net's own blocks, run one by one.
"""

from __future__ import annotations

import subprocess
import sys
import weakref

import numpy as np
import pytest
from naive_inspection import (
    Convolution,
    TwoLayers,
    bounding_box,
    box_of,
    dependence,
    mean_over_positions,
    principal_components,
    scores_of_hidden,
    strongest,
)

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

nn = mx.gluon.nn
SHAPE = (3, 13, 11)


def random(*shape, seed=0):
    return np.random.RandomState(seed).randn(*shape).astype(np.float32)


def close(found, expected):
    """Equal but for float32 (sums of up to some hundred products)."""
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def ready(net, ctx, shape=SHAPE, hybridized=False, seed=0):
    """The net with random weights, biases and running statistics."""
    rng = np.random.RandomState(seed)
    net.initialize(ctx=ctx)
    net(mx.nd.zeros((1, *shape), ctx=ctx)).wait_to_read()
    for parameter in net.collect_params().values():
        if parameter.name.endswith(("gamma", "running_var")):
            values = rng.uniform(0.5, 1.5, parameter.shape)
        elif len(parameter.shape) > 1:
            values = rng.randn(*parameter.shape) * np.sqrt(2 / np.prod(parameter.shape[1:]))
        else:
            values = rng.randn(*parameter.shape) * 0.3
        parameter.set_data(mx.nd.array(values))
    if hybridized:
        net.hybridize()
    return net


def convolutional(prefix="net_"):
    """conv bn relu pool, conv relu, global pool, dropout, dense."""
    net = nn.HybridSequential(prefix=prefix)
    with net.name_scope():
        features = nn.HybridSequential(prefix="features_")
        with features.name_scope():
            features.add(
                nn.Conv2D(4, 3, padding=1),
                nn.BatchNorm(),
                nn.Activation("relu"),
                nn.MaxPool2D(2),
                nn.Conv2D(6, 3, strides=(2, 1)),
                nn.Activation("relu"),
            )
        net.add(features, nn.GlobalAvgPool2D(), nn.Flatten(), nn.Dropout(0.5), nn.Dense(5))
    return net


def by_hand(net, x, ctx):
    """The outputs of the children and grandchildren of a sequence, by their paths."""
    found = {}
    y = mx.nd.array(x, ctx=ctx)
    for name, block in net._children.items():
        if isinstance(block, nn.HybridSequential):
            for inner, layer in block._children.items():
                y = layer(y)
                found[f"{name}.{inner}"] = y.asnumpy()
        else:
            y = block(y)
        found[name] = y.asnumpy()
    return found


@pytest.fixture(params=[False, True], ids=["eager", "hybridized"])
def hybridized(request):
    return request.param


# -------------------------------------------------------------------------------- outputs of layers


def test_outputs_of_layers_are_those_of_its_blocks(ctx, hybridized):
    net = ready(convolutional(), ctx)
    x = random(4, *SHAPE)
    expected = by_hand(net, x, ctx)
    if hybridized:
        net.hybridize()
    names = [layer.name for layer in gm.trace(net).layers((4, *SHAPE)) if layer.name in expected]
    assert len(names) >= 9
    found = gm.inspect.layer_outputs(net, mx.nd.array(x, ctx=ctx), names)
    assert list(found) == names
    for name, values in found.items():
        assert isinstance(values, np.ndarray)
        close(values, expected[name])


def test_one_layer_by_its_names_and_by_its_block(ctx):
    net = ready(convolutional(), ctx)
    x = random(2, *SHAPE)
    expected = by_hand(net, x, ctx)["0.4"]
    for layer in ("0.4", net[0][4], net[0][4].name, ["0.4"], [net[0][4]]):
        found = gm.inspect.layer_outputs(net, x, layer)
        assert len(found) == 1
        close(next(iter(found.values())), expected)
    assert list(gm.inspect.layer_outputs(net, x, [net[0][4], "0.1"])) == ["0.4", "0.1"]


def test_without_a_layer_it_is_the_default_one(ctx):
    net = ready(convolutional(), ctx)
    x = random(2, *SHAPE)
    ((name, values),) = gm.inspect.layer_outputs(net, x).items()
    (default,) = [layer for layer in gm.trace(net).layers((1, *SHAPE)) if layer.is_default]
    assert name == default.name
    close(values, by_hand(net, x, ctx)[name])
    assert values.shape == (2, 6, 2, 3)


def test_dropout_is_off_and_running_statistics_stay(ctx):
    net = ready(convolutional(), ctx)
    x = random(3, *SHAPE)
    before = {name: one.data(ctx).asnumpy() for name, one in net.collect_params().items()}
    first = gm.inspect.layer_outputs(net, x, ["0.1", "3", "4"])
    with mx.autograd.train_mode():
        second = gm.inspect.layer_outputs(net, x, ["0.1", "3", "4"])
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])
    np.testing.assert_array_equal(first["3"], by_hand(net, x, ctx)["2"])
    for name, one in net.collect_params().items():
        np.testing.assert_array_equal(one.data(ctx).asnumpy(), before[name])


def test_what_is_given_and_what_is_returned_share_no_memory(ctx):
    net = ready(convolutional(), ctx)
    x = random(2, *SHAPE)
    kept = x.copy()
    found = gm.inspect.layer_outputs(net, x, ["0.0"])["0.0"]
    found[:] = 7
    np.testing.assert_array_equal(x, kept)
    assert not (gm.inspect.layer_outputs(net, x, ["0.0"])["0.0"] == 7).any()


def test_an_unknown_layer_is_named(ctx):
    net = ready(convolutional(), ctx)
    for layers in ("0.17", ["0.0", "0.17"]):
        with pytest.raises(gm.GradCamError, match=r"0\.17"):
            gm.inspect.layer_outputs(net, random(1, *SHAPE), layers)
    other = nn.Conv2D(2, 3)
    with pytest.raises(gm.GradCamError, match=other.name):
        gm.inspect.layer_outputs(net, random(1, *SHAPE), other)


# ------------------------------------------------------------------------------------------ weights


def test_weights_are_those_of_the_layer(ctx, hybridized):
    net = ready(convolutional(), ctx, hybridized=hybridized)
    for name, block, shape in (
        ("0.0", net[0][0], (4, 3, 3, 3)),
        ("0.4", net[0][4], (6, 4, 3, 3)),
        ("4", net[4], (5, 6)),
    ):
        expected = block.weight.data(ctx).asnumpy()
        assert expected.shape == shape
        for layer in (name, block, block.name):
            np.testing.assert_array_equal(gm.inspect.weights(net, layer), expected)


def test_weights_follow_the_net_and_are_no_view_of_it(ctx):
    net = ready(convolutional(), ctx)
    found = gm.inspect.weights(net, "0.0")
    found[:] = 9
    assert net[0][0].weight.data(ctx).asnumpy().max() < 9
    net[0][0].weight.set_data(mx.nd.ones((4, 3, 3, 3)))
    np.testing.assert_array_equal(gm.inspect.weights(net, "0.0"), np.ones((4, 3, 3, 3)))


def test_weights_of_groups_and_of_exported_nets(ctx):
    data = mx.sym.var("data")
    y = mx.sym.Convolution(data, kernel=(3, 2), num_filter=6, num_group=3, name="conv")
    y = mx.sym.FullyConnected(y, num_hidden=4, name="dense")
    params = {
        "conv_weight": random(6, 1, 3, 2),
        "conv_bias": random(6),
        "dense_weight": random(4, 6 * 11 * 10),
        "dense_bias": random(4),
    }
    net = (y, {name: mx.nd.array(one, ctx=ctx) for name, one in params.items()}, {})
    np.testing.assert_array_equal(gm.inspect.weights(net, "conv_output"), params["conv_weight"])
    np.testing.assert_array_equal(gm.inspect.weights(net, "dense"), params["dense_weight"])


def test_weights_of_a_layer_with_an_activation_are_its_own(ctx):
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(4, 3, activation="relu", in_channels=3),
        nn.Flatten(),
        nn.Dense(2, activation="tanh", in_units=4 * 11 * 9),
    )
    net.initialize(ctx=ctx)
    for name, block in (("0", net[0]), ("2", net[2])):
        np.testing.assert_array_equal(
            gm.inspect.weights(net, name), block.weight.data(ctx).asnumpy()
        )


@pytest.mark.parametrize("layer", ["0.3", "1", "2", "3", "nowhere"])
def test_a_layer_without_weights_is_named(ctx, layer):
    net = ready(convolutional(), ctx)
    with pytest.raises(gm.GradCamError, match=layer):
        gm.inspect.weights(net, layer)


# ---------------------------------------------------------------------------------- feature vectors


def flat():
    """conv relu flatten, dense relu dropout, dense; as VGG ends."""
    net = nn.HybridSequential(prefix="flat_")
    with net.name_scope():
        net.add(
            nn.Conv2D(4, 3, strides=2),
            nn.Activation("relu"),
            nn.Flatten(),
            nn.Dense(7, activation="relu"),
            nn.Dropout(0.5),
            nn.Dense(5),
        )
    return net


def squeeze():
    """conv relu dropout, 1 × 1 conv to the classes, relu, global pool; as SqueezeNet ends."""
    net = nn.HybridSequential(prefix="squeeze_")
    with net.name_scope():
        net.add(
            nn.Conv2D(6, 3, strides=2),
            nn.Activation("relu"),
            nn.Dropout(0.5),
            nn.Conv2D(5, 1),
            nn.Activation("relu"),
            nn.GlobalAvgPool2D(),
            nn.Flatten(),
        )
    return net


ENDS = {"global pool": (convolutional, "3"), "two dense": (flat, "4"), "1 × 1 conv": (squeeze, "2")}


@pytest.mark.parametrize("end", ENDS)
def test_the_penultimate_vectors_are_what_goes_into_the_classifier(ctx, hybridized, end):
    build, layer = ENDS[end]
    net = ready(build(), ctx)
    x = random(7, *SHAPE)
    expected = mean_over_positions(by_hand(net, x, ctx)[layer])
    if hybridized:
        net.hybridize()
    found = gm.inspect.feature_vectors(net, x, batch_size=3, progress=False)
    assert found.dtype == np.float32
    close(found, expected)


def test_vectors_of_a_named_layer_are_its_averages_over_positions(ctx):
    net = ready(convolutional(), ctx)
    x = random(5, *SHAPE)
    expected = by_hand(net, x, ctx)
    for layer in ("0.0", "0.3", "0.5", "1", "2", "4"):
        close(
            gm.inspect.feature_vectors(net, x, layer, progress=False),
            mean_over_positions(expected[layer]),
        )
    close(
        gm.inspect.feature_vectors(net, x, net[0][3], progress=False),
        mean_over_positions(expected["0.3"]),
    )


X = random(11, *SHAPE, seed=3)
LABELS = np.arange(11)


class Samples(mx.gluon.data.Dataset):
    """A Gluon dataset of what it is given."""

    def __init__(self, *columns):
        self.columns = columns

    def __len__(self):
        return len(self.columns[0])

    def __getitem__(self, index):
        row = tuple(column[index] for column in self.columns)
        return row if len(row) > 1 else row[0]


def batches(array, size):
    return [array[start : start + size] for start in range(0, len(array), size)]


FORMS = {
    "array": lambda: X,
    "NDArray": lambda: mx.nd.array(X),
    "list": lambda: list(X),
    "list of NDArrays": lambda: [mx.nd.array(one) for one in X],
    "tuple": lambda: tuple(X),
    "generator": lambda: (one for one in X),
    "pairs": lambda: list(zip(X, LABELS.tolist())),
    "generator of pairs": lambda: ((one, int(label)) for one, label in zip(X, LABELS)),
    "batches": lambda: batches(X, 4),
    "generator of batches": lambda: (mx.nd.array(one) for one in batches(X, 4)),
    "batches of pairs": lambda: list(zip(batches(X, 4), batches(LABELS, 4))),
    "uneven batches": lambda: [X[:1], X[1:6], X[6:6], X[6:11]],
    "Dataset": lambda: Samples(X),
    "Dataset of pairs": lambda: Samples(X, LABELS),
    "ArrayDataset": lambda: mx.gluon.data.ArrayDataset(mx.nd.array(X), LABELS),
    "DataLoader": lambda: mx.gluon.data.DataLoader(Samples(X), 4, last_batch="keep"),
    "DataLoader of pairs": lambda: mx.gluon.data.DataLoader(
        mx.gluon.data.ArrayDataset(X, LABELS), 4, last_batch="keep"
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("batch_size", [1, 4, 5, 32])
def test_images_come_in_any_form_and_in_batches_of_any_size(form, batch_size):
    net = ready(convolutional(), mx.cpu(0))
    found = gm.inspect.feature_vectors(net, FORMS[form](), batch_size=batch_size, progress=False)
    close(found, mean_over_positions(by_hand(net, X, mx.cpu(0))["3"]))


@pytest.mark.parametrize("form", ["array", "NDArray", "DataLoader of pairs"])
def test_images_are_moved_to_the_net(ctx, form):
    net = ready(convolutional(), ctx)
    close(
        gm.inspect.feature_vectors(net, FORMS[form](), batch_size=4, progress=False),
        mean_over_positions(by_hand(net, X, ctx)["3"]),
    )


def test_the_order_of_images_is_kept_and_the_batch_size_changes_nothing():
    net = ready(convolutional(), mx.cpu(0))
    whole = gm.inspect.feature_vectors(net, X, progress=False)
    for size in (1, 2, 7, 11, 100):
        np.testing.assert_allclose(
            gm.inspect.feature_vectors(net, X[::-1], batch_size=size, progress=False)[::-1],
            whole,
            rtol=1e-5,
            atol=1e-6,
        )


def photos(count=6, seed=0):
    """Photos of different sizes, none smaller than the input."""
    rng = np.random.RandomState(seed)
    return [rng.randint(0, 256, (*rng.randint(14, 30, 2), 3), dtype=np.uint8) for _ in range(count)]


def cut(photo):
    """The middle of a photo, as an input."""
    assert photo.dtype == np.uint8
    assert photo.ndim == 3
    top, left = [(size - want) // 2 for size, want in zip(photo.shape, SHAPE[1:])]
    part = photo[top : top + SHAPE[1], left : left + SHAPE[2]]
    return (part.transpose(2, 0, 1)[None] / np.float32(255) - np.float32(0.5)).astype(np.float32)


@pytest.mark.parametrize("kind", [np.asarray, mx.nd.array], ids=["numpy", "NDArray"])
@pytest.mark.parametrize("labelled", [False, True])
def test_photos_are_preprocessed(ctx, kind, labelled):
    """Of several sizes; `preprocess` may give either kind of array."""
    net = ready(convolutional(), ctx)
    taken = photos()
    expected = by_hand(net, np.concatenate([cut(one) for one in taken]), ctx)["3"]
    given = Samples(taken, range(len(taken))) if labelled else taken
    found = gm.inspect.feature_vectors(
        net, given, preprocess=lambda photo: kind(cut(photo)), batch_size=4, progress=False
    )
    close(found, mean_over_positions(expected))


def test_an_array_of_photos_is_preprocessed():
    net = ready(convolutional(), mx.cpu(0))
    taken = np.random.RandomState(0).randint(0, 256, (5, 16, 18, 3), dtype=np.uint8)
    expected = by_hand(net, np.concatenate([cut(one) for one in taken]), mx.cpu(0))["3"]
    for given in (taken, mx.nd.array(taken, dtype="uint8"), batches(taken, 2)):
        close(
            gm.inspect.feature_vectors(net, given, preprocess=cut, progress=False),
            mean_over_positions(expected),
        )


class Counted:
    """An iterable that counts how many of the arrays it gave are still alive."""

    def __init__(self, arrays):
        self.arrays = arrays
        self.most = 0

    def __iter__(self):
        alive = []
        for array in self.arrays:
            one = array.copy()
            alive.append(weakref.ref(one))
            yield one
            del one
            alive = [ref for ref in alive if ref() is not None]
            self.most = max(self.most, len(alive))


@pytest.mark.parametrize("kind", ["inputs", "photos", "batches"])
def test_images_are_let_go_after_their_batch(kind):
    net = ready(convolutional(), mx.cpu(0))
    arrays = {"inputs": np.tile(X, (6, 1, 1, 1)), "photos": photos(66), "batches": [X[:4]] * 60}[
        kind
    ]
    options = {"preprocess": cut if kind == "photos" else None, "batch_size": 5, "progress": False}
    images = Counted(arrays)
    found = gm.inspect.feature_vectors(net, images, **options)
    assert len(found) == (240 if kind == "batches" else 66)
    assert images.most <= 2 * 5 + 2
    images = Counted(arrays)
    gm.inspect.max_activating_patches(net, images, "0.4", [1], k=3, **options)
    # those of the patches found so far may stay
    assert images.most <= 2 * 5 + 2 + 3


def test_large_batches_are_taken_apart():
    """Not more than `batch_size` at once go through the net, and the rest is not lost."""
    net = ready(convolutional(), mx.cpu(0))
    found = gm.inspect.feature_vectors(
        net, [np.tile(X, (20, 1, 1, 1))], batch_size=7, progress=False
    )
    expected = mean_over_positions(by_hand(net, X, mx.cpu(0))["3"])
    close(found, np.tile(expected, (20, 1)))


@pytest.mark.parametrize(
    "empty",
    [[], (), iter(()), np.zeros((0, *SHAPE), np.float32), Samples(X[:0])],
    ids=lambda one: type(one).__name__,
)
def test_no_images_are_an_error(empty):
    net = ready(convolutional(), mx.cpu(0))
    with pytest.raises(gm.GradCamError):
        gm.inspect.feature_vectors(net, empty, progress=False)
    with pytest.raises(gm.GradCamError):
        gm.inspect.max_activating_patches(net, empty, "0.0", [0], progress=False)


def test_errors_of_feature_vectors_name_what_was_given():
    net = ready(convolutional(), mx.cpu(0))
    with pytest.raises(gm.GradCamError, match="no_such"):
        gm.inspect.feature_vectors(net, X, "no_such", progress=False)
    for size in (0, -3, 1.5):
        with pytest.raises(gm.GradCamError, match=str(size)):
            gm.inspect.feature_vectors(net, X, batch_size=size, progress=False)
    with pytest.raises(gm.GradCamError, match="5"):
        gm.inspect.feature_vectors(net, [X[0], random(5, 13, 11)], progress=False)
    # a net without a classifier has no penultimate layer
    maps = nn.HybridSequential()
    maps.add(nn.Conv2D(2, 3), nn.Activation("relu"))
    with pytest.raises(gm.GradCamError, match="penultimate"):
        gm.inspect.feature_vectors(ready(maps, mx.cpu(0)), X, progress=False)


def test_an_error_of_the_dataset_or_of_preprocess_is_not_swallowed():
    net = ready(convolutional(), mx.cpu(0))

    def failing():
        yield X[0]
        raise OSError("disk is gone")

    with pytest.raises(Exception, match="disk is gone"):
        gm.inspect.feature_vectors(net, failing(), batch_size=8, progress=False)


# ---------------------------------------------------------------------------------------- embedding


def clusters(count=20, dimensions=8, seed=0):
    """Two far clouds of points."""
    points = np.random.RandomState(seed).randn(2 * count, dimensions)
    points[count:] += 20
    return points.astype(np.float32)


def up_to_sign(found, expected):
    assert found.shape == expected.shape
    for column, wanted in zip(found.T, expected.T):
        sign = np.sign(column @ wanted)
        np.testing.assert_allclose(sign * column, wanted, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(("count", "dimensions"), [(30, 5), (6, 40), (3, 2), (200, 3)])
def test_pca_is_the_projection_on_the_covariances_eigenvectors(count, dimensions):
    rng = np.random.RandomState(count)
    vectors = (rng.randn(count, dimensions) * np.linspace(1, 4, dimensions) + 7).astype(np.float32)
    found = gm.inspect.embed(vectors)
    up_to_sign(found, principal_components(vectors))
    np.testing.assert_array_equal(found, gm.inspect.embed(vectors, "pca"))
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)


def test_pca_of_a_known_ellipse():
    """Along (3, 4)/5 by ±10 and along (−4, 3)/5 by ±2."""
    vectors = np.array([[106, -42], [94, -58], [98.4, -48.8], [101.6, -51.2]])
    found = np.abs(gm.inspect.embed(vectors, "pca"))
    np.testing.assert_allclose(found, [[10, 0], [10, 0], [0, 2], [0, 2]], atol=1e-4)


def test_tsne_depends_on_the_seed_alone_and_keeps_far_clusters_apart():
    points = clusters()
    np.random.seed(5)
    first = gm.inspect.embed(points, "tsne", seed=3)
    np.random.seed(6)
    state = np.random.get_state()[1].copy()
    second = gm.inspect.embed(points, "tsne", seed=3)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert first.shape == (40, 2)
    one, other = first[:20], first[20:]
    centres = one.mean(axis=0), other.mean(axis=0)
    for cloud, own, far in ((one, *centres), (other, *centres[::-1])):
        assert (np.linalg.norm(cloud - own, axis=1) < np.linalg.norm(cloud - far, axis=1)).all()


def test_tsne_of_few_vectors():
    """Fewer than its usual 30 neighbours."""
    for count in (4, 7):
        found = gm.inspect.embed(clusters()[:count], "tsne")
        assert found.shape == (count, 2)
        assert np.isfinite(found).all()


def test_vectors_that_are_all_equal_have_one_place():
    """Those of a dead net; in a process of its own, which t-SNE on 0 / 0 has ended."""
    np.testing.assert_allclose(gm.inspect.embed(np.ones((6, 3))), np.zeros((6, 2)), atol=1e-9)
    code = """if True:
        import numpy as np, gradcam_mx as gm
        try:
            assert np.isfinite(gm.inspect.embed(np.ones((6, 3)), "tsne")).all()
        except gm.GradCamError:
            pass
        """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)


def test_errors_of_embed_name_what_was_given():
    with pytest.raises(gm.GradCamError, match="umbrella"):
        gm.inspect.embed(clusters(), "umbrella")
    for wrong in (np.zeros(5), np.zeros((2, 3, 4)), np.zeros((0, 4))):
        with pytest.raises(gm.GradCamError):
            gm.inspect.embed(wrong)
    with pytest.raises(gm.GradCamError):
        gm.inspect.embed(np.full((5, 3), np.nan))


# ---------------------------------------------------------------------------- the strongest patches


def pairs(box):
    return None if box is None else tuple((one.start, one.stop) for one in box)


def symbol_of(net):
    """The net's symbol, in which the bounds of its layers' fields are found by brute force."""
    return net(mx.sym.var("data"))


def checked(patches, maps, field, images, unit, k, cropped):
    expected = strongest(maps, unit, k)
    assert len(patches) == len(expected)
    for patch, one in zip(patches, expected):
        assert patch.unit == unit
        assert (patch.index, tuple(patch.position)) == (one.index, one.position)
        np.testing.assert_allclose(patch.activation, one.activation, rtol=1e-5, atol=1e-5)
        box = box_of(field, one.position, unit)
        assert pairs(patch.box) == pairs(box)
        picture = cropped(images[one.index], box)
        assert patch.picture.dtype == picture.dtype
        np.testing.assert_array_equal(patch.picture, picture)


@pytest.mark.parametrize(
    ("layer", "number"), [("0.0", "conv0"), ("0.3", "pool0"), ("0.5", "relu1")]
)
def test_the_strongest_patches_of_inputs_are_those_of_brute_force(ctx, hybridized, layer, number):
    net = ready(convolutional(), ctx)
    x = random(9, *SHAPE)
    maps = by_hand(net, x, ctx)[layer]
    (field,) = dependence(symbol_of(net), (1, *SHAPE), [f"net_features_{number}_fwd_output"])
    if hybridized:
        net.hybridize()
    units = [3, 0, 1]
    found = gm.inspect.max_activating_patches(
        net, x, layer, units, k=4, batch_size=2, progress=False
    )
    assert len(found) == len(units)
    for unit, patches in zip(units, found):
        checked(patches, maps, field, x, unit, 4, lambda image, box: image[(slice(None), *box)])


def normalised(photo):
    return (photo.transpose(2, 0, 1)[None].astype(np.float32) - 128) / 64


@pytest.mark.parametrize("labelled", [False, True])
def test_the_strongest_patches_of_photos_are_cut_out_of_the_photos(ctx, labelled):
    net = ready(convolutional(), ctx)
    taken = np.random.RandomState(2).randint(0, 256, (8, *SHAPE[1:], 3), dtype=np.uint8)
    maps = by_hand(net, np.concatenate([normalised(one) for one in taken]), ctx)["0.5"]
    (field,) = dependence(symbol_of(net), (1, *SHAPE), ["net_features_relu1_fwd_output"])
    given = Samples(taken, range(8)) if labelled else list(taken)
    found = gm.inspect.max_activating_patches(
        net, given, "0.5", [2, 5], k=3, preprocess=normalised, batch_size=3, progress=False
    )
    for unit, patches in zip([2, 5], found):
        checked(patches, maps, field, taken, unit, 3, lambda photo, box: photo[box])


def test_pictures_of_photos_that_are_scaled_are_cut_from_what_the_net_saw(ctx):
    net = ready(convolutional(), ctx)
    prepare = gm.zoo.Preprocess(
        "BGR", (120.0, 110.0, 100.0), (60.0, 50.0, 40.0), short_side=14, size=SHAPE[1:]
    )
    taken = photos(7)
    seen = [prepare.crop(one) for one in taken]
    maps = by_hand(net, np.concatenate([prepare(one) for one in taken]), ctx)["0.4"]
    (field,) = dependence(symbol_of(net), (1, *SHAPE), ["net_features_conv1_fwd_output"])
    found = gm.inspect.max_activating_patches(
        net, taken, "0.4", [0, 3], k=4, preprocess=prepare, batch_size=3, progress=False
    )
    for unit, patches in zip([0, 3], found):
        checked(patches, maps, field, seen, unit, 4, lambda photo, box: photo[box])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_patches_of_images_in_any_form_and_batches_of_any_size(form, batch_size):
    net = ready(convolutional(), mx.cpu(0))
    maps = by_hand(net, X, mx.cpu(0))["0.4"]
    (patches,) = gm.inspect.max_activating_patches(
        net, FORMS[form](), net[0][4], [1], k=5, batch_size=batch_size, progress=False
    )
    for patch, one in zip(patches, strongest(maps, 1, 5)):
        assert (patch.index, tuple(patch.position)) == (one.index, one.position)
        np.testing.assert_array_equal(patch.picture, X[one.index][(slice(None), *patch.box)])


def test_more_patches_than_images_are_all_images(ctx):
    net = ready(convolutional(), ctx)
    x = random(3, *SHAPE)
    maps = by_hand(net, x, ctx)["0.4"]
    first, second = gm.inspect.max_activating_patches(net, x, "0.4", [0, 5], k=9, progress=False)
    for unit, patches in ((0, first), (5, second)):
        assert [patch.index for patch in patches] == [one.index for one in strongest(maps, unit, 9)]
        assert len(patches) == 3


def whole_numbers(ctx):
    """conv 2 × 2 of ones, exact in float32; channel 1 is never active behind its ReLU."""
    net = nn.HybridSequential(prefix="whole_")
    with net.name_scope():
        net.add(nn.Conv2D(2, 2, in_channels=1), nn.Activation("relu"))
    net.initialize(ctx=ctx)
    net[0].weight.set_data(mx.nd.ones((2, 1, 2, 2)))
    net[0].bias.set_data(mx.nd.array([0, -1000]))
    return net


@pytest.mark.parametrize("batch_size", [1, 2, 3, 32])
def test_of_ties_the_earlier_image_and_the_first_position_come_first(ctx, batch_size):
    net = whole_numbers(ctx)
    x = np.zeros((6, 1, 5, 5), np.float32)
    x[1, 0, 3, 1] = x[1, 0, 1, 3] = 2  # the windows at (0, 2), (0, 3), … (3, 1): two each
    x[2, 0, 4, 4] = 3
    x[3] = x[1]
    x[4, 0, 0, 0] = 3
    patches, dead = gm.inspect.max_activating_patches(
        net, x, "1", [0, 1], k=5, batch_size=batch_size, progress=False
    )
    assert [(one.activation, one.index, tuple(one.position)) for one in patches] == [
        (3, 2, (3, 3)),
        (3, 4, (0, 0)),
        (2, 1, (0, 2)),
        (2, 3, (0, 2)),
        (0, 0, (0, 0)),
    ]
    assert [(one.activation, one.index, tuple(one.position)) for one in dead] == [
        (0, number, (0, 0)) for number in range(5)
    ]
    assert pairs(patches[0].box) == ((3, 5), (3, 5))
    np.testing.assert_array_equal(patches[0].picture, [[[0, 0], [0, 3]]])


def test_activations_below_zero_have_patches_too(ctx):
    net = whole_numbers(ctx)
    x = -np.arange(1, 4, dtype=np.float32)[:, None, None, None] * np.ones((1, 1, 4, 4), np.float32)
    (patches,) = gm.inspect.max_activating_patches(net, x, "0", [0], k=2, progress=False)
    assert [(one.activation, one.index) for one in patches] == [(-4, 0), (-8, 1)]


def test_pictures_are_copies(ctx):
    net = whole_numbers(ctx)
    x = np.ones((2, 1, 4, 4), np.float32)
    (patches,) = gm.inspect.max_activating_patches(net, x, "0", [0], progress=False)
    x[:] = 5
    assert patches[0].picture.max() == 1


@pytest.mark.parametrize(
    ("units", "k", "layer", "told"),
    [
        ([6], 3, "0.4", "6"),
        ([-7], 3, "0.4", "-7"),
        ([0, 99], 3, "0.4", "99"),
        ([1.5], 3, "0.4", "1.5"),
        ([0], 0, "0.4", "0"),
        ([0], -2, "0.4", "-2"),
        ([0], 3, "0.44", r"0\.44"),
    ],
)
def test_errors_of_patches_name_what_was_given(units, k, layer, told):
    net = ready(convolutional(), mx.cpu(0))
    with pytest.raises(gm.GradCamError, match=told):
        gm.inspect.max_activating_patches(net, X, layer, units, k=k, progress=False)


# --------------------------------------------------------------------------- a unit as the target


def two_layers(ctx, hybridized=False):
    """conv relu conv relu, and a classifier above; and the same in numpy."""
    net = nn.HybridSequential(prefix="two_")
    with net.name_scope():
        net.add(
            nn.Conv2D(4, (3, 2), padding=1, in_channels=3),
            nn.Activation("relu"),
            nn.Conv2D(5, 3, strides=2, in_channels=4),
            nn.Activation("relu"),
            nn.GlobalAvgPool2D(),
            nn.Dense(3),
        )
    ready(net, ctx, hybridized=hybridized)
    first, second = (
        [one.data(ctx).asnumpy().astype(np.float64) for one in (net[n].weight, net[n].bias)]
        for n in (0, 2)
    )
    return net, TwoLayers(Convolution(*first, stride=1, pad=1), Convolution(*second, stride=2))


# channel 4 is off everywhere in one of the samples
UNITS = [
    (2, 1, (2, 3)),
    (2, 4, (0, 0)),
    (2, 0, None),
    (3, 2, (5, 2)),
    (3, 3, None),
    (3, 0, (0, 1)),
    (3, 4, None),
]


def test_numpys_two_layers_are_the_nets_and_their_gradient_is_right():
    """The reference: forward against MXNet, the plain backward against central differences."""
    net, maths = two_layers(mx.cpu(0))
    x = random(1, *SHAPE).astype(np.float64)
    for number, (values, name) in enumerate(zip(maths.forward(x[0]), "0123")):
        close(by_hand(net, x, mx.cpu(0))[name][0], values)
        assert number < 4
    for unit in UNITS:
        gradient = maths.backward(x[0], *unit, "saliency")
        _, where = maths.unit(x[0], *unit)
        rng = np.random.RandomState(0)
        for _ in range(5):
            step = rng.randn(*SHAPE) * 1e-6
            up, down = (
                maths.unit(x[0] + sign * step, unit[0], unit[1], where)[0] for sign in (1, -1)
            )
            np.testing.assert_allclose(
                (gradient * step).sum(), (up - down) / 2, rtol=1e-4, atol=1e-14
            )


@pytest.mark.parametrize("method", ["saliency", "guided_backprop", "deconvnet"])
@pytest.mark.parametrize("unit", UNITS, ids=str)
def test_gradients_of_a_unit_are_numpys(ctx, hybridized, method, unit):
    net, maths = two_layers(ctx, hybridized)
    x = random(3, *SHAPE)
    layer, channel, position = unit
    target = gm.targets.Unit(str(layer), channel, position)
    found = getattr(gm, method)(net, x, target)
    expected = np.array([maths.backward(one.astype(np.float64), *unit, method) for one in x])
    assert np.abs(expected).max() > 0
    close(found.values, expected)
    close(
        np.asarray(found.score, np.float64).reshape(-1),
        np.array([maths.unit(one.astype(np.float64), *unit)[0] for one in x]),
    )


def test_the_rules_differ_at_the_units_at_hand():
    """Else the test above could not tell them apart."""
    _, maths = two_layers(mx.cpu(0))
    x = random(3, *SHAPE).astype(np.float64)
    for unit in UNITS:
        found = [
            np.array([maths.backward(one, *unit, rule) for one in x])
            for rule in ("saliency", "guided_backprop", "deconvnet")
        ]
        for one, other in ((0, 1), (0, 2), (1, 2)):
            assert np.abs(found[one] - found[other]).max() > 0.01


def test_a_unit_is_named_as_any_layer_is(ctx):
    net, maths = two_layers(ctx)
    x = random(2, *SHAPE)
    expected = np.array(
        [maths.backward(one.astype(np.float64), 2, 1, (2, 3), "saliency") for one in x]
    )
    for layer in ("2", net[2], net[2].name, f"{net[2].name}_fwd_output"):
        close(gm.saliency(net, x, gm.targets.Unit(layer, 1, (2, 3))).values, expected)
    # of a net that is given as its graph, too
    close(gm.saliency(gm.trace(net), x, gm.targets.Unit("2", 1, position=(2, 3))).values, expected)


def test_grad_cam_explains_a_unit_by_a_layer_before_it(ctx):
    """L = relu(sum_c a_c A_c), a_c the mean of the unit's gradient at A_c."""
    net, maths = two_layers(ctx)
    x = random(2, *SHAPE)
    cam = gm.grad_cam(net, x, gm.targets.Unit("3", 2), layer="1")
    for values, one in zip(cam.values, x.astype(np.float64)):
        gradient = maths.backward(one, 3, 2, None, "saliency", until="layer")
        activations = maths.forward(one)[1]
        weights = gradient.mean(axis=(1, 2))
        close(values, np.maximum((weights[:, None, None] * activations).sum(axis=0), 0))


def test_occlusion_of_a_unit_is_what_its_activation_loses(ctx):
    net, maths = two_layers(ctx)
    x = random(1, *SHAPE)
    windows = [
        (slice(top, top + 4), slice(left, left + 4)) for top in (0, 4, 8, 12) for left in (0, 4, 8)
    ]
    for unit in ((2, 1, (2, 3)), (3, 3, None)):
        found = gm.occlusion(
            net, x, gm.targets.Unit(str(unit[0]), *unit[1:]), window=4, stride=4, progress=False
        ).values[0]
        score, _ = maths.unit(x[0], *unit)
        expected = np.zeros(SHAPE[1:])
        for window, value in zip(
            windows,
            scores_of_hidden(lambda one, unit=unit: maths.unit(one, *unit)[0], x[0], windows),
        ):
            expected[window] = score - value
        close(found, expected)


def test_several_units_of_a_layer_at_once(ctx):
    net, maths = two_layers(ctx)
    x = random(2, *SHAPE)
    units = [(3, 1, (0, 2)), (3, 3, None), (3, 0, (0, 1))]
    found = gm.saliency(
        net,
        x,
        gm.targets.Several(
            [gm.targets.Unit(str(layer), channel, position) for layer, channel, position in units]
        ),
    )
    for one, unit in zip(found, units):
        close(
            one.values,
            np.array([maths.backward(image.astype(np.float64), *unit, "saliency") for image in x]),
        )


def test_a_unit_sees_nothing_outside_of_its_receptive_field(ctx):
    """Two ways to the same box."""
    net, _ = two_layers(ctx)
    gradient = gm.saliency(net, random(1, *SHAPE), gm.targets.Unit("2", 3, (1, 2))).values[0]
    box = gm.inspect.receptive_field(net, "2", (1, *SHAPE), (1, 2))
    outside = np.ones(SHAPE[1:], bool)
    outside[box] = False
    assert not gradient[:, outside].any()
    seen = bounding_box((gradient != 0).any(axis=0))
    assert all(one.start <= other.start and other.stop <= one.stop for one, other in zip(box, seen))


@pytest.mark.parametrize(
    ("unit", "told"),
    [
        (("nowhere", 0), "nowhere"),
        (("2", 5), "5"),
        (("2", -6), "-6"),
        (("2", 1, (6, 0)), "6"),
        (("2", 1, (0, 17)), "17"),
        (("2", 1, (3,)), "3"),
        (("2", 1.5), "1.5"),
    ],
)
def test_units_that_do_not_exist_are_named(ctx, unit, told):
    net, _ = two_layers(ctx)
    with pytest.raises(gm.GradCamError, match=told):
        gm.saliency(net, random(1, *SHAPE), gm.targets.Unit(*unit))
