"""Settings are made of signatures: of all that is registered, also by the user's own code."""

from __future__ import annotations

import inspect
import json
from typing import Literal, Optional, Union

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx.apps.web import forms, hints
from gradcam_mx.methods import methods_kept
from gradcam_mx.methods.needs import Needs
from gradcam_mx.metrics import metrics_kept
from gradcam_mx.metrics.register import Wants

KINDS = {"slider", "number", "choice", "switch", "text", "photos"}
OF_INSPECT = KINDS | {"layer", "position", "channel", "target", "method"}


@pytest.fixture(scope="module")
def made():
    return forms.forms()


@pytest.mark.parametrize("which", ["methods", "metrics"])
def test_everything_registered_has_a_form_with_all_its_options(made, which):
    register = gm.METHODS if which == "methods" else gm.metrics.METRICS
    assert [one["name"] for one in made[which]] == list(register)
    for form in made[which]:
        own = register[form["name"]]
        assert form["title"] == own.title
        assert form["summary"]
        assert [one["name"] for one in form["settings"]] == [
            name for name in own.options if name != "progress"
        ]


def test_each_setting_has_a_kind_its_default_and_help(made):
    for which in ("methods", "metrics", "inspect"):
        for form in made[which]:
            for one in form["settings"]:
                where = form["name"], one["name"]
                assert one["kind"] in (OF_INSPECT if which == "inspect" else KINDS), where
                assert one["help"], where
                if one["kind"] == "slider":
                    assert one["low"] <= one["default"] <= one["high"], where
                    assert one["step"] > 0, where
                if one["kind"] == "choice":
                    assert one["choices"], where
                    assert one["default"] in [*one["choices"], None] or one["free"], where
                if one["kind"] == "switch":
                    assert isinstance(one["default"], bool), where


def test_titles_begin_as_people_write_them(made):
    titles = {one["name"]: one["title"] for each in made.values() for one in each}
    assert titles["receptive_field"] == "Receptive field"
    assert [one for one in titles.values() if one[0].islower()] == []


def test_they_are_json(made):
    assert json.loads(json.dumps(made)) == made
    assert json.loads(json.dumps(forms.drawing())) == forms.drawing()


def test_bounds_are_those_that_the_method_checks(made):
    settings = {
        (form["name"], one["name"]): one for form in made["methods"] for one in form["settings"]
    }
    keep = settings["rise", "keep"]
    assert (keep["kind"], keep["low"], keep["high"]) == ("slider", 0.01, 0.99)
    assert settings["lime", "num_segments"]["low"] == 1
    assert settings["lime", "segments"]["choices"] == ["slic", "quickshift", "grid"]
    assert settings["smooth_grad", "mode"]["choices"] == ["mean", "square", "variance"]
    assert settings["expected_gradients", "background"]["kind"] == "photos"
    size = settings["lime", "batch_size"]
    assert (size["kind"], size["choices"], size["free"], size["advanced"]) == (
        "choice",
        ["auto"],
        "number",
        True,
    )


def test_what_looks_inside_is_found_by_what_it_gives(made):
    gives = {one["gives"]: one for one in made["inspect"]}
    assert {"box", "patches", "channels", "filters", "picture"} <= set(gives)
    assert gives["box"]["takes"] == ["layer", "position", "channel"]
    assert gives["patches"]["takes"] == ["layer", "units"]
    kinds = {one["name"]: one["kind"] for one in gives["patches"]["settings"]}
    assert kinds["units"] == "channel"
    assert kinds["k"] == "number"


def test_a_method_and_a_metric_of_the_users_appear_with_their_settings():
    with methods_kept(), metrics_kept():

        def check(shape, *, power, ways):
            if not 0 <= power <= 2 or ways not in ("up", "down"):
                raise ValueError("out of range")

        @gm.methods.method(
            family="perturbation", paper="mine", cost="none", needs=Needs(), check=check
        )
        def mine(run, *, power: float = 1.0, ways: str = "up"):
            """My map: what I think.

            Args:
                power: how much.
                ways: "up", "down" or "sideways".
            """
            return run.x.mean(axis=1)

        @gm.metrics.metric(
            family="description", paper="mine", cost="none", better="higher", wants=Wants(net=False)
        )
        def my_measure(case, *, often: Literal["never", "always"] = "never"):
            """My measure: how much I like it.

            Args:
                often: how often.
            """
            return np.zeros(case.relevance.shape[:2])

        made = forms.forms()
    form = next(one for one in made["methods"] if one["name"] == "mine")
    assert (form["title"], form["summary"]) == ("My map", "what I think.")
    power, ways = form["settings"]
    assert (power["kind"], power["low"], power["high"]) == ("slider", 0.0, 2.0)
    assert (ways["kind"], ways["choices"]) == ("choice", ["up", "down"])
    (often,) = next(one for one in made["metrics"] if one["name"] == "my_measure")["settings"]
    assert (often["kind"], often["choices"]) == ("choice", ["never", "always"])


Alias = Union[None, int, str]


@pytest.mark.parametrize(
    ("hint", "kinds"),
    [
        ("int | None", ["int", "none"]),
        ("Optional[float]", ["float", "none"]),
        ("Union[str, typing.Sequence[float]]", ["str", "several"]),
        (Optional[float], ["float", "none"]),
        (Alias, ["none", "int", "str"]),
        ("Alias", ["none", "int", "str"]),
        (Literal["x", "y"], ["str"]),
        (np.ndarray, ["array"]),
        (inspect.Parameter.empty, []),
    ],
)
def test_hints_are_read_however_they_are_written(hint, kinds):
    found = hints.kinds_of(hint, test_words_of_docstrings_tell_choices_ranges_and_units)
    assert found == set(kinds)


def test_words_of_docstrings_tell_choices_ranges_and_units():
    told = 'the mask, "blur(kx,ky)" (a box), "zero" or "in_paint", 0 to 1, in pixels'
    assert hints.quoted(told) == ["zero", "in_paint"]
    assert hints.range_told(told) == (0.0, 1.0)
    assert hints.range_told("above 0, up to 1.") == (0.0, 1.0)
    assert hints.range_told("of 3 nets") == (None, None)
    assert hints.unit_told(told) == "pixels"
