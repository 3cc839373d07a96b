"""Packages that only some methods need: their import changes nothing of the caller's."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import random
import numpy as np
from gradcam_mx.support.optional import optional
before = random.getstate(), str(np.random.get_state())
optional("sklearn.linear_model", "it is tried")
assert (random.getstate(), str(np.random.get_state())) == before
"""


def test_an_import_leaves_random_states():
    """In a process of its own, where nothing has imported it before."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
