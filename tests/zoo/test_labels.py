"""Class names."""

from __future__ import annotations

import pytest

from gradcam_mx.errors import TargetError
from gradcam_mx.zoo import class_id, class_name
from gradcam_mx.zoo.labels import _labels


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
    names, ids = _labels()
    assert len(names) == 1000
    for key, classes in ids.items():
        if len(classes) == 1:
            assert class_id(key) == classes[0]
