"""Photos in folders, in lists of paths and by patterns: which, in which order, of which class."""

from __future__ import annotations

import hashlib
import json
import os
import random
import warnings
from pathlib import Path

import numpy as np
import pytest
from data_sets import colours, folder_of

from gradcam_mx._mxnet import mx
from gradcam_mx.data import open_samples, reopen
from gradcam_mx.errors import DataError, GradCamError, InputError, TargetError
from gradcam_mx.support import ours

NAMES = ["cat/b.png", "cat/a.png", "dog/deep/er/x.PNG", "dog/z.png", "top.png", "eel/10.png"]
IN_ORDER = ["top.png", "cat/a.png", "cat/b.png", "dog/z.png", "dog/deep/er/x.PNG", "eel/10.png"]


def placed(samples):
    return [samples.place(number) for number in range(len(samples))]


def labels_of(samples):
    return [samples.read(number).label for number in range(len(samples))]


@pytest.fixture
def folder(tmp_path):
    return folder_of(tmp_path / "photos", NAMES)


def test_a_folder_and_all_below_it(folder):
    samples = open_samples(folder)
    assert placed(samples) == IN_ORDER
    for number, name in enumerate(IN_ORDER):
        sample = samples.read(number)
        np.testing.assert_array_equal(sample.values, colours(NAMES.index(name)))
        assert sample.values.dtype == np.uint8
        assert sample.sha256 == hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert sample.label is None
        assert samples.path(number) == folder / name
    assert samples.label_names is None


def test_the_order_is_not_that_of_the_disk(folder, monkeypatch):
    scandir, listdir = os.scandir, os.listdir

    class Shuffled:
        def __init__(self, path):
            entries = list(scandir(path))
            self.entries = iter(chance.sample(entries, len(entries)))

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def __iter__(self):
            return self

        def __next__(self):
            return next(self.entries)

    def shuffled(path):
        names = listdir(path)
        return chance.sample(names, len(names))

    monkeypatch.setattr(os, "scandir", Shuffled)
    monkeypatch.setattr(os, "listdir", shuffled)
    for seed in range(5):
        chance = random.Random(seed)
        found = open_samples(folder, labels="folders")
        assert placed(found) == IN_ORDER
        assert found.label_names == ["cat", "dog", "eel"]


def test_what_is_hidden_or_made_by_this_program_is_left_out(folder):
    folder_of(folder, [".hidden/a.png", ".a.png", "run/a.png", "x.store/a.png", "y/deep/a.png"])
    folder_of(folder, ["kept/a.png", "kept2/a.png"])
    (folder / "run" / "run.json").write_text(json.dumps({"program": "gradcam-mx"}))
    (folder / "y" / "manifest.json").write_text(json.dumps({"program": "gradcam-mx"}))
    # another program's
    (folder / "kept" / "manifest.json").write_text(json.dumps({"program": "webpack"}))
    (folder / "kept2" / "run.json").write_text("{")
    (folder / "notes.txt").write_text("no photo")
    samples = open_samples(folder, labels="folders")
    assert set(placed(samples)) == {*NAMES, "kept/a.png", "kept2/a.png"}
    assert samples.label_names == ["cat", "dog", "eel", "kept", "kept2"]
    for name in ("run", "x.store", "y"):
        with pytest.raises(DataError, match="holds results of gradcam-mx"):
            open_samples(folder / name)
    assert ours.is_run(folder / "run")
    assert not ours.is_run(folder / "y")


def test_links_are_followed_but_in_no_circle(folder, tmp_path):
    folder_of(tmp_path / "elsewhere", ["fox/a.png"])
    (folder / "fox").symlink_to(tmp_path / "elsewhere" / "fox")
    (folder / "cat" / "up").symlink_to(folder)
    (folder / "dog" / "self").symlink_to(".")
    (folder / "gone").symlink_to("nowhere")
    samples = open_samples(folder, labels="folders")
    assert placed(samples) == [*IN_ORDER, "fox/a.png"]
    assert samples.label_names == ["cat", "dog", "eel", "fox"]


