"""Nets that carry their maps run through MXNet's C predict interface, without Python."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from carried import SHAPE, made, naive_cam, naive_recipro, naive_resize, pooled, windows

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

COMPILER = shutil.which("cc")

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    out = tmp_path_factory.mktemp("c") / "predict"
    source = Path(__file__).with_name("predict.c")
    subprocess.run([COMPILER, "-Wall", "-o", str(out), str(source), "-ldl"], check=True)
    return out


def printed(program, exported, x, folder):
    """The outputs that the program prints."""
    x.asnumpy().tofile(folder / "input")
    library = mx.libinfo.find_lib_path()[0]
    files = [library, exported.symbol_file, exported.params_file, folder / "input"]
    done = subprocess.run(
        [str(program), *map(str, files), *map(str, x.shape)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()[-4:]
    shapes, numbers = lines[::2], lines[1::2]
    return [
        np.array(one.split(), np.float32).reshape([int(side) for side in shape.split()])
        for shape, one in zip(shapes, numbers)
    ]


def test_a_c_program_prints_the_same_map(program, tmp_path):
    for layers, method in ((pooled, "cam"), (pooled, "recipro_cam"), (windows, "grad_cam")):
        net, x = made(layers)
        found = gm.export_explained(
            net, tmp_path / "net", method=method, input_shape=(1, *SHAPE[1:])
        )
        scores, heat = printed(program, found, x, tmp_path)
        np.testing.assert_array_equal(scores, net(x).asnumpy())
        if method == "cam":
            maps = naive_cam(net, x)
        elif method == "recipro_cam":
            maps = naive_recipro(net, x, 2)
        else:
            maps = gm.grad_cam(net, x).values
        expected = naive_resize(maps, SHAPE[2:])
        assert heat.shape == expected.shape
        assert np.abs(heat - expected).max() <= 1e-5 * expected.max()
