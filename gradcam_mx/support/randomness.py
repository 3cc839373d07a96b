"""The global random states that are the caller's."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import Iterator

import numpy as np


@contextmanager
def randomness_kept() -> Iterator[None]:
    """Python's and numpy's global random states are put back, whatever draws from them."""
    states = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