def test_a_folder_that_may_not_be_read_is_told(folder, monkeypatch):
    scandir = os.scandir

    def refusing(path):
        if Path(path).name == "dog":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.warns(UserWarning, match=r"dog cannot be read \(Permission denied\)") as said:
        samples = open_samples(folder)
    assert placed(samples) == [one for one in IN_ORDER if not one.startswith("dog")]
    assert said[0].filename == __file__


# -- labels --------------------------------------------------------------------------------------


def test_the_first_folder_is_the_class_as_gluon_numbers_them(folder):
    (folder / "aaa_without_photos").mkdir()
    samples = open_samples(folder, labels="folders")
    assert samples.label_names == ["aaa_without_photos", "cat", "dog", "eel"]
    assert labels_of(samples) == [None, 1, 1, 2, 2, 3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is no photo in a class's folder
        gluon = mx.gluon.data.vision.ImageFolderDataset(str(folder))
    assert gluon.synsets == samples.label_names
    theirs = {os.path.relpath(name, folder): label for name, label in gluon.items}
    ours = dict(zip(placed(samples), labels_of(samples)))
    assert theirs
    assert {name: ours[name] for name in theirs} == theirs


def test_folders_may_be_called_as_classes_are(tmp_path):
    folder_of(tmp_path, ["10/a.png", "2/a.png", "Cat/a.png"])
    assert open_samples(tmp_path, labels="folders").label_names == ["10", "2", "Cat"]
    names = ["2", "cat", "10"]
    samples = open_samples(tmp_path, labels="folders", label_names=names)
    assert labels_of(samples) == [2, 0, 1]
    assert samples.label_names == names
    with pytest.raises(TargetError, match="no class is called 'Cat'"):
        open_samples(tmp_path, labels="folders", label_names=["2", "10"])


def test_a_file_says_the_classes(folder, tmp_path):
    lines = [f"{name},{number % 3}" for number, name in enumerate(NAMES)]
    (tmp_path / "labels.csv").write_text("photo,class\n" + "\n".join(lines))
    samples = open_samples(folder, labels=tmp_path / "labels.csv")
    assert labels_of(samples) == [NAMES.index(one) % 3 for one in IN_ORDER]
    (tmp_path / "labels.csv").write_text("\n".join(lines[:-1]))
    with pytest.raises(TargetError, match=r"labels.csv has no line for .*eel/10.png"):
        open_samples(folder, labels=tmp_path / "labels.csv")


def test_classes_are_given(folder):
    given = np.array([3, 1, 4, 1, 5, 9])
    assert labels_of(open_samples(folder, labels=given)) == given.tolist()
    samples = open_samples(folder, labels=["b", "a", "", "c", None, "a"])
    assert labels_of(samples) == [1, 0, None, 2, None, 0]
    assert samples.label_names == ["a", "b", "c"]
    samples = open_samples(folder, labels=["dog", 0, "1", 0, 1, 0], label_names=["cat", "dog"])
    assert labels_of(samples) == [1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1, 2], "2 labels for 6 samples"),
        (3, r"labels=3; expected one class for each sample"),
        (np.zeros((6, 2)), r"labels=an array \(6, 2\)"),
        ([0.5] * 6, r"have 0\.5; expected a class"),
        ([True] * 6, "have True; expected a class"),
        (["1", "a"] * 3, "have numbers of classes, such as 1, and names, such as 'a'"),
    ],
)
def test_labels_that_are_none(folder, labels, message):
    with pytest.raises(GradCamError, match=message):
        open_samples(folder, labels=labels)


def test_labels_by_folder_without_folders(tmp_path):
    folder_of(tmp_path, ["a.png"])
    with pytest.raises(TargetError, match="has no folders"):
        open_samples(tmp_path, labels="folders")


# -- stamps, parts, records ----------------------------------------------------------------------


