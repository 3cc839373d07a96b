"""Cutting inputs into parts."""

import sys

import numpy as np
import pytest

from gradcam_mx.errors import DependencyError, InputError, MethodError
from gradcam_mx.methods.segments import known_count, segments_of


def quarters(height=40, width=60):
    """A picture of four plain quarters, as a net might get it: (1, 3, H, W), around zero."""
    x = np.zeros((1, 3, height, width), np.float32)
    x[0, 0, :, : width // 2] = 2
    x[0, 1, height // 2 :] = -1.5
    return x + np.random.RandomState(0).normal(0, 0.01, x.shape).astype(np.float32)


@pytest.mark.parametrize("way", ["slic", "quickshift", None])
def test_superpixels_keep_to_edges(way):
    """Nearly every position is in a segment that has most of its positions in the same quarter."""
    x = quarters()
    (cut,) = segments_of(x, way, 16)
    quarter = (np.arange(40)[:, None] >= 20) * 2 + (np.arange(60) >= 30)
    kept = sum(np.bincount(quarter[cut == one]).max() for one in range(cut.max() + 1))
    assert kept / cut.size > 0.95
    assert set(np.unique(cut)) == set(range(cut.max() + 1))
    if way != "quickshift":
        assert 8 <= cut.max() + 1 <= 24


@pytest.mark.parametrize("way", ["slic", "quickshift"])
def test_superpixels_do_not_depend_on_the_range(way):
    x = quarters()
    np.testing.assert_array_equal(segments_of(x, way, 16), segments_of(x * 64 + 100, way, 16))


@pytest.mark.parametrize("channels", [1, 3, 6])
@pytest.mark.parametrize("way", ["slic", "quickshift"])
def test_any_number_of_channels(way, channels):
    x = np.tile(quarters()[:, :1], (2, channels, 1, 1))
    cut = segments_of(x, way, 8)
    assert cut.shape == (2, 40, 60)
    assert cut.dtype == np.int32
    right = np.broadcast_to(np.arange(60) >= 30, (40, 60))
    kept = sum(np.bincount(right[cut[0] == one]).max() for one in range(cut[0].max() + 1))
    assert kept / right.size > 0.95


def test_a_grid_by_hand():
    (cut,) = segments_of(np.zeros((1, 3, 4, 8)), "grid", 8)
    np.testing.assert_array_equal(cut, np.repeat(np.repeat(np.arange(8).reshape(2, 4), 2, 0), 2, 1))


@pytest.mark.parametrize(
    ("shape", "number", "count"),
    [
        ((2, 3, 100), 10, 10),
        ((1, 3, 30, 30), 9, 9),
        ((1, 2, 8, 8, 8), 8, 8),
        ((1, 3, 7, 11), 6, 6),
        ((1, 1, 3, 100), 12, 12),
        ((1, 1, 32, 32), 2, 2),
        ((2, 5), 3, 5),
        ((1, 3, 2, 2), 50, 4),
    ],
    ids=str,
)
def test_cells_are_of_one_size(shape, number, count):
    cut = segments_of(np.zeros(shape), "grid", number)
    sizes = np.bincount(cut[0].ravel())
    assert len(sizes) == count
    assert sizes.max() <= 2 * sizes.min()
    np.testing.assert_array_equal(cut[0], cut[-1])


def test_ones_own_segments_are_numbered_from_zero():
    given = np.array([[7, 7, -2], [7, 40, -2]])
    cut = segments_of(np.zeros((2, 3, 2, 3)), given)
    np.testing.assert_array_equal(cut, [[[1, 1, 0], [1, 2, 0]]] * 2)
    np.testing.assert_array_equal(
        segments_of(np.zeros((1, 3, 2, 3)), given > 0), [[[1, 1, 0], [1, 1, 0]]]
    )
    assert known_count(given, (2, 3, 2, 3)) == 3
    assert known_count("slic", (2, 3, 2, 3)) is None
    assert known_count(None, (2, 9)) == 9


@pytest.mark.parametrize(
    ("segments", "error"),
    [
        ("watershed", MethodError),
        (np.zeros((3, 2), int), InputError),
        (np.full((2, 3), np.nan), InputError),
    ],
    ids=str,
)
def test_segments_that_are_none(segments, error):
    with pytest.raises(error):
        segments_of(np.zeros((1, 3, 2, 3)), segments)


@pytest.mark.parametrize("way", ["slic", "quickshift"])
def test_superpixels_are_of_pictures(way):
    with pytest.raises(MethodError, match='"grid"'):
        segments_of(np.zeros((1, 3, 20)), way)


@pytest.mark.parametrize(
    ("package", "call"),
    [
        ("skimage", lambda gm, net, x: gm.feature_ablation(net, x)),
        ("sklearn", lambda gm, net, x: gm.lime(net, x, segments="grid")),
        ("shap", lambda gm, net, x: gm.partition_shap(net, x)),
    ],
)
def test_packages_that_are_not_installed(package, call, monkeypatch):
    import gradcam_mx as gm
    from gradcam_mx._mxnet import mx

    for name in [package, *sys.modules]:
        if name.split(".")[0] == package:
            monkeypatch.setitem(sys.modules, name, None)  # importing it fails
    net = mx.gluon.nn.Dense(2)
    net.initialize()
    with pytest.raises(DependencyError, match=r'pip install "gradcam-mx\[perturb\]"'):
        call(gm, net, mx.nd.ones((1, 3, 8, 8)))
