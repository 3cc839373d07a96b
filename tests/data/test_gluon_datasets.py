"""Datasets of Gluon: any, and those whose files are read instead."""

from __future__ import annotations

import hashlib
import json
import pickle
import sys
import types
import warnings

import numpy as np
import pytest
from data_sets import colours, folder_of, framed, head, places, png, read_all, ready

from gradcam_mx._mxnet import mx
from gradcam_mx.data import open_samples, reopen
from gradcam_mx.data.files import FileSamples
from gradcam_mx.data.gluon import GluonSamples
from gradcam_mx.data.records import RecordSamples
from gradcam_mx.errors import GradCamError, InputError, PhotoError

gluon = mx.gluon.data


def hash_of(array):
    text = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(text + array.tobytes()).hexdigest()


class Odd(gluon.Dataset):
    """Gives what it is told to."""

    def __init__(self, *items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, number):
        if isinstance(self.items[number], Exception):
            raise self.items[number]
        return self.items[number]


def test_pairs_and_data_alone(ctx):
    x = np.random.default_rng(0).standard_normal((4, 3, 5, 6)).astype(np.float32)
    y = np.array([3, 1, 2, 0], np.float32)
    for data in (mx.nd.array(x, ctx=ctx), x):
        samples = open_samples(gluon.ArrayDataset(data, mx.nd.array(y, ctx=ctx)))
        for number in range(4):
            sample = samples.read(number)
            np.testing.assert_array_equal(sample.values, x[number])
            assert sample.values.dtype == np.float32
            assert sample.label == y[number]
            assert sample.sha256 == hash_of(x[number])
        assert read_all(open_samples(gluon.ArrayDataset(data)))[1][2:] == (hash_of(x[1]), None)


def test_photos_of_every_kind(ctx):
    grey = colours(0)[..., :1]
    photos = [mx.nd.array(colours(0), ctx=ctx, dtype="uint8"), grey, grey[..., 0]]
    samples = open_samples(Odd(*((one, 1) for one in photos)))
    np.testing.assert_array_equal(samples.read(0).values, colours(0))
    for number in (1, 2):
        np.testing.assert_array_equal(samples.read(number).values, grey.repeat(3, axis=2))
    assert samples.read(1).sha256 == hash_of(grey)


def test_a_transform():
    dataset = gluon.ArrayDataset([colours(0), colours(1)], [5, 6]).transform(ready)
    sample = open_samples(dataset).read(1)
    expected = colours(1).transpose(2, 0, 1).astype(np.float32) / 255
    np.testing.assert_allclose(sample.values, expected, rtol=1e-6)
    assert sample.label == 6


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (2, 2),
        (np.float32(2), 2),
        (np.array([2.0]), 2),
        (2.5, None),
        (np.zeros(4), None),
        ("cat", None),
        (None, None),
        (np.bool_(True), None),
    ],
)
def test_labels(label, expected):
    assert open_samples(Odd((colours(0), label))).read(0).label == expected


def test_other_labels_are_given():
    samples = open_samples(Odd((colours(0), 1), (colours(1), 0)), labels=["b", "c"])
    assert [samples.read(one).label for one in range(2)] == [0, 1]
    assert samples.label_names == ["b", "c"]
    samples = open_samples(Odd((colours(0), 1)), label_names=["no", "yes"])
    assert samples.read(0).label == 1
    assert samples.label_names == ["no", "yes"]


def test_samples_that_cannot_be_read():
    items = [
        ValueError("no luck"),
        (np.zeros((3, 4, 4), np.int32), 0),
        (np.zeros((3, 4, 6), np.uint8), 0),
        (np.zeros(4, np.float32), 0),
        (),
        "text",
        (colours(0), 0),
    ]
    samples = open_samples(Odd(*items))
    said = [
        r"0000000 cannot be read \(ValueError: no luck\)",
        r"0000001 is an array \(3, 4, 4\) of int32; expected a photo",
        r"0000002: the photo has shape \(3, 4, 6\).*move the channels last",
        r"0000003 is an array \(4,\) of float32; expected",
        r"0000004 cannot be read \(IndexError",
        r"0000005 is an array",
    ]
    for number, message in enumerate(said):
        with pytest.raises(PhotoError, match=message):
            samples.read(number)
        assert samples.stamp(number) == "missing"
    assert samples.read(6).label == 0


def test_stamps_follow_content_and_label():
    items = [(colours(0), 1), (colours(0), 1), (colours(0), 2), (colours(1), 1)]
    samples = open_samples(Odd(*items))
    stamps = [samples.stamp(one) for one in range(4)]
    assert stamps[0] == stamps[1]
    assert len(set(stamps)) == 3


def test_parts_keep_their_numbers():
    samples = open_samples(Odd(*((colours(one), one) for one in range(6))))
    part = samples[1:6][::2]
    assert [part.place(one) for one in range(3)] == ["0000001", "0000003", "0000005"]
    assert [part.read(one).label for one in range(3)] == [1, 3, 5]
    with pytest.raises(InputError, match="hand over the data again"):
        reopen(samples.record)


