"""What the tests have, for benchmarks that measure on it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import drifting  # noqa: F401
import nets  # noqa: F401
