"""Methods that end a process, raise, or refuse; importing this registers them, as workers do."""

from __future__ import annotations

import os
import signal

import numpy as np

from gradcam_mx.engine.rules import PLAIN
from gradcam_mx.errors import RuleError
from gradcam_mx.methods import Needs, method

DEADLY, ODD = 77.0, 78.0
"""The first number of a sample that ends the process as it is explained, and of one over which an
error is raised."""

_ABOUT = {
    "family": "gradients",
    "paper": "None",
    "cost": "1 forward, 1 backward",
    "needs": Needs(rules=frozenset([PLAIN])),
}


@method(**_ABOUT)
def deadly_gradient(run):
    """Deadly gradient: the gradient, of harmless samples."""
    firsts = run.x[:, 0, 0, 0]
    if np.any(firsts == DEADLY):
        os.kill(os.getpid(), signal.SIGKILL)
    if np.any(firsts == ODD):
        raise KeyError("the sample is odd")
    return run.input_gradient(PLAIN)


@method(**_ABOUT)
def refusing(run):
    """Refusing: nothing is good enough."""
    raise RuleError("this method takes no such net")