def test_what_cannot_be_pickled_says_what_to_do():
    samples = open_samples(gluon.ArrayDataset([colours(0)], [1]).transform(lambda x, y: (x, y)))
    assert samples.read(0).label == 1
    assert samples.record == {"kind": "gluon"}
    with pytest.raises(InputError, match=r"cannot be handed to other processes .*workers=0"):
        pickle.dumps(samples[:1])


def test_what_another_process_does_not_know_says_what_to_do(monkeypatch):
    module = types.ModuleType("module_of_the_user")
    exec("class Own(list):\n    pass", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    content = pickle.dumps(open_samples(gluon.SimpleDataset(module.Own([colours(0)]))))
    assert pickle.loads(content).read(0).values.shape == (5, 7, 3)
    monkeypatch.delitem(sys.modules, module.__name__)
    with pytest.raises(InputError, match=r"cannot be read in another process .*workers=0"):
        pickle.loads(content)


def test_a_dataset_is_asked_by_one_thread_at_a_time():
    samples = open_samples(Odd((colours(0), 0)))
    assert samples[:1]._lock is samples._lock


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (gluon.Dataset(), "does not say how many samples it has"),
        (Odd(), "has no samples"),
        (gluon.DataLoader(Odd((colours(0), 0)), 1), "the data set is a DataLoader; expected"),
    ],
)
def test_datasets_that_are_none(dataset, message):
    with pytest.raises(GradCamError, match=message):
        open_samples(dataset)


# -- those that read files -----------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    return folder_of(tmp_path, ["b/1.png", "b/0.PNG", "a/x.png", "c/y.png"])


def assert_alike(samples, dataset, places_of):
    assert len(samples) == len(dataset)
    assert [samples.place(one) for one in range(len(samples))] == places_of
    for number in range(len(dataset)):
        data, label = dataset[number]
        np.testing.assert_array_equal(samples.read(number).values, data.asnumpy())
        assert samples.read(number).label == label


def test_an_image_folder_is_read_as_files(folder, monkeypatch):
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder.parent)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        samples = open_samples(gluon.vision.ImageFolderDataset(folder.name))
    dataset = gluon.vision.ImageFolderDataset(str(folder))
    assert isinstance(samples, FileSamples)
    assert samples.label_names == ["a", "b", "c", "empty"]
    expected = ["a/x.png", "b/0.PNG", "b/1.png", "c/y.png"]
    assert_alike(samples, dataset, expected)
    monkeypatch.chdir("/")
    again = reopen(json.loads(json.dumps(samples.record)))
    assert_alike(again, dataset, expected)
    assert again.label_names == samples.label_names
    assert again.stamp(0) == samples.stamp(0)
    # as Gluon lists it, which is not as a folder is
    folder_of(folder, ["b/.hidden.png", "b/deep/z.png", "b/k.bmp"])
    assert [reopen(samples.record).place(one) for one in range(5)] == [
        *expected[:1],
        "b/.hidden.png",
        *expected[1:],
    ]


def test_an_image_folder_whose_list_was_changed(folder):
    dataset = gluon.vision.ImageFolderDataset(str(folder))
    dataset.items = dataset.items[2:]
    samples = open_samples(dataset)
    assert_alike(samples, dataset, ["b/1.png", "c/y.png"])
    with pytest.raises(InputError, match="cannot be opened by its record"):
        reopen(samples.record)


def test_other_labels_of_an_image_folder(folder):
    dataset = gluon.vision.ImageFolderDataset(str(folder))
    samples = open_samples(dataset, labels=[9, 8, 7, 6])
    assert [samples.read(one).label for one in range(4)] == [9, 8, 7, 6]
    assert reopen(samples.record).read(3).label == 6
    (folder / "none" / "class").mkdir(parents=True)
    empty = gluon.vision.ImageFolderDataset(str(folder / "none"))
    with pytest.raises(InputError, match="has no samples"):
        open_samples(empty)


def test_image_records_are_read_as_records(tmp_path):
    frames = [framed(head(float(one)) + png(colours(one))) for one in range(3)]
    (tmp_path / "x.rec").write_bytes(b"".join(frames))
    starts = places([len(one) for one in frames])
    (tmp_path / "x.idx").write_text("".join(f"{one}\t{at}\n" for one, at in enumerate(starts)))
    dataset = gluon.vision.ImageRecordDataset(str(tmp_path / "x.rec"))
    samples = open_samples(dataset)
    assert isinstance(samples, RecordSamples)
    assert_alike(samples, dataset, ["x.rec:0", "x.rec:1", "x.rec:2"])


def test_those_that_change_what_they_read_are_asked(folder):
    grey = open_samples(gluon.vision.ImageFolderDataset(str(folder), flag=0))
    assert isinstance(grey, GluonSamples)
    assert (np.ptp(grey.read(0).values, axis=2) == 0).all()
    turned = gluon.vision.ImageFolderDataset(str(folder), transform=lambda x, y: (x[::-1], y + 1))
    samples = open_samples(turned)
    assert isinstance(samples, GluonSamples)
    assert samples.read(0).label == 1

    class Own(gluon.vision.ImageFolderDataset):
        def __getitem__(self, number):
            return colours(99), 4

    assert open_samples(Own(str(folder))).read(0).label == 4
