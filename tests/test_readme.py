"""The README's first examples run as they are printed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from skimage import data

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
OWN, OF_THE_ZOO = re.findall(
    "```python\n(import gradcam_mx as gm\n.*?|net = gm.zoo.*?)```", README, re.S
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gm.picture.save(data.chelsea(), tmp_path / "cat.jpg")
    return tmp_path


def test_a_net_of_ones_own_in_five_lines(ctx, folder, capsys):
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Conv2D(4, 7, strides=8, in_channels=3, activation="relu"))
    net.add(mx.gluon.nn.GlobalAvgPool2D(), mx.gluon.nn.Dense(3, in_units=4))
    net.initialize(mx.init.Normal(1), ctx=ctx)
    (folder / "classes.txt").write_text("dog\ntabby\ncup\n")
    space = {"net": net}
    exec(OWN, space)
    assert len(OWN.strip().splitlines()) == 7  # five besides the import and an empty line
    x = mx.nd.array(gm.zoo.IMAGENET(data.chelsea()), ctx=ctx)
    scores = net(x).asnumpy()[0].astype(np.float64)
    odds = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    best = int(odds.argmax())
    first = capsys.readouterr().out.splitlines()[1].split()
    assert first[1:3] == [["dog", "tabby", "cup"][best], str(best)]
    assert float(first[3]) == pytest.approx(odds[best], abs=0.02)  # JPEG loses a little
    assert space["cam"].target == [1]
    assert gm.zoo.read_photo("cat.png").std() > 10


def test_a_net_of_the_zoo(folder, capsys):
    space = {"gm": gm}
    exec(OF_THE_ZOO, space)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert "Egyptian cat" in lines[1]
    cam = space["cam"]
    assert (cam.target, cam.class_names, cam.values.shape) == ([282], ["tiger cat"], (1, 13, 13))
    assert gm.Explanation.load("cat.npz") == cam
    assert space["net"](space["x"]).shape == (1, 1000)


def test_the_tutorials_lines():
    """As the section says it: one line in the place of two."""
    assert "import gradcam_mx as gradcam  # in place of: mx.test_utils.download(" in README
    assert "`import gradcam_mx.as_gradcam`" in README
