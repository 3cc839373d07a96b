"""What the command line's commands do."""

from __future__ import annotations

import argparse
from typing import Callable

from . import commands_of_networks, commands_of_photos, commands_of_stores

COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    **commands_of_photos.COMMANDS,
    **commands_of_networks.COMMANDS,
    **commands_of_stores.COMMANDS,
}
"""What each one does with its options; the exit code."""
