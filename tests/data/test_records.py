"""Photos in RecordIO files: against MXNet's own reader and writer, and files made by hand."""

from __future__ import annotations

import hashlib
import json
import os
import struct

import numpy as np
import pytest
from data_sets import MARK, bomb, colours, framed, head, places, png

from gradcam_mx._mxnet import mx
from gradcam_mx.data import open_samples, reopen
from gradcam_mx.data.framing import record_at, records_in
from gradcam_mx.errors import DataError, InputError, PhotoError

LABELS = [3, 0, 1, 3, 2]


@pytest.fixture
def rec(tmp_path):
    """A .rec file with its index, as MXNet writes them; keys are not in order."""
    writer = mx.recordio.MXIndexedRecordIO(str(tmp_path / "x.idx"), str(tmp_path / "x.rec"), "w")
    for number, label in enumerate(LABELS):
        header = mx.recordio.IRHeader(0, label, 100 + number, 0)
        writer.write_idx(50 - number, mx.recordio.pack(header, png(colours(number))))
    writer.close()
    return tmp_path / "x.rec"


def by_hand(path, contents):
    """A file of records, without an index; where each begins."""
    frames = [framed(one) for one in contents]
    path.write_bytes(b"".join(frames))
    return places([len(one) for one in frames])


def test_what_mxnet_has_written(rec):
    samples = open_samples(rec)
    assert len(samples) == 5
    for number, label in enumerate(LABELS):
        sample = samples.read(number)
        np.testing.assert_array_equal(sample.values, colours(number))
        payload = head(float(label), 100 + number) + png(colours(number))
        assert sample.sha256 == hashlib.sha256(payload).hexdigest()
        assert sample.label == label
        assert samples.place(number) == f"x.rec:{50 - number}"
        assert samples.path(number) is None


def test_without_an_index_one_pass_finds_the_same(rec):
    indexed = open_samples(rec)
    (rec.parent / "x.idx").unlink()
    samples = open_samples(rec)
    for number in range(5):
        assert samples.read(number).sha256 == indexed.read(number).sha256
        assert samples.stamp(number) == indexed.stamp(number)
    assert [samples.place(number) for number in range(5)] == [f"x.rec:{one}" for one in range(5)]


def test_what_is_written_by_hand_mxnet_reads_too(tmp_path):
    by_hand(tmp_path / "x.rec", [head(float(one)) + png(colours(one)) for one in LABELS])
    reader = mx.recordio.MXRecordIO(str(tmp_path / "x.rec"), "r")
    for label in LABELS:
        header, content = mx.recordio.unpack(reader.read())
        assert (header.label, content) == (label, png(colours(label)))
    samples = open_samples(tmp_path / "x.rec")
    assert [samples.read(number).label for number in range(5)] == LABELS


@pytest.mark.parametrize("count", [1, 2, 3])
def test_records_that_hold_the_mark(tmp_path, count):
    """MXNet's writer cuts them into parts, and so must the reader join them."""
    mark = struct.pack("<I", MARK)
    contents = [b"12345678".join([mark] * count), b"1" + mark, b"abcd" + mark, mark * count, b""]
    path = tmp_path / "x.rec"
    writer = mx.recordio.MXRecordIO(str(path), "w")
    for one in contents:
        writer.write(one)
    writer.close()
    assert path.read_bytes().count(mark) > len(contents)
    file = os.open(path, os.O_RDONLY)
    size = path.stat().st_size
    starts = records_in(file, size)
    stops = [*starts[1:].tolist(), size]
    found = [record_at(file, int(start), stop) for start, stop in zip(starts, stops)]
    os.close(file)
    assert found == contents


