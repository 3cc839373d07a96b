"""The hash that an archive of explanations holds of itself, by which every change is found."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Mapping

import numpy as np

KEY = "sha256"
"""What it is called in `about`."""


def hash_of(about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of all that is in an archive.

    Args:
        about: what it says of itself, as JSON has it; its own hash plays no part.
        arrays: name → array.
    """
    said = {key: value for key, value in about.items() if key != KEY}
    made = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        made.update(repr((name, array.dtype.str, array.shape)).encode())
        made.update(np.ascontiguousarray(array).tobytes())
    return made.hexdigest()
