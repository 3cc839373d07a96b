"""Folders that this program has written: they are told from the user's by what lies in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PROGRAM = "gradcam-mx"
RECORD = "run.json"
"""What a run was asked for; it marks a folder as one of this program's."""
MANIFEST = "manifest.json"
"""What a store holds; it marks a folder as one, whatever it is called."""
STORE = ".store"
"""How the name of a store ends, as a rule."""


def is_run(folder: Path) -> bool:
    """Whether a run of this program has written there.

    Args:
        folder: any.
    """
    return settings_of(folder) is not None


def settings_of(folder: Path) -> Any:
    """What the run of a folder was asked for; None if it is no run's.

    Args:
        folder: any.
    """
    record = _ours(folder / RECORD)
    return None if record is None else record.get("settings", {})


def is_store(folder: Path) -> bool:
    """Whether results of a data set are, or are to be, in a folder.

    Args:
        folder: any.
    """
    return folder.suffix == STORE or _ours(folder / MANIFEST) is not None


def _ours(path: Path) -> Any:
    """What stands in a file of this program; None if it is another's, or not there."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_ours = isinstance(record, dict) and record.get("program") == PROGRAM
    return record if is_ours else None