def test_random_records_against_mxnet(tmp_path):
    rng = np.random.default_rng(0)
    words = np.array([0, MARK, 7], np.uint32)
    contents = [
        rng.choice(words, rng.integers(0, 40)).tobytes() + bytes(rng.integers(0, 4).item())
        for _ in range(200)
    ]
    path = tmp_path / "x.rec"
    writer = mx.recordio.MXIndexedRecordIO(str(tmp_path / "x.idx"), str(path), "w")
    for key, one in enumerate(contents):
        writer.write_idx(key, one)
    writer.close()
    theirs = [int(line.split("\t")[1]) for line in (tmp_path / "x.idx").read_text().splitlines()]
    file = os.open(path, os.O_RDONLY)
    size = path.stat().st_size
    starts = records_in(file, size)
    assert starts.tolist() == theirs
    found = [record_at(file, one, stop) for one, stop in zip(theirs, [*theirs[1:], size])]
    os.close(file)
    assert found == contents


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (2.0, 2),
        (2.5, None),
        (float("nan"), None),
        (float("inf"), None),
        ([4, 1], 4),
        ([0.5, 1], None),
        ([7], 7),
        (-1.0, -1),
    ],
)
def test_labels(tmp_path, labels, expected):
    by_hand(tmp_path / "x.rec", [head(labels) + png(colours(0))])
    sample = open_samples(tmp_path / "x.rec").read(0)
    assert sample.label == expected
    np.testing.assert_array_equal(sample.values, colours(0))


def test_other_labels_are_given(rec):
    samples = open_samples(rec, labels=["b", "a", "", "a", "b"])
    assert [samples.read(number).label for number in range(5)] == [1, 0, None, 0, 1]
    assert samples.label_names == ["a", "b"]
    assert samples.stamp(0) == open_samples(rec).stamp(0) + "-label-1"
    for labels in ([1], "folders"):
        with pytest.raises(InputError, match="expected one"):
            open_samples(rec, labels=labels)


def test_opened_again_and_cut(rec):
    samples = open_samples(rec, label_names=["a", "b", "c", "d"])
    again = reopen(json.loads(json.dumps(samples.record)))
    part = again[1:5:2]
    assert [part.place(one) for one in range(2)] == ["x.rec:49", "x.rec:47"]
    assert [part.read(one).sha256 for one in range(2)] == [
        samples.read(one).sha256 for one in (1, 3)
    ]
    assert [part.stamp(one) for one in range(2)] == [samples.stamp(one) for one in (1, 3)]
    assert part.label_names == samples.label_names == ["a", "b", "c", "d"]


def test_a_stamp_changes_with_the_file(rec):
    samples = open_samples(rec)
    before = [samples.stamp(number) for number in range(5)]
    assert len(set(before)) == 5
    os.utime(rec, ns=(1, 1))
    assert not set(before) & {samples.stamp(number) for number in range(5)}
    rec.unlink()
    assert samples.stamp(0).startswith("missing")
    with pytest.raises(PhotoError, match=r"x\.rec:50 cannot be read \(No such file"):
        samples.read(0)


# -- damage --------------------------------------------------------------------------------------


def starts_of(rec):
    lines = (rec.parent / "x.idx").read_text().splitlines()
    return [int(line.split("\t")[1]) for line in lines]


def overwritten(path, at, content):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def failing(samples):
    """Which cannot be read, and what is said of them."""
    found = {}
    for number in range(len(samples)):
        try:
            samples.read(number)
        except PhotoError as error:
            found[number] = str(error)
    assert all(said.startswith(samples.place(number)) for number, said in found.items())
    return found


def test_a_record_without_its_mark(rec):
    overwritten(rec, starts_of(rec)[2], b"XXXX")
    assert list(failing(open_samples(rec))) == [2]
    (rec.parent / "x.idx").unlink()
    with pytest.raises(DataError, match=rf"no record begins at byte {starts(rec, 2)}"):
        open_samples(rec)


def starts(rec, number):
    """Where a record of the fixture begins."""
    sizes = [len(framed(head(0.0) + png(colours(one)))) for one in range(5)]
    return places(sizes)[number]


@pytest.mark.parametrize("change", [-40, 40, 4000, 2**28])
def test_a_record_of_another_length(rec, change):
    at = starts_of(rec)[2]
    (length,) = struct.unpack("<I", rec.read_bytes()[at + 4 : at + 8])
    overwritten(rec, at + 4, struct.pack("<I", length + change))
    assert list(failing(open_samples(rec))) == [2]
    (rec.parent / "x.idx").unlink()
    with pytest.raises(DataError, match=r"x\.rec is damaged or truncated: .* at byte"):
        open_samples(rec)


