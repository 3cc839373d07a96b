"""The command line writes networks that carry their maps."""

from __future__ import annotations

import numpy as np
import pytest
from networks import initialised, nn, normal, sequential

import gradcam_mx as gm
from gradcam_mx import cli
from gradcam_mx._mxnet import mx
from gradcam_mx._names import CARRIED
from gradcam_mx.carrying import export

SHAPE = (2, 3, 20, 16)


@pytest.fixture
def files(tmp_path):
    """A network's files, and the network."""
    net = sequential(
        lambda: [
            nn.Conv2D(6, 3, padding=1, in_channels=3, activation="relu"),
            nn.GlobalAvgPool2D(),
            nn.Dense(4, in_units=6),
        ]
    )
    net = initialised(net, mx.cpu(), normal(*SHAPE))
    net.hybridize()
    net(mx.nd.array(normal(*SHAPE)))
    net.export(str(tmp_path / "mine"))
    return tmp_path / "mine-symbol.json", net


def test_a_network_of_files_gets_its_map(files, tmp_path, capsys):
    symbol, net = files
    command = ["export-explained", "--symbol", str(symbol), "--size", "20x16"]
    out = tmp_path / "with"
    x = mx.nd.array(normal(*SHAPE, seed=1))
    for method in CARRIED:
        assert cli.main([*command, "--method", method, "--cells", "--out", str(out)]) == 0
        said = capsys.readouterr().out.splitlines()
        assert said[:2] == [f"{out}-symbol.json", f"{out}-0000.params"]
        assert said[2].startswith("inputs: data; outputs: ")
        assert said[2].endswith(", heatmap_output")
        block = mx.gluon.SymbolBlock.imports(said[0], ["data"], said[1])
        scores, heat = (one.asnumpy() for one in block(x))
        np.testing.assert_array_equal(scores, net(x).asnumpy())
        expected = getattr(gm, method)(net, x).values
        np.testing.assert_allclose(heat, expected, atol=1e-5 * expected.max())


def test_the_other_options(files, tmp_path, capsys):
    symbol, net = files
    out = str(tmp_path / "with")
    options = ["--symbol", str(symbol), "--size", "20x16", "--out", out]
    more = ["--layer", f"{net[0].name}_relu_fwd_output", "--class-input", "--name", "seen"]
    assert cli.main(["export-explained", *options, *more]) == 0
    said = capsys.readouterr().out.splitlines()[2]
    assert said.startswith("inputs: data, seen_class; outputs: ")
    block = mx.gluon.SymbolBlock.imports(
        f"{out}-symbol.json", ["data", "seen_class"], f"{out}-0000.params"
    )
    _, heat = block(mx.nd.array(normal(*SHAPE)), mx.nd.array([3, -1]))
    assert heat.shape == (2, 20, 16)


def test_what_cannot_be_written_is_said(files, tmp_path, capsys):
    symbol, _ = files
    options = ["export-explained", "--symbol", str(symbol), "--size", "20x16", "--out"]
    assert cli.main([*options, str(tmp_path / "none" / "x")]) == 2
    assert "make" in capsys.readouterr().err
    assert cli.main([*options, str(tmp_path / "x"), "--name", "data"]) == 2
    assert "the net has 'data' already" in capsys.readouterr().err
    for wrong in (["--method", "lime"], ["--params"]):
        with pytest.raises(SystemExit):
            cli.main([*options, str(tmp_path / "x"), *wrong])


def test_the_command_line_offers_what_can_be_carried():
    assert list(export._MAPS) == list(CARRIED)