def test_a_stamp_changes_with_the_file_and_its_label(folder):
    samples = open_samples(folder)
    before = [samples.stamp(number) for number in range(6)]
    assert before == [samples.stamp(number) for number in range(6)]
    path = samples.path(1)
    content, time = path.read_bytes(), path.stat().st_mtime_ns
    path.write_bytes(content[:-1] + b"!")
    os.utime(path, ns=(time, time + 1))
    samples.path(2).unlink()
    after = [samples.stamp(number) for number in range(6)]
    assert [one == two for one, two in zip(before, after)] == [True, False, False] + [True] * 3
    labelled = open_samples(folder, labels=[0, 1, 0, 0, 0])
    again = open_samples(folder, labels=[0, 2, 0, 0, 0])
    assert labelled.stamp(0) == again.stamp(0) != samples.stamp(0)
    assert labelled.stamp(1) != again.stamp(1)


def test_parts_hold_their_own_paths_alone(folder):
    samples = open_samples(folder, labels="folders")
    part = samples[1:6:2]
    assert placed(part) == IN_ORDER[1:6:2]
    assert labels_of(part) == labels_of(samples)[1:6:2]
    assert part.label_names == samples.label_names
    assert placed(part[1:]) == IN_ORDER[3:6:2]
    with pytest.raises(InputError, match="of a slice the whole"):
        reopen(part.record)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"labels": "folders"},
        {"labels": ["x", "y", "x", "z", "", "y"]},
        {"labels": [0, 1] * 3, "label_names": ["no", "yes"], "bits": 12},
    ],
)
def test_a_folder_is_opened_again_from_anywhere(folder, options, monkeypatch, tmp_path):
    monkeypatch.chdir(folder)
    samples = open_samples("../photos", **options)
    monkeypatch.chdir(tmp_path)
    again = reopen(json.loads(json.dumps(samples.record)))
    assert placed(again) == placed(samples)
    assert labels_of(again) == labels_of(samples)
    assert again.label_names == samples.label_names
    assert again.record == samples.record


# -- paths and patterns --------------------------------------------------------------------------


def test_paths_folders_and_patterns_each_once(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    given = ["photos/cat/b.png", "photos/*/*.png", Path("photos/dog"), "photos/../photos/cat/a.p*"]
    samples = open_samples(given)
    expected = ["cat/b.png", "cat/a.png", "dog/z.png", "eel/10.png", "dog/deep/er/x.PNG"]
    assert placed(samples) == expected
    monkeypatch.chdir(folder)
    assert placed(reopen(samples.record)) == expected
    assert placed(open_samples("cat/*.png")) == ["a.png", "b.png"]
    assert placed(open_samples(folder / "top.png")) == ["top.png"]
    samples = open_samples([str(folder)], labels="folders")
    assert labels_of(samples) == [None, 0, 0, 1, 1, 2]


def test_a_folder_that_is_written_like_a_pattern(tmp_path, monkeypatch):
    folder_of(tmp_path / "a[1]", ["x*.png", "xy.png"])
    monkeypatch.chdir(tmp_path / "a[1]")
    assert placed(open_samples(["x*.png"])) == ["x*.png"]
    samples = open_samples(["x[*y].png"])
    assert placed(samples) == ["x*.png", "xy.png"]
    monkeypatch.chdir("/")
    assert placed(reopen(samples.record)) == ["x*.png", "xy.png"]


def test_names_that_are_no_text(tmp_path):
    raw = os.fsencode(tmp_path) + b"/caf\xe9.png"
    folder_of(tmp_path, ["a.png"])
    os.rename(tmp_path / "a.png", raw)  # noqa: PTH104
    samples = open_samples(tmp_path)
    assert samples.place(0) == r"caf\xe9.png"
    assert samples.read(0).values.shape == (5, 7, 3)
    assert os.fsencode(samples.path(0)) == raw


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("missing", r"there is no data set missing: check the path"),
        ("empty", r"no photos found in .*empty; looked for files ending in \.bmp"),
        ("*.none", r"no photos found in .*\.none"),
        (["photos/cat/a.png", "empty"], "no photos found in .*empty"),
        ("", "no photos found in"),
    ],
)
def test_no_photos(folder, tmp_path, monkeypatch, given, message):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path if given else tmp_path / "empty")
    with pytest.raises(DataError, match=message):
        open_samples(given)
