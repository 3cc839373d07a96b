"""`gradcam-mx audit`: exit codes, what is printed, and the page."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from ported import port, small_net

from gradcam_mx._mxnet import mx
from gradcam_mx.apps import command_line as cli

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = small_net()
    net.hybridize()
    net(mx.nd.zeros((1, 3, 16, 16))).wait_to_read()
    net.export("old")
    port(net, "port.onnx")
    port(net, "wrong.onnx", epsilon=1e-3)
    draw = np.random.RandomState(0)
    for name in "ab":
        Image.fromarray(draw.randint(0, 256, (20, 24, 3)).astype(np.uint8)).save(f"{name}.png")
    return tmp_path


def run(capsys, *arguments):
    capsys.readouterr()
    given = ["audit", "--symbol", "old", "--size", "16", *map(str, arguments)]
    try:
        code = cli.main(given)
    except SystemExit as end:
        code = end.code
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_exit_code_says_whether_they_are_the_same(places, capsys):
    code, out, _ = run(capsys, "--against", "port.onnx", "a.png", "b.png", "--masks", 0)
    assert code == 0
    assert "the same network: no output differs by more than rounding" in out
    assert (places / "audit.html").is_file()
    code, out, _ = run(capsys, "a.png", "b.png", "--against", "wrong.onnx", "--masks", 8)
    assert code == 1
    assert "an epsilon of 0.001 in place of 1e-05" in out
    page = (places / "audit.html").read_text(encoding="utf-8")
    assert '<meta name="generator" content="gradcam_mx audit">' in page
    assert "not the same network" in page
    assert "an epsilon of 0.001 in place of 1e-05" in page
    assert page.count("data:image/jpeg;base64,") == 2 * (1 + 2 * 2)
    code, out, _ = run(capsys, "a.png", "--against", "wrong.onnx", "--masks", 0, "--tolerance", 9)
    assert code == 0


def test_photos_that_are_prepared_otherwise(places, capsys):
    code, out, _ = run(
        capsys, "a.png", "--against", "port.onnx", "--masks", 0, "--new-preprocess", "none"
    )
    assert code == 1
    assert "photos are made ready otherwise for the new net" in out


def test_what_cannot_be_told_and_wrong_use_have_an_exit_code_of_their_own(places, capsys):
    net = small_net()
    for name, parameter in net.collect_params().items():
        if name.endswith("dense0_weight"):
            parameter.set_data(0 * parameter.data())
    net.hybridize()
    net(mx.nd.zeros((1, 3, 16, 16))).wait_to_read()
    net.export("same")
    capsys.readouterr()
    code = cli.main(
        ["audit", "--symbol", "same", "--size", "16", "--against", "same", "a.png", "--masks", "0"]
    )
    assert code == 2
    assert "cannot be told" in capsys.readouterr().out
    for arguments, said in (
        (["a.png"], "--against"),
        (["--against", "port.onnx"], "PHOTO"),
        (["--against", "nowhere.onnx", "a.png"], "nowhere.onnx"),
        (["--against", "port.onnx", "a.png", "--out", "old-symbol.json"], "ends in .html"),
    ):
        code, _, err = run(capsys, *arguments)
        assert code == 2, arguments
        assert said in err, err
