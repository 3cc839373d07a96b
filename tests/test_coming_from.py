"""Every line of ours on the page for those who come from other packages runs."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "coming-from.md").read_text(encoding="utf-8")
PACKAGES = ["pytorch-grad-cam", "Captum", "torch-cam", "LIME", "SHAP", "tf-keras-vis"]
nn = gm.nn


class Net(mx.gluon.HybridBlock):
    """A net of 300 classes for inputs of any size."""

    def __init__(self, classes=300):
        super().__init__()
        with self.name_scope():
            self.features = nn.HybridSequential()
            self.features.add(
                nn.Conv2D(6, 3, padding=1, in_channels=3, activation="relu"),
                nn.MaxPool2D(2),
                nn.Conv2D(8, 3, padding=1, in_channels=6, activation="relu"),
                nn.GlobalAvgPool2D(),
                nn.Flatten(),
            )
            self.output = nn.Dense(classes, in_units=8)

    def hybrid_forward(self, F, x):
        return self.output(self.features(x))


class Two(Net):
    """A net of two inputs."""

    def hybrid_forward(self, F, x, other):
        return super().hybrid_forward(F, x) + super().hybrid_forward(F, other)


class Segments(mx.gluon.HybridBlock):
    """A net that tells the class of each position."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.body = nn.Conv2D(6, 3, padding=1, in_channels=3, activation="relu")
            self.output = nn.Conv2D(4, 1, in_channels=6)

    def hybrid_forward(self, F, x):
        return self.output(self.body(x))


def initialized(net):
    net.initialize(mx.init.Normal(0.5))
    return net


@pytest.fixture(scope="module")
def given():
    """The names that the page's lines use."""
    mx.random.seed(0)
    draw = np.random.RandomState(0)
    x = draw.normal(size=(1, 3, 32, 32)).astype(np.float32)
    return {
        "gm": gm,
        "net": initialized(Net()),
        "binary": initialized(Net(1)),
        "two": initialized(Two()),
        "segments": initialized(Segments()),
        "x": x,
        "other": -x,
        "pair": np.concatenate([x, x[..., ::-1]]),
        "background": draw.normal(size=(4, 3, 32, 32)).astype(np.float32),
        "mask": np.arange(32)[:, None] // 16 * 2 + np.arange(32) // 16 == 1,
        "photo": draw.randint(0, 256, (40, 60, 3)).astype(np.uint8),
        "seen": draw.randint(0, 256, (32, 32, 3)).astype(np.uint8),
        "names": ["tabby" if number == 281 else f"class {number}" for number in range(300)],
    }


def rows():
    """(package, theirs, ours) of each row of the tables."""
    for section in re.split(r"^## ", PAGE, flags=re.M)[1:]:
        title, _, text = section.partition("\n")
        for line in re.findall(r"^\| (?!there|---)(.*) \|$", text, re.M):
            theirs, ours, _ = (cell.strip() for cell in line.split("|"))
            for code in re.findall(r"`([^`]+)`", ours):
                yield title, theirs, code


ROWS = list(rows())


def test_the_page_is_about_these_packages():
    assert list(dict.fromkeys(package for package, _, _ in ROWS)) == PACKAGES
    assert len(ROWS) == len(re.findall(r"^\| (?!there|---)", PAGE, re.M)) > 50
    assert set(gm.METHODS) - {name for _, _, code in ROWS for name in re.findall(r"\w+", code)} == {
        "eigen_grad_cam",
        "rise",
        "excitation_backprop",
        "relevance_cam",
        "lift_cam",
        "recipro_cam",
        *(name for name, one in gm.METHODS.items() if one.family == "controls"),
    }


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_lines_of_the_tables(given, number):
    package, theirs, code = ROWS[number]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = eval(code, dict(given))
    assert found is not None, (package, theirs, code)
    for one in found if isinstance(found, (list, tuple)) else [found]:
        if isinstance(one, gm.Explanation):
            assert np.isfinite(one.values).all()
            assert len(one) == len(one.values)


def test_the_block_at_the_top(given, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    gm.picture.save(given["photo"], tmp_path / "cat.jpg")
    (block,) = re.findall("```python\n(.*?)```", PAGE, re.S)
    space = {"net": given["net"], "names": given["names"]}
    exec(block, space)
    assert capsys.readouterr().out.split()[:4] == ["photo", "class", "id", "probability"]
    assert space["cam"].class_names == ["tabby"]
    assert (tmp_path / "cat.png").exists()


def test_equal_lines_are_equal(given):
    """What the page calls the same thing in other words."""
    net, x, names = given["net"], given["x"], given["names"]
    by_number, by_name = gm.grad_cam(net, x, 281), gm.grad_cam(net, x, "tabby", names=names)
    np.testing.assert_array_equal(by_number.values, by_name.values)
    by_block = gm.grad_cam(net, x, layer=net.features[-3])
    np.testing.assert_array_equal(by_block.values, gm.grad_cam(net, x, layer="features.2").values)
    assert by_block.layer == gm.grad_cam(net, x).layer