def test_a_photo_that_is_damaged_in_its_record(rec):
    overwritten(rec, starts_of(rec)[3] + 40, b"garbage!")
    (said,) = failing(open_samples(rec)).values()
    assert said.startswith("x.rec:47 is")


def test_parts_in_another_order(tmp_path):
    content = head(1.0) + png(colours(1))
    frames = [framed(content), framed(content[:40], kind=1), framed(content)]
    (tmp_path / "x.rec").write_bytes(b"".join(frames))
    with pytest.raises(DataError, match="another part of a record than expected"):
        open_samples(tmp_path / "x.rec")
    lines = [f"{key}\t{at}\n" for key, at in enumerate(places([len(one) for one in frames]))]
    (tmp_path / "x.idx").write_text("".join(lines))
    assert list(failing(open_samples(tmp_path / "x.rec"))) == [1]


def test_records_that_hold_something_else(tmp_path):
    contents = [
        b"",
        b"short",
        head([1, 2, 3])[:-4],
        head(1.0),
        head(1.0) + b"text",
        head(1.0) + bomb(),
        head(1.0) + png(colours(1))[:-30],
        head(1.0) + png(colours(1)),
    ]
    by_hand(tmp_path / "x.rec", contents)
    found = failing(open_samples(tmp_path / "x.rec"))
    assert list(found) == list(range(7))
    said = ["no head", "no head", "too short for its 3 labels", "is empty", "not a picture"]
    said += ["is too large", "is damaged or truncated"]
    for words, text in zip(said, found.values()):
        assert words in text


@pytest.mark.parametrize("lost", [1, 30, 200])
@pytest.mark.parametrize("has_index", [True, False])
def test_a_truncated_file(rec, lost, has_index):
    size = rec.stat().st_size
    (rec.parent / "x.idx").rename(rec.parent / ("x.idx" if has_index else "other"))
    os.truncate(rec, size - 3 - lost)  # what is behind the photo may be three zeros
    with pytest.raises(DataError, match=rf"x\.rec is .*truncated.*it has {size - 3 - lost}"):
        open_samples(rec)


def test_an_index_with_more_than_the_file_has(rec):
    os.truncate(rec, starts_of(rec)[4])
    with pytest.raises(DataError, match=rf"names a record at byte {starts_of(rec)[4]}, and"):
        open_samples(rec)


def test_an_index_of_another_file(rec, tmp_path):
    lines = [f"{number}\t{number * 96 + 4}\n" for number in range(5)]
    (tmp_path / "x.idx").write_text("".join(lines))
    with pytest.raises(DataError, match=r"does not fit .* no records begin; make the index again"):
        open_samples(rec)


def test_an_index_of_some_records_is_told(rec, tmp_path):
    lines = (tmp_path / "x.idx").read_text().splitlines(keepends=True)
    (tmp_path / "x.idx").write_text("".join([lines[2], lines[0]]))
    with pytest.warns(UserWarning, match=rf"no record behind byte {starts(rec, 3)} of") as said:
        samples = open_samples(rec)
    assert said[0].filename == __file__
    assert [samples.read(number).label for number in range(2)] == [1, 3]
    assert [samples.place(number) for number in range(2)] == ["x.rec:48", "x.rec:50"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0\t0\n1 96\n", "line 2 of .* is no number, a tab and a place"),
        ("a\t0\n", "line 1 of"),
        ("-1\t0\n", "line 1 of"),
        ("0\t99999999999999999999999\n", "line 1 of"),
        ("\xff\t0\n", "line 1 of"),
        ("0\t0\n0\t144\n", "has the key 0 twice"),
        ("", "holds no records"),
    ],
)
def test_an_index_that_is_none(rec, tmp_path, text, message):
    (tmp_path / "x.idx").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=message):
        open_samples(rec)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "holds no records"), (b"ab", "has no end"), (b"no records at all", "no record begins")],
)
def test_files_that_hold_no_records(tmp_path, content, message):
    (tmp_path / "x.rec").write_bytes(content)
    with pytest.raises(DataError, match=message):
        open_samples(tmp_path / "x.rec")


def test_the_index_alone(rec):
    with pytest.raises(DataError, match=r"x\.idx is an index: give .* x\.rec"):
        open_samples(rec.with_suffix(".idx"))
