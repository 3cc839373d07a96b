"""Photos in lists: tables of paths and classes, and im2rec's."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from data_sets import colours, folder_of

from gradcam_mx.data import open_samples, reopen
from gradcam_mx.data.label_lines import lines_of
from gradcam_mx.errors import DataError, PhotoError, TargetError

NAMES = ["a.png", "in/b, c.png", "in/d.png"]


@pytest.fixture
def lists(tmp_path):
    """Writes a list beside the photos and opens it."""
    folder_of(tmp_path, NAMES)

    def opened(text, name="list.csv", **options):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return open_samples(tmp_path / name, **options)

    return opened


def told(samples):
    numbers = range(len(samples))
    return [(samples.place(one), samples.read(one).label) for one in numbers]


EXPECTED = [("a.png", 2), ("in/b, c.png", 0), ("in/d.png", None)]


@pytest.mark.parametrize(
    "text",
    [
        'path,label\na.png,2\n"in/b, c.png",0\nin/d.png,\n',
        'a.png,2\n"in/b, c.png",0\nin/d.png\n',
        '\n  a.png , 2\r\n"in/b, c.png", 0\r\n\r\n./in/../in/d.png,""',
        "a.png\t2\nin/b, c.png\t0\nin/d.png\t\n",
        "Image\tClass\na.png\t2\nin/b, c.png\t0\nin/d.png",
        'class,split,filename\n2,test,a.png\n0,test,"in/b, c.png"\n,test,in/d.png',
        '\ufeffpath,label\na.png,2\n"in/b, c.png",0\nin/d.png,\na.png,2\n',
    ],
    ids=["head", "no head", "spaces", "tabs", "tabs, head", "columns", "BOM, one twice"],
)
def test_tables(lists, text):
    samples = lists(text)
    assert told(samples) == EXPECTED
    assert samples.label_names is None
    assert (samples.read(1).values == colours(1)).all()


@pytest.mark.parametrize("name", ["list.tsv", "list.txt", "list.CSV"])
def test_whatever_a_table_is_called(lists, name):
    assert told(lists("a.png\t2\nin/b, c.png\t0\nin/d.png", name)) == EXPECTED


def test_whole_paths_and_those_out_of_the_folder(lists, tmp_path):
    folder_of(tmp_path.parent / "beside", ["e.png"])
    samples = lists(f"{tmp_path}/in/d.png,1\n../beside/e.png,2\n{tmp_path.parent}/beside/e.png,3")
    assert told(samples) == [
        ("in/d.png", 1),
        ("../beside/e.png", 2),
        (f"{tmp_path.parent}/beside/e.png", 3),
    ]


def test_classes_by_name(lists):
    text = "a.png,dog\nin/d.png,cat"
    samples = lists(text)
    assert told(samples) == [("a.png", 1), ("in/d.png", 0)]
    assert samples.label_names == ["cat", "dog"]
    samples = lists(text, label_names=["dog", "eel", "cat"])
    assert told(samples) == [("a.png", 0), ("in/d.png", 2)]
    with pytest.raises(TargetError, match="no class is called 'dog'"):
        lists(text, label_names=["eel", "cat"])
    with pytest.raises(TargetError, match="numbers of classes, such as 3, and names"):
        lists("a.png,dog\nin/d.png,3")


def test_without_labels_or_with_others(lists):
    text = "a.png\nin/d.png"
    assert told(lists(text)) == [("a.png", None), ("in/d.png", None)]
    assert told(lists(text, label_names=["x"])) == [("a.png", None), ("in/d.png", None)]
    assert told(lists(text, labels=[4, 5])) == [("a.png", 4), ("in/d.png", 5)]
    assert told(lists(text, labels="folders")) == [("a.png", None), ("in/d.png", 0)]


def test_a_list_of_im2rec(lists):
    samples = lists("7\t2.000000\ta.png\n3\t0.0\t5\tin/b, c.png\n9\t0.5\tin/d.png\n", "x.lst")
    assert told(samples) == EXPECTED


def test_opened_again_and_cut(lists):
    samples = lists("a.png,dog\nin/d.png,cat\nmissing.png,cat")
    again = reopen(json.loads(json.dumps(samples.record)))
    assert told(again[:2]) == told(samples[:2]) == [("a.png", 1), ("in/d.png", 0)]
    assert again.label_names == samples.label_names
    with pytest.raises(PhotoError, match=r"there is no file missing\.png"):
        samples.read(2)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("", "list.csv", "lists no photos"),
        ("path,label\n", "list.csv", "lists no photos"),
        ("a.png,1,2", "list.csv", r"line 1 of .*list\.csv has 3 fields, not 2"),
        ("path,label\na.png,1\na, b.png,1", "list.csv", "line 3 .* has 3 fields, not 2"),
        ("a.png,1\n,2", "list.csv", "line 2 of .* names no photo"),
        ("a.png,1\n./a.png,2", "list.csv", r"lines 1 and 2 of .* name two classes of \./a\.png"),
        ("1\ta.png", "x.lst", "line 1 of .* has 2 fields; expected im2rec's"),
        ("1\tcat\ta.png", "x.lst", "line 1 of .* has the label 'cat'; expected a number"),
        ('a.png,1\n"b.png' + "x" * 200_000, "list.csv", "line 2 of .*field larger"),
    ],
)
def test_lists_that_are_wrong(lists, text, name, message):
    with pytest.raises(DataError, match=message):
        lists(text, name)


def test_lists_that_cannot_be_read(tmp_path):
    (tmp_path / "list.csv").write_bytes(b"a.png,1\n\xff\xfe\n")
    with pytest.raises(DataError, match="is not a text file"):
        open_samples(tmp_path / "list.csv")


def test_lines_are_found_by_the_ends_of_paths(tmp_path):
    """Against a search that compares the parts of every line's path with those of the photo."""
    (tmp_path / "labels.csv").write_text(
        f"a.png,0\nx/a.png,1\n./y//x/a.png,2\n{tmp_path}/y/b.png,3\nb.png,4\n../c.png,5\nother,6\n"
    )
    photos = [tmp_path / one for one in ("a.png", "x/a.png", "y/x/a.png", "y/b.png", "b.png")]
    lines = (tmp_path / "labels.csv").read_text().splitlines()
    naive = []
    for photo in photos:
        ends = {}
        for line in lines:
            name, label = line.split(",")
            parts = tuple(one for one in name.split("/") if one not in ("", "."))
            if photo.parts[-len(parts) :] == parts or name == str(photo):
                ends[len(parts)] = label
        naive.append(ends[max(ends)])
    assert [one.name for one in lines_of(tmp_path / "labels.csv", photos)] == naive
    assert naive == ["0", "1", "2", "3", "4"]


def test_a_line_above_the_folder_is_of_where_the_program_is(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "labels.csv").write_text("../a.png,5\n")
    monkeypatch.chdir(tmp_path / "in")
    assert lines_of(tmp_path / "labels.csv", [tmp_path / "a.png"])[0].name == "5"
    with pytest.raises(TargetError, match="has no line for"):
        lines_of(tmp_path / "labels.csv", [tmp_path / "in" / "a.png"])


def test_the_lines_of_a_file_are_read_one_after_the_other(tmp_path):
    text = "".join(f"{number:050d}.png,{'class' * 30}\n" for number in range(20_000))
    (tmp_path / "labels.csv").write_text(text)
    tracemalloc.start()
    lines = lines_of(tmp_path / "labels.csv", [tmp_path / f"{7:050d}.png"])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert lines[0].number == 8
    # without the text, of 4 MB, and with each class's name once
    assert most < 20_000 * 330
