"""What was changed is computed again, and nothing else; the store is as that of a fresh run."""

from __future__ import annotations

import os
import warnings

import fleets
import pytest

from gradcam_mx.apps.fleet import filling

PHOTOS = 40


@pytest.fixture
def folder(tmp_path):
    return fleets.photos(tmp_path / "photos", PHOTOS, damaged=[7])


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
    given = {"labels": "folders", "workers": 0, "metrics": ["sparseness"], **more}
    return fleets.run(out, folder, given.pop("net", None), **given)


def replace_photo(folder):
    fleets.write_photo(folder / "a" / "004.png", 1000)


def add_in_the_middle(folder):
    fleets.write_photo(folder / "a" / "021.png", 1001)


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
def test_photos_that_changed(folder, tmp_path, computed, change):
    with pytest.warns(UserWarning, match="nothing was found of 1 of 40"):
        run(tmp_path / "store", folder)
    change(folder)
    found = run_quietly(tmp_path / "store", folder)
    assert computed == [PHOTOS - 1, CHANGES[change]]
    assert found == run_quietly(tmp_path / "fresh", folder)
    assert {one.name for one in (tmp_path / "store").iterdir()} == {
        ".lock",
        "manifest.json",
        "shards",
    }


def run_quietly(out, folder, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the photo that is damaged
        return fleets.rows(run(out, folder, **more))


def retrained():
    return fleets.net(seed=1)


ASKED = {
    "nothing": ({}, {}, 0),
    "net": ({}, {"net": retrained}, PHOTOS - 1),
    "option": ({}, {"options": {"saliency": {}}}, 0),
    "another option": (
        {"methods": ["integrated_gradients"], "options": {"integrated_gradients": {"steps": 4}}},
        {"methods": ["integrated_gradients"], "options": {"integrated_gradients": {"steps": 5}}},
        PHOTOS - 1,
    ),
    "method": ({}, {"methods": ["grad_cam", "saliency", "layer_cam"]}, PHOTOS - 1),
    "order of methods": ({}, {"methods": ["saliency", "grad_cam"]}, 0),
    "measure": ({}, {"metrics": ["sparseness", "complexity"]}, PHOTOS - 1),
    "shard size, larger": ({}, {"shard_size": 17}, 0),
    "shard size, smaller": ({}, {"shard_size": 3}, 0),
    "full": ({}, {"full": ["grad_cam"]}, PHOTOS - 1),
    "target": ({}, {"target": 2}, PHOTOS - 1),
    "labels that are not explained": ({}, {"labels": None}, 0),
    "labels that are explained": ({"target": "label"}, {"labels": [1] * PHOTOS}, PHOTOS // 2),
    "net and back": ({}, {"net": fleets.net}, 0),
}


@pytest.mark.parametrize("case", ASKED)
def test_what_is_asked_changed(folder, tmp_path, computed, case):
    before, now, count = ASKED[case]
    run_quietly(tmp_path / "store", folder, **given(before))
    found = run_quietly(tmp_path / "store", folder, **given({**before, **now}))
    fresh = run_quietly(tmp_path / "fresh", folder, **given({**before, **now}))
    if case != "labels that are explained":
        assert computed[:2] == [PHOTOS - 1, count]
    else:
        assert 0 < computed[1] <= count
    assert found == fresh


def given(options):
    return {name: one() if callable(one) else one for name, one in options.items()}
