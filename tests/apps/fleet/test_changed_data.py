"""What was changed is computed again, and nothing else; the store is as that of a fresh run."""

from __future__ import annotations

import os
import shutil
import warnings

import fleets
import pytest

from gradcam_mx.apps.fleet import filling

PHOTOS = 26


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Photos, and the store of a run over them."""
    root = tmp_path_factory.mktemp("before")
    fleets.photos(root / "photos", PHOTOS, damaged=[7])
    shutil.copytree(root / "photos", root / "photos as they were")
    with pytest.warns(UserWarning, match=f"nothing was found of 1 of {PHOTOS}"):
        run(root / "store", root / "photos")
    return root


@pytest.fixture
def folder(before):
    """The photos, which a test may change."""
    shutil.rmtree(before / "photos")
    shutil.copytree(before / "photos as they were", before / "photos")
    return before / "photos"


@pytest.fixture
def store(before, tmp_path):
    """The store, which a test may run into."""
    return shutil.copytree(before / "store", tmp_path / "store")


@pytest.fixture
def computed(monkeypatch):
    """How many samples went through the net in each run."""
    counts = []
    fill = filling.Run.fill

    def counted(run, stop):
        outcome = fill(run, stop)
        counts.append(outcome.computed)
        return outcome

    monkeypatch.setattr(filling.Run, "fill", counted)
    return counts


def run(out, folder, **more):
    given = {"labels": "folders", "workers": 0, **more}
    return fleets.run(out, folder, given.pop("net", None), **given)


def replace_photo(folder):
    fleets.write_photo(folder / "a" / "004.png", 1000)


def add_in_the_middle(folder):
    fleets.write_photo(folder / "a" / "015.png", 1001)


def add_many_in_front(folder):
    for number in range(20):
        fleets.write_photo(folder / "a" / f"-{number:02d}.png", 2000 + number)


def remove_one(folder):
    (folder / "a" / "010.png").unlink()


def remove_many(folder):
    for number in range(0, 24, 2):
        (folder / "a" / f"{number:03d}.png").unlink()


def rename_one(folder):
    (folder / "a" / "002.png").rename(folder / "b" / "zzz.png")


def mend_one(folder):
    fleets.write_photo(folder / "b" / "007.png", 7)


def touch_one(folder):
    os.utime(folder / "a" / "004.png", (1, 1))


CHANGES = {
    replace_photo: 1,
    add_in_the_middle: 1,
    add_many_in_front: 20,
    remove_one: 0,
    remove_many: 0,
    rename_one: 0,
    mend_one: 1,
    touch_one: 0,
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_photos_that_changed(folder, store, tmp_path, computed, change):
    change(folder)
    found = run_quietly(store, folder)
    assert computed == [CHANGES[change]]
    assert found == run_quietly(tmp_path / "fresh", folder)
    assert {one.name for one in store.iterdir()} == {".lock", "manifest.json", "shards"}


def run_quietly(out, folder, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the photo that is damaged
        return fleets.rows(run(out, folder, **more))


def retrained():
    return fleets.net(seed=1)


STEPS = [{"methods": ["integrated_gradients"], "options": {"integrated_gradients": {"steps": one}}}
         for one in (4, 5)]  # fmt: skip

ASKED = {
    "nothing": ({}, {}, 0),
    "net": ({}, {"net": retrained}, PHOTOS - 1),
    "an option that is the default": ({}, {"options": {"saliency": {}}}, 0),
    "option": (STEPS[0], STEPS[1], PHOTOS - 1),
    "method": ({}, {"methods": ["grad_cam", "saliency", "layer_cam"]}, PHOTOS - 1),
    "order of methods": ({}, {"methods": ["saliency", "grad_cam"]}, 0),
    "measure": ({}, {"metrics": ["sparseness"]}, PHOTOS - 1),
    "larger shards": ({}, {"shard_size": 17}, 0),
    "smaller shards": ({}, {"shard_size": 3}, 0),
    "full": ({}, {"full": ["grad_cam"]}, PHOTOS - 1),
    "target": ({}, {"target": 2}, PHOTOS - 1),
    "labels that are not explained": ({}, {"labels": None}, 0),
    # those of every second photo, of which one is damaged
    "labels that are explained": (
        {"target": "label", "labels": [0, 1] * (PHOTOS // 2)},
        {"labels": [1] * PHOTOS},
        PHOTOS // 2 - 1,
    ),
}


@pytest.mark.parametrize("case", ASKED)
def test_what_is_asked_changed(folder, store, tmp_path, computed, case):
    first, then, count = ASKED[case]
    if first:
        store = tmp_path / "other"
        run_quietly(store, folder, **given(first))
        computed.clear()
    found = run_quietly(store, folder, **given({**first, **then}))
    assert computed == [count]
    assert found == run_quietly(tmp_path / "fresh", folder, **given({**first, **then}))


def test_a_net_that_is_changed_and_changed_back(folder, store, tmp_path, computed):
    before = fleets.rows(store)
    run_quietly(store, folder, net=retrained())
    assert run_quietly(store, folder) == before
    assert computed == [PHOTOS - 1, PHOTOS - 1]


def given(options):
    return {name: one() if callable(one) else one for name, one in options.items()}
