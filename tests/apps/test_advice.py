"""The command line says what to do in its own words: options, not Python."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.apps import command_line as cli
from gradcam_mx.apps.advice import IN_OPTIONS, told
from gradcam_mx.errors import Advice, LayerError, WeightsError
from gradcam_mx.zoo import store

PYTHON = r"\w=|=\w|\bgm\.|\bmx\.|gradcam_mx|\w\(|None"


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "cat.png"
    Image.fromarray(np.random.RandomState(0).randint(0, 255, (40, 50, 3), np.uint8)).save(path)
    return path


@pytest.fixture
def saved(tmp_path):
    """The prefix of the files of a net with one output value, of pictures of 24 pixels."""
    net = mx.gluon.nn.HybridSequential(prefix="")
    net.add(mx.gluon.nn.Conv2D(2, 3, activation="relu"), mx.gluon.nn.Dense(1))
    net.initialize()
    net.hybridize()
    net(mx.nd.zeros((1, 3, 24, 24)))
    net.export(str(tmp_path / "net"))
    return tmp_path / "net"


def said(capsys, code, *arguments):
    """What it says to standard error."""
    capsys.readouterr()
    try:
        ended = cli.main([str(one) for one in arguments])
    except SystemExit as end:
        ended = end.code
    assert ended == code
    return capsys.readouterr().err


def test_every_advice_has_words_for_the_command_line():
    assert IN_OPTIONS.keys() == set(Advice)
    for words in IN_OPTIONS.values():
        assert not re.search(PYTHON, words), words


def test_an_error_ends_in_one_advice_or_the_other():
    error = LayerError("no layer 'a'", advice=Advice.LIST_LAYERS)
    assert str(error) == "no layer 'a'; gm.trace(net).layers(x.shape) lists all"
    assert told(error) == (
        "no layer 'a'; `gradcam-mx layers` lists all, with the same options for the network"
    )
    assert told(LayerError("no layer")) == str(LayerError("no layer")) == "no layer"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--layer", "convv0"], "`gradcam-mx layers` lists all"),
        (["--target", "0"], "leave out --target to explain the value itself"),
        (["--epoch", "0", "--params", "net-0000.params"], "pass one of the two"),
    ],
    ids=["layer", "target", "parameters"],
)
def test_messages_name_options(saved, photo, tmp_path, capsys, monkeypatch, options, expected):
    monkeypatch.chdir(tmp_path)
    arguments = ["explain", photo, "--symbol", saved, "--size", "24", *options]
    message = said(capsys, 2, *arguments)
    assert expected in message
    assert not re.search(PYTHON, message), message


def test_a_network_that_is_none_and_weights_that_are_missing(photo, capsys, monkeypatch):
    message = said(capsys, 2, "explain", photo, "--model", "vgg99")
    assert "closest: vgg" in message
    assert "`gradcam-mx explain --help` lists them all" in message

    def fetch(*_, **__):
        raise store._not_found("vgg11", store.Path("models/vgg11-dd221b16.params"), ["nowhere"])

    monkeypatch.setattr(gm.zoo, "get_model", fetch)
    message = said(capsys, 2, "explain", photo, "--model", "vgg11")
    assert "  3. give them by --weights FILE: a .params" in message
    assert not re.search(r"weights=|root=|pretrained", message)
    with pytest.raises(WeightsError, match=r"3\. pass root=FOLDER, or weights=PATH"):
        fetch()


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (["explain", "cat.png", "-o", "out"], "-o out; did you mean --out or --onnx or --output?"),
        (["explain", "cat.png", "--metod", "lime"], "--metod lime; did you mean --method?"),
        (["layers", "--sise", "3"], "--sise 3; did you mean --size?"),
        (["demo", "more"], "more"),
    ],
    ids=" ".join,
)
def test_unknown_options_are_refused_by_the_command_itself(capsys, given, hint):
    message = said(capsys, 2, *given)
    assert message.startswith(f"usage: gradcam-mx {given[0]} ")
    assert message.endswith(f"gradcam-mx {given[0]}: error: unrecognized arguments: {hint}\n")


def test_nothing_is_made_where_nothing_was_explained(saved, tmp_path, capsys):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    out = tmp_path / "a" / "out"
    arguments = ["explain", broken, "--symbol", saved, "--size", "24", "--out", out]
    capsys.readouterr()
    assert cli.main([str(one) for one in arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == "0 of 1 photos explained\n"
    assert "broken.png is not a picture" in printed.err
    assert not out.parent.exists()
