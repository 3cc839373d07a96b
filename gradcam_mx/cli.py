"""The command line's old place, which installations made before know; see `gradcam_mx.apps`."""

from __future__ import annotations

from .apps.command_line import main

__all__ = ["main"]


def __dir__() -> list[str]:
    return sorted(__all__)
