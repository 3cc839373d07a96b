"""How a method's documentation is completed by that of the arguments that methods share."""

from __future__ import annotations

import inspect
import re

import pytest

import gradcam_mx as gm
from gradcam_mx.methods import Needs, method, methods_kept
from gradcam_mx.methods.arguments import ARGUMENTS, documented
from gradcam_mx.rules import PLAIN

DOC = """Formula: what it is.

    R = x

    Args:
        seed: of the draws,
            all of them.
        strength: its own.

    Returns:
        Something.

    Example:
        >>> 1
        1
    """


def entries(doc):
    (section,) = re.findall(r"^Args:\n(.*?)\n\n", doc, re.S | re.M)
    return re.findall(r"^    (\w+): ", section, re.M)


@pytest.mark.parametrize("name", gm.METHODS)
def test_arguments_are_documented_in_the_order_of_the_signature(name):
    function = getattr(gm, name)
    assert entries(function.__doc__) == list(inspect.signature(function).parameters)


def test_own_entries_win_and_the_others_come_out_of_the_table():
    found = documented(
        DOC, ["net", "seed", "strength", "unheard_of"], {"Raises": "InputError: no."}
    )
    assert found == (
        "Formula: what it is.\n\nR = x\n\n"
        f"Args:\n    net: {ARGUMENTS['net']}\n    seed: of the draws, all of them.\n"
        "    strength: its own.\n\n"
        "Returns:\n    Something.\n\nRaises:\n    InputError: no.\n\nExample:\n    >>> 1\n    1\n"
    )


def test_long_entries_are_wrapped():
    lines = documented("One line.", ["x", "target"]).splitlines()
    assert max(map(len, lines)) <= 96
    assert lines[:3] == ["One line.", "", "Args:"]
    assert " ".join(" ".join(lines[3:]).split()) == (
        f"x: {ARGUMENTS['x']} target: {ARGUMENTS['target']}"
    )


def test_a_method_of_ones_own_is_completed():
    with methods_kept():

        @method(family="gradients", paper="me", cost="1", needs=Needs(rules=frozenset([PLAIN])))
        def own_method_of_this_test(run, *, scale=1.0, progress=True):
            """Own: a method.

            Args:
                scale: by which it is multiplied.
            """
            return run.input_gradient(PLAIN) * scale

    doc = own_method_of_this_test.__doc__
    shared = ["net", "x", "target", "output", "input", "names"]
    assert entries(doc + "\n") == [*shared, "scale", "progress"]
    assert "scale: by which it is multiplied." in doc
    assert f"progress: {ARGUMENTS['progress']}" in doc
