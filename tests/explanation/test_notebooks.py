"""What is seen in a notebook: run by nbclient, with the inline backend, another one, and none."""

from __future__ import annotations

import base64
import io
import runpy
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
EXECUTE = runpy.run_path(str(ROOT / "tutorials/execute.py"))

SET_UP = """
import numpy as np
import mxnet as mx
import gradcam_mx as gm
from IPython.display import display

net = mx.gluon.nn.HybridSequential()
net.add(mx.gluon.nn.Conv2D(2, 3, in_channels=3), mx.gluon.nn.Activation("relu"),
        mx.gluon.nn.GlobalAvgPool2D(), mx.gluon.nn.Dense(4, in_units=2))
net.initialize(mx.init.Normal(1))
draw = np.random.RandomState(0)
x = draw.rand(1, 3, 20, 24).astype("float32")
photo = draw.randint(0, 256, (20, 24, 3)).astype("uint8")
cam = gm.grad_cam(net, x)
"""
MAGICS = {
    "none": "",
    "inline": "%matplotlib inline\n",
    "pyplot alone": "import matplotlib.pyplot as plt\n",
    "another": "%matplotlib agg\nimport matplotlib.pyplot as plt\n",
    "inline jpeg": '%matplotlib inline\n%config InlineBackend.figure_formats = ["jpeg"]\n',
}

PLOTS = [
    "cam.plot(photo)",
    "cam.plot(photo);",
    "figure = cam.plot(photo)\nprint('after')",
    "for one in (cam, cam):\n    one.plot()",
    "display(cam.plot(photo))",
    "figure",
    "gm.inspect.compare(net, x[0], method=['grad_cam', 'saliency']).plot()",
    "gm.picture.grid([[photo, photo]])",
]
SHOWN = [1, 1, 1, 2, 1, 1, 1, 1]
"""How many pictures each of these cells shows."""

VALUES = {
    "cam": ("text/html", "image/png"),
    "gm.lime(net, x, num_samples=20, segments='grid', num_segments=4)": ("text/html", "image/png"),
    "gm.inspect.compare(net, x[0])": ("text/html", "image/png"),
    "cam.threshold()[0]": ("text/html", "image/png"),
    "cam.overlay(photo)": ("text/html", "image/png"),
    "gm.inspect.max_activating_patches(net, x, '0', [1], k=1, progress=False)[0][0]": (
        "text/html",
        "image/png",
    ),
    "cam.threshold()": ("text/html",),
    "cam.pictures(photo)": ("text/html",),
    "gm.explain(net, x, ['grad_cam', 'saliency'])": ("text/html",),
    "gm.grad_cam(net, x, gm.targets.Several([0, 1]))": ("text/html",),
    "gm.inspect.max_activating_patches(net, x, '0', [0, 1], k=1, progress=False)": ("text/html",),
}
"""A cell → in which rich forms its value shows itself."""

TABLES = {
    "gm.METHODS": ("grad_cam", "Selvaraju"),
    "gm.trace(net).layers(x.shape)": ("Conv2D", "1 × 2 × 18 × 22"),
    "gm.check(net, x)": ("what the net says", "yes"),
}


def run(tmp_path, *sources):
    """The outputs of each cell of a notebook; raises what a cell raises."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    path = tmp_path / "cells.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return [cell.outputs for cell in EXECUTE["executed"](path, tmp_path).cells]


@pytest.fixture(autouse=True)
def this_package(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def images(outputs):
    """The pictures that a front end shows, one for each output that has some."""
    rich = [one.data for one in outputs if "data" in one]
    kinds = ("image/png", "image/jpeg", "image/svg+xml")
    shown = [[kind for kind in kinds if kind in data] for data in rich]
    assert all(len(one) <= 1 for one in shown)  # not twice in the file
    return [kinds for kinds in shown if kinds]


@pytest.mark.slow
@pytest.mark.parametrize("magic", MAGICS)
def test_plot_shows_exactly_once(tmp_path, magic):
    _, *found = run(tmp_path, MAGICS[magic] + SET_UP, *PLOTS)
    assert [len(images(outputs)) for outputs in found] == SHOWN
    # and nothing else: neither warnings nor the text of what was shown
    for outputs in found:
        assert not [one.text for one in outputs if one.get("name") == "stderr"]
        assert all("data" in one or one.name == "stdout" for one in outputs)
        assert len([one for one in outputs if "data" in one]) == len(images(outputs))


@pytest.mark.slow
def test_axes_of_pyplot_are_shown_by_pyplot_once(tmp_path):
    cell = "import matplotlib.pyplot as plt\nfigure, ax = plt.subplots()\ncam.plot(photo, ax=ax)"
    _, outputs = run(tmp_path, MAGICS["inline"] + SET_UP, cell)
    assert len(images(outputs)) == 1


@pytest.mark.slow
def test_values_show_themselves(tmp_path):
    displayed = [f"display({source})\nprint('after')" for source in VALUES]
    _, *found = run(tmp_path, SET_UP, *VALUES, *displayed, *TABLES)
    for (source, kinds), outputs, again in zip(
        VALUES.items(), found, found[len(VALUES) : 2 * len(VALUES)]
    ):
        value, first = outputs[-1], again[0]
        assert value.output_type == "execute_result", source
        assert first.output_type == "display_data", source
        for one in (value, first):
            assert sorted({*one.data} - {"text/plain"}) == sorted(kinds), source
            assert "data:image/png;base64," in one.data["text/html"], source
            if "image/png" in one.data:
                picture = Image.open(io.BytesIO(base64.b64decode(one.data["image/png"])))
                assert min(picture.size) > 8, source
                assert np.asarray(picture.convert("L")).std() > 5, source
    for (source, words), outputs in zip(TABLES.items(), found[2 * len(VALUES) :]):
        html = outputs[-1].data["text/html"]
        assert html.startswith("<table>"), source
        assert all(word in html for word in words), source
