"""Stores that are put together, and what other programs read of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import stores

from gradcam_mx.data import open_samples
from gradcam_mx.errors import InputError, OutputError
from gradcam_mx.store import Store


@pytest.fixture
def maps():
    return np.random.RandomState(3).rand(10, 4, 4).astype(np.float32)


def _store(folder, maps, **more):
    rows = [
        stores.row(number, one, label=number % 3, predicted=number % 2)
        for number, one in enumerate(maps)
    ]
    return stores.written(folder, rows, shard_size=4, **more)


def test_merged_stores_are_numbered_on(tmp_path, maps):
    first, second = _store(tmp_path / "a", maps[:7]), _store(tmp_path / "b", maps[7:])
    merged = Store.merge([first, second], tmp_path / "both")
    assert [one.number for one in merged] == list(range(10))
    for row, expected in zip(merged, maps):
        np.testing.assert_allclose(row.map("grad_cam"), expected, atol=1 / 2048)
    assert merged.manifest.samples == 10
    with pytest.raises(InputError, match="merged"):
        merged.samples()


def test_what_is_not_alike_is_not_merged(tmp_path, maps):
    first = _store(tmp_path / "a", maps)
    other = _store(tmp_path / "b", maps, methods=["grad_cam", "saliency"])
    with pytest.raises(InputError, match="of another method"):
        Store.merge([first, other], tmp_path / "both")
    with pytest.raises(OutputError, match="give a new folder"):
        Store.merge([first], other)
    with pytest.raises(InputError, match="at least one"):
        Store.merge([], tmp_path / "none")


def test_the_files_of_virelay(tmp_path, maps):
    """As its "Database Specification" has them."""
    h5py = pytest.importorskip("h5py")
    photos = np.random.RandomState(0).randint(0, 256, (10, 40, 40, 3), np.uint8)
    prepare = {
        "order": "RGB",
        "mean": [0.0] * 3,
        "std": [1.0] * 3,
        "short_side": 40,
        "size": 32,
        "interpolation": "bilinear",
    }
    folder = _store(tmp_path / "a", maps, preprocess=prepare, class_names=["x", "y", "z"])
    store, samples = Store(folder), open_samples(photos)
    np.testing.assert_array_equal(store.photo(store[6], samples), photos[6, 4:36, 4:36])
    project = store.to_virelay(tmp_path / "page", "grad_cam", samples)
    about = json.loads(project.read_text())["project"]
    assert about["attributions"]["attribution_strategy"] == "predicted_label"
    with h5py.File(project.parent / about["dataset"]["path"]) as file:
        np.testing.assert_array_equal(file["data"][6], photos[6, 4:36, 4:36].transpose(2, 0, 1))
        assert list(file["label"]) == [number % 3 for number in range(10)]
    with h5py.File(project.parent / about["attributions"]["sources"][0]) as file:
        assert file["attribution"].shape == (10, 1, 32, 32)
        corners = file["attribution"][6][0][[0, 0, -1, -1], [0, -1, 0, -1]]
        np.testing.assert_allclose(corners, maps[6][[0, 0, -1, -1], [0, -1, 0, -1]], atol=1 / 2048)
        np.testing.assert_allclose(file["prediction"][3], [0, 0.5, 0])
        assert list(file["index"]) == list(range(10))
    names = json.loads((project.parent / about["label_map"]).read_text())
    assert [one["name"] for one in names] == ["x", "y", "z"]


def test_what_cannot_be_exported(tmp_path, maps):
    folder = _store(tmp_path / "a", maps)
    with pytest.raises(InputError, match="no method 'saliency'"):
        Store(folder).to_virelay(tmp_path / "page", "saliency")
    with pytest.raises(InputError, match="cannot be opened by its record"):
        Store(folder).to_virelay(tmp_path / "page", "grad_cam")
