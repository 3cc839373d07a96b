"""What kind of data set something is; arrays; slices in other processes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
from data_sets import bomb, colours, folder_of, framed, head, png, read_all, ready
from PIL import Image

from gradcam_mx._mxnet import mx
from gradcam_mx.data import Samples, open_samples, reopen
from gradcam_mx.data.samples import label_of
from gradcam_mx.errors import DataError, GradCamError, InputError, PhotoError
from gradcam_mx.zoo import read_photo

HERE = Path(__file__).resolve().parent


@pytest.fixture
def sets(tmp_path):
    """A data set of every kind, of the same three photos."""
    names = [f"{'ab'[number % 2]}/{number}.png" for number in range(3)]
    folder = folder_of(tmp_path / "photos", names)
    (folder / "list.csv").write_text("".join(f"{one},{one[0]}\n" for one in names))
    records = [framed(head(float(number % 2)) + png(colours(number))) for number in range(3)]
    (tmp_path / "x.rec").write_bytes(b"".join(records))
    photos = np.stack([colours(number) for number in range(3)])
    ready = photos.transpose(0, 3, 1, 2).astype(np.float32)
    return {
        "folder": (folder, {"labels": "folders"}),
        "list": (folder / "list.csv", {}),
        "paths": ([folder / one for one in names], {"labels": [0, 1, 0]}),
        "records": (tmp_path / "x.rec", {}),
        "photos": (photos, {"labels": [0, 1, 0]}),
        "ready": ((ready, np.array([0, 1, 0])), {}),
        "gluon": (mx.gluon.data.ArrayDataset(mx.nd.array(ready), [0, 1, 0]), {}),
        "photos of gluon": (mx.gluon.data.ArrayDataset(photos, [0, 1, 0]), {}),
    }


def test_all_kinds_give_the_same_samples(sets):
    for kind, (data, options) in sets.items():
        samples = open_samples(data, **options)
        assert isinstance(samples, Samples)
        assert open_samples(samples) is samples
        order = [0, 2, 1] if kind == "folder" else [0, 1, 2]
        for number, which in enumerate(order):
            sample = samples.read(number)
            photo = colours(which)
            if kind in ("ready", "gluon"):
                photo = photo.transpose(2, 0, 1).astype(np.float32)
            np.testing.assert_array_equal(sample.values, photo)
            assert sample.values.dtype == photo.dtype
            assert sample.label == which % 2
            is_inside = kind in ("records", "gluon", "photos of gluon")
            assert samples.label(number) == (None if is_inside else sample.label)


def test_a_data_set_need_not_know_classes_before_it_reads(sets):
    whole = open_samples(sets["paths"][0], **sets["paths"][1])
    own = types.SimpleNamespace(read=whole.read)
    assert [label_of(one, 1) for one in (whole, own)] == [1, None]


def test_slices_are_the_same_in_another_process(sets, tmp_path):
    sets["transformed"] = (sets["photos of gluon"][0].transform(ready), {})
    whole = {kind: open_samples(data, **options) for kind, (data, options) in sets.items()}
    parts = {kind: samples[1:] for kind, samples in whole.items()}
    (tmp_path / "parts").write_bytes(pickle.dumps(parts))
    script = (
        "import json, pickle, sys, gradcam_mx\n"
        "from data_sets import read_all\n"
        "parts = pickle.load(open(sys.argv[1], 'rb'))\n"
        "found = {kind: [read_all(one), one.label_names, one.stamp(1), str(one.path(1))]\n"
        "         for kind, one in parts.items()}\n"
        "json.dump(found, sys.stdout)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "parts")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    expected = {
        kind: [read_all(one), one.label_names, one.stamp(1), str(one.path(1))]
        for kind, one in parts.items()
    }
    assert json.loads(done.stdout) == json.loads(json.dumps(expected))
    for kind, part in parts.items():
        assert read_all(part) == read_all(whole[kind])[1:]
        with pytest.raises(InputError, match="of a slice the whole"):
            reopen(part.record)


def test_slices_are_small():
    x = np.zeros((1000, 3, 8, 8), np.float32)
    samples = open_samples((x, list(range(1000))))
    assert len(pickle.dumps(samples[10:12])) < 3 * x[0].nbytes


# -- arrays --------------------------------------------------------------------------------------


def test_arrays(ctx):
    x = np.random.default_rng(0).standard_normal((3, 2, 4, 5)).astype(np.float32)
    before = x.copy()
    for given in (x, mx.nd.array(x, ctx=ctx)):
        samples = open_samples(given, labels=mx.nd.array([2, 0, 1], ctx=ctx))
        sample = samples.read(1)
        np.testing.assert_array_equal(sample.values, x[1])
        text = f"<f4{(2, 4, 5)}".encode()
        assert sample.sha256 == hashlib.sha256(text + x[1].tobytes()).hexdigest()
        assert (sample.label, samples.place(1), samples.path(1)) == (0, "0000001", None)
        sample.values[:] = 0
    np.testing.assert_array_equal(x, before)
    part = open_samples(x)[1:]
    assert part.place(1) == "0000002"
    assert part.stamp(0) == open_samples(x).stamp(1) == open_samples(x.copy()).stamp(1)
    assert open_samples(x + 1).stamp(1) != part.stamp(0)
    assert open_samples(x, labels=[1, 1, 1]).stamp(1) != open_samples(x, labels=[1, 2, 1]).stamp(1)


def test_grey_photos_in_an_array():
    grey = colours(0)[None, ..., 0]
    for given in (grey, grey[..., None]):
        values = open_samples(given).read(0).values
        np.testing.assert_array_equal(values, grey[0, ..., None].repeat(3, axis=2))


# -- what is none --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (None, {}, "the data set is None; expected the path of a folder"),
        (3, {}, "the data set is 3; expected"),
        ([], {}, r"the data set is \[\]; expected"),
        ({}, {}, "expected the path"),
        (["a.png", 3], {}, "expected the path"),
        (np.zeros((2, 3, 4, 4), int), {}, r"is an array \(2, 3, 4, 4\) of int64; expected floats"),
        (np.zeros((2, 3, 4)), {}, "expected floats"),
        (np.zeros((0, 3, 4, 4)), {}, "no samples or no pixels"),
        (np.zeros((2, 3, 4, 4)), {"labels": [1]}, "1 labels for 2 samples"),
        (np.zeros((2, 3, 4, 4)), {"labels": "folders"}, "expected one class for each"),
        ((np.zeros((2, 3, 4, 4)), [1, 2]), {"labels": [1, 2]}, "labels are given twice"),
        (
            np.zeros((2, 3, 4, 4)),
            {"labels": [0, 2], "label_names": ["a", "b"]},
            "there is no class 2",
        ),
    ],
)
def test_what_is_no_data_set(data, options, message):
    with pytest.raises(GradCamError, match=message):
        open_samples(data, **options)


def test_an_open_data_set_takes_no_labels():
    samples = open_samples(np.zeros((2, 3, 4, 4)))
    with pytest.raises(InputError, match="is open already"):
        open_samples(samples, labels=[1, 2])


def test_records_of_other_kinds():
    for record in ({"kind": "arrays"}, {"kind": "none"}, {}):
        with pytest.raises(InputError, match="cannot be opened by its record"):
            reopen(record)


# -- files that are no photos --------------------------------------------------------------------


def jpeg(array, **options):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "JPEG", **options)
    return file.getvalue()


DAMAGED = {
    "bomb.png": (bomb(), "is too large"),
    "cut.jpg": (jpeg(colours(0, 64, 64))[:600], "is damaged or truncated"),
    "cut.png": (png(colours(0))[:60], "is damaged or truncated"),
    "empty.jpg": (b"", "is empty"),
    "noise.jpg": (bytes(range(256)), "is not a picture of a known kind"),
    "text.png": (b"no picture", "is not a picture of a known kind"),
}


def test_damaged_files_are_told_and_the_others_read(tmp_path):
    folder_of(tmp_path, ["zz/good.png"])
    for name, (content, _) in DAMAGED.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    said = {name: words for name, (_, words) in DAMAGED.items()}
    said["gone.png"] = "there is no file gone.png: what it links to is gone"
    said["pipe.png"] = "is no file that can be read as a whole"
    samples = open_samples(tmp_path)
    assert [samples.place(one) for one in range(9)] == [*sorted(said), "zz/good.png"]
    for number, name in enumerate(sorted(said)):
        with pytest.raises(PhotoError, match=said[name]) as raised:
            samples.read(number)
        assert name in str(raised.value)
        assert str(tmp_path) not in str(raised.value)
        assert samples.stamp(number)
    np.testing.assert_array_equal(samples.read(8).values, colours(0))


def test_folders_in_the_place_of_photos(tmp_path):
    (tmp_path / "a.png").mkdir()
    (tmp_path / "list.csv").write_text("a.png\nb.png\n")
    samples = open_samples(tmp_path / "list.csv")
    with pytest.raises(PhotoError, match=r"a\.png is a folder"):
        samples.read(0)
    with pytest.raises(PhotoError, match=r"there is no file b\.png: check its path"):
        samples.read(1)
    with pytest.raises(DataError, match="no photos found"):
        open_samples(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_that_may_not_be_read(tmp_path):
    folder_of(tmp_path, ["a.png"])
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(PhotoError, match=r"a\.png cannot be read \(Permission denied\)"):
        open_samples(tmp_path).read(0)


def test_a_file_larger_than_any_photo_is_not_read(tmp_path):
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(2**32)
    with pytest.raises(PhotoError, match=r"a\.png has 4294967296 bytes"):
        open_samples(tmp_path).read(0)


def test_photos_are_read_as_the_zoo_reads_them(tmp_path):
    deep = np.random.default_rng(0).integers(0, 4096, (5, 7, 3), np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    (tmp_path / "turned.jpg").write_bytes(jpeg(colours(0, 16, 24), exif=exif(6)))
    records = [head(1.0) + (tmp_path / one).read_bytes() for one in ("deep.png", "turned.jpg")]
    (tmp_path / "x.rec").write_bytes(b"".join(map(framed, records)))
    for data in (tmp_path, tmp_path / "x.rec"):
        samples = open_samples(data, bits=12)
        assert samples.read(1).values.shape == (24, 16, 3)
        for part in (samples, samples[:], reopen(samples.record)):
            for number, name in enumerate(("deep.png", "turned.jpg")):
                expected = read_photo(tmp_path / name, bits=12)
                np.testing.assert_array_equal(part.read(number).values, expected)
    with pytest.warns(UserWarning, match="nearly black"):
        dark = open_samples(tmp_path).read(0)
    assert dark.values.max() <= 16


def exif(orientation):
    found = Image.Exif()
    found[0x0112] = orientation
    return found
