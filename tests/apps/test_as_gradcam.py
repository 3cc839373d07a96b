"""The tutorial's imports, as they are written there."""

from __future__ import annotations

import subprocess
import sys

import pytest

PASTED = """
import gradcam
from gradcam import Conv2D, Activation, visualize
from gradcam import *
import gradcam_mx

assert gradcam.Conv2D is Conv2D is gradcam_mx.Conv2D
assert gradcam.visualize is visualize is gradcam_mx.visualize
assert get_cam is gradcam_mx.get_cam
assert set(dir(gradcam_mx)) == set(dir(gradcam))
print("as it is")
"""


def run(code, folder):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


FIRST = ["import gradcam_mx.as_gradcam", "import gradcam_mx.as_gradcam as g"]


@pytest.mark.parametrize("first", FIRST)
def test_one_line_above_the_pasted_code(tmp_path, first):
    """Also beside the tutorial's own file, which crashes."""
    (tmp_path / "gradcam.py").write_text("raise SystemError('the old file')")
    ran = run(f"{first}\n{PASTED}", tmp_path)
    assert ran.stdout == "as it is\n", ran.stderr


def test_another_module_of_that_name_is_told(tmp_path):
    (tmp_path / "gradcam.py").write_text("mine = 1")
    ran = run("import gradcam, gradcam_mx.as_gradcam", tmp_path)
    assert "another module named gradcam is there already" in ran.stderr
    assert "gradcam.py" in ran.stderr
