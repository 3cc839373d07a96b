"""The examples in docstrings run, in a process of their own (Gluon counts the nets it names)."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"gradcam_mx": ROOT / "gradcam_mx", "gradcam_mx.methods": ROOT / "gradcam_mx/methods",
           "gradcam_mx.zoo": ROOT / "zoo"}
RUN = """
import doctest, importlib, sys
failed = tried = 0
for name in sys.argv[1:]:
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    failed, tried = failed + found.failed, tried + found.attempted
print(tried, "tried")
sys.exit(failed > 0 or tried == 0)
"""


@pytest.mark.parametrize("package", FOLDERS)
def test_examples(package):
    modules = [f"{package}.{path.stem}" for path in sorted(FOLDERS[package].glob("*.py"))]
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", RUN, *modules],
                         capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
