"""What the command line's commands do."""

from __future__ import annotations

import argparse
from typing import Callable

from . import commands_of_networks, commands_of_photos, commands_of_stores, requested


def _app(options: argparse.Namespace) -> int:
    requested.check_usage(options)
    from .web.serving import serve  # it needs packages that the other commands do not

    return serve(options, lambda said: print(said, flush=True))


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    **commands_of_photos.COMMANDS,
    **commands_of_networks.COMMANDS,
    **commands_of_stores.COMMANDS,
    "app": _app,
}
"""What each one does with its options; the exit code."""
