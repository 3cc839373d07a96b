"""Class names."""

from __future__ import annotations

import numpy as np
import pytest

from gradcam_mx._mxnet import mx
from gradcam_mx.errors import TargetError
from gradcam_mx.zoo import class_id, class_name
from gradcam_mx.zoo.labels import imagenet_labels, read_labels


@pytest.mark.parametrize(
    ("number", "name"),
    [(0, "tench"), (281, "tabby"), (285, "Egyptian cat"), (999, "toilet tissue")],
)
def test_names(number, name):
    assert class_name(number) == name


@pytest.mark.parametrize("number", [-1, 1000])
def test_numbers_out_of_range(number):
    for ask in (class_name, class_id, lambda value: class_id(str(value))):
        with pytest.raises(TargetError, match=f"no ImageNet class {number}: they go from 0 to 999"):
            ask(number)


@pytest.mark.parametrize(
    "text",
    ["285", 285, "n02124075", "N02124075", "Egyptian cat", "egyptian CAT", "  Egyptian cat "],
)
def test_ids(text):
    assert class_id(text) == 285


def test_later_synonyms():
    assert class_id("puma") == 286
    assert class_id("Felis concolor") == 286


def test_ambiguous_names_list_the_choice():
    with pytest.raises(TargetError, match=r"several.*134 \(crane\); 517 \(crane\)"):
        class_id("crane")


def test_unknown_names_list_the_closest():
    with pytest.raises(TargetError, match=r"'egyptian cat' \(285\)"):
        class_id("egiptian cat")
    with pytest.raises(TargetError, match=r"'siamese cat' \(284\)"):
        class_id("siamese kat")
    with pytest.raises(TargetError, match="'hen' "):
        class_id("henn")
    with pytest.raises(TargetError, match="number from 0 to 999"):
        class_id("")


def test_every_unambiguous_name_leads_back():
    labels = imagenet_labels()
    assert len(labels) == 1000
    assert labels.ids["n01440764"] == [0]
    for key, classes in labels.ids.items():
        if len(classes) == 1:
            assert class_id(key) == classes[0]


# ----------------------------------------------------------------------------------- names in files


@pytest.fixture
def pets(tmp_path):
    """Class 2 has no name, two classes share one, and one is called by a number."""
    path = tmp_path / "pets.txt"
    path.write_text("cat\n  Great Dane \n\nécureuil\ncat\n0\n", encoding="utf-8")
    return path


def test_a_line_is_a_class(pets):
    labels = read_labels(str(pets))
    assert [labels.name(number) for number in range(len(labels))] == [
        "cat",
        "Great Dane",
        "class 2",
        "écureuil",
        "cat",
        "0",
    ]
    assert labels.id("great dane") == labels.id(" 1 ") == labels.id(1) == 1
    assert labels.id("ÉCUREUIL") == 3
    assert labels.id("0") == 0  # a number is a class's number, whatever the classes are called


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cat", r"several pets\.txt classes: give the number: 0 \(cat\); 4 \(cat\)"),
        ("great danes", r"no pets\.txt class is called 'great danes'; closest: 'great dane' \(1\)"),
        ("zzz", "number from 0 to 5 or a name such as 'cat'"),
        ("6", r"no pets\.txt class 6: they go from 0 to 5"),
        ("-1", r"no pets\.txt class -1"),
    ],
)
def test_names_that_a_file_does_not_give(pets, name, message):
    with pytest.raises(TargetError, match=message):
        read_labels(pets).id(name)


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n\r\n \t\n", "\n\f"])
def test_empty_lines_at_the_end_are_no_classes(tmp_path, end):
    (tmp_path / "names.txt").write_bytes(f"\ncat\ndog{end}".encode())
    labels = read_labels(tmp_path / "names.txt")
    assert [labels.name(number) for number in range(len(labels))] == ["class 0", "cat", "dog"]


def test_windows_files(tmp_path):
    (tmp_path / "names.txt").write_bytes(b"\xef\xbb\xbfcat\r\ndog\r\n")
    labels = read_labels(tmp_path / "names.txt")
    assert (len(labels), labels.id("cat"), labels.id("dog")) == (2, 0, 1)


def test_files_without_names(tmp_path):
    (tmp_path / "blank.txt").write_text("\n \n")
    (tmp_path / "photo.txt").write_bytes(b"\xff\xd8\xff\xe0")
    for name, message in (
        ("blank", "no class names; expected one a line"),
        ("photo", "not a text file"),
        ("missing", "No such file"),
        (".", "cannot be read"),
    ):
        with pytest.raises(TargetError, match=message):
            read_labels(tmp_path / (name if name == "." else f"{name}.txt"))


def test_spaces_and_underscores_are_the_same():
    assert class_id("sports_car") == class_id("Sports  car") == class_id("sports car") == 817


def test_several_at_once():
    assert class_name([281, 285]) == ["tabby", "Egyptian cat"]
    assert class_name((281,)) == ["tabby"]
    assert class_name(np.array([281, 285])) == class_name(mx.nd.array([281, 285]))
    assert class_name(np.int64(281)) == class_name(np.float32(281)) == "tabby"
    assert class_name([]) == []
    assert class_id(["tabby", 285, "n02124075"]) == [281, 285, 285]


@pytest.mark.parametrize("given", [1.5, [0.5], "tabby", [[1]], None])
def test_what_is_no_number(given):
    with pytest.raises(TargetError):
        class_name(given)
