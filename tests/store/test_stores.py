"""A store is read as it was written, shard by shard."""

from __future__ import annotations

import numpy as np
import pytest
import stores

import gradcam_mx as gm
from gradcam_mx.errors import InputError, TargetError
from gradcam_mx.store import Store, columns


@pytest.fixture
def maps():
    return np.random.RandomState(0).randn(21, 3, 4).astype(np.float32)


@pytest.fixture
def store(tmp_path, maps):
    rows = [
        stores.row(number, one, label=number % 3, predicted=number % 2, score=float(number))
        for number, one in enumerate(maps)
    ]
    rows[5] = stores.failed(5)
    return Store(stores.written(tmp_path / "found", rows))


def test_rows_come_back(store, maps):
    assert len(store) == 21
    assert [one.number for one in store] == list(range(21))
    assert (store[7].label, store[7].predicted, store[7].score) == (1, 1, 7.0)
    assert store[-1].number == 20
    assert store[5].error == "the photo is damaged"
    np.testing.assert_allclose(store[9].map("grad_cam"), maps[9], atol=np.abs(maps[9]).max() / 2048)
    with pytest.raises(InputError, match="nothing of grad_cam for 00005"):
        store[5].map("grad_cam")
    with pytest.raises(IndexError):
        store[21]


def test_maps_come_shard_by_shard(store, maps):
    found = list(store.maps("grad_cam"))
    assert [len(numbers) for numbers, _ in found] == [7, 8, 5]
    for numbers, some in found:
        np.testing.assert_allclose(some, maps[numbers], atol=2e-3)


def test_the_mean_map_by_plain_loops(store, maps):
    chosen = [one for number, one in enumerate(maps) if number % 3 == 0]
    expected = sum(one.astype(float) / abs(one).max() for one in chosen) / len(chosen)
    found = store.filter(label=0).mean_map("grad_cam")
    np.testing.assert_allclose(found, expected, atol=1 / 2048)


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        ({"label": 1}, lambda n: n % 3 == 1),
        ({"label": [0, 2]}, lambda n: n % 3 != 1),
        ({"predicted": 1}, lambda n: n % 2 == 1),
        ({"right": True}, lambda n: n % 3 == n % 2),
        ({"right": False}, lambda n: n % 3 != n % 2),
        ({"score": (3, 8)}, lambda n: 3 <= n <= 8),
        ({"place": "class2/*"}, lambda n: n % 3 == 2),
        ({"label": 0, "right": True}, lambda n: n % 6 == 0),
        ({"failed": False}, lambda n: True),
    ],
)
def test_filters(store, asked, holds):
    expected = [number for number in range(21) if number != 5 and holds(number)]
    found = store.filter(**asked)
    assert [one.number for one in found] == expected
    assert len(found) == len(expected)
    assert found[len(expected) - 1].number == expected[-1]


def test_classes_go_by_their_names(tmp_path, maps):
    rows = [stores.row(number, one, label=number % 3) for number, one in enumerate(maps)]
    store = Store(stores.written(tmp_path / "named", rows, class_names=["cat", "dog", "cow"]))
    found = [one.number for one in store.filter(label=["cow", 0])]
    assert found == [number for number in range(21) if number % 3 != 1]
    with pytest.raises(TargetError, match="horse"):
        store.filter(label="horse")


def test_what_failed_is_found(store):
    assert [one.number for one in store.filter(failed=True)] == [5]
    assert [one.number for one in store.filter(label=1).filter(right=True)] == [1, 7, 13, 19]


def test_columns_and_tables(store):
    scores = store.column("score")
    assert np.isnan(scores[5])
    assert scores[20] == 20
    assert store.to_pandas(["number", "label"]).label.isna().sum() == 1
    assert store.to_arrow().num_rows == 21
    with pytest.raises(InputError, match="no column nonsense"):
        store.to_arrow(["nonsense"])


def test_an_explanation(store, maps):
    found = store[4].explanation("grad_cam")
    assert (found.method, found.layer, found.target) == ("grad_cam", "features.7", [0])
    assert found.heatmap().shape == (1, 32, 32)
    assert found.title == "Grad-CAM"


def test_maps_of_zeros_and_of_tiny_numbers():
    zeros = columns.packed(np.zeros((2, 2)))
    assert not columns.unpacked(**_keys(zeros)).any()
    tiny = np.array([[1e-30, -2e-30]])
    np.testing.assert_allclose(columns.unpacked(**_keys(columns.packed(tiny))), tiny, rtol=1e-3)


def _keys(packed):
    return {"shape": packed["shape"], "scale": packed["scale"], "kept": packed["map"]}


def test_what_is_no_store(tmp_path):
    with pytest.raises(InputError, match="there is no store in"):
        Store(tmp_path)
    (tmp_path / "manifest.json").write_text('{"name": "a web page"}')
    with pytest.raises(InputError, match="something else"):
        Store(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        Store(tmp_path)


def test_a_store_that_grows(tmp_path, maps):
    rows = [stores.row(number, one) for number, one in enumerate(maps)]
    store = Store(stores.written(tmp_path / "found", rows[:8]))
    stores.written(tmp_path / "found", rows)
    assert (len(store), len(store.refresh())) == (8, 21)
    assert gm.Store is Store


def test_some_samples_with_some_columns(store):
    store = store.filter(failed=False)
    found = store.at([19, 0, 18, 7], ["number", "place"])
    assert [one.number for one in found] == [20, 0, 19, 8]
    assert set(found[0].cells) == {"number", "place"}
    assert [one.number for one in store.rows(["number"])] == [one.number for one in store]
    assert store.at([]) == []
    for places in ([20], [-1]):
        with pytest.raises(InputError, match="from 0 to 19"):
            store.at(places)
    with pytest.raises(InputError, match="no column"):
        store.at([0], ["weight"])
    assert store.traits == {"grad_cam": stores.TRAITS}
