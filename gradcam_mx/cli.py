"""The command line's old place, which installations made before know; see `gradcam_mx.apps`."""

from .apps.command_line import main

__all__ = ["main"]
