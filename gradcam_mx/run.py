"""What a method needs of a run; see `gradcam_mx.methods`."""

from __future__ import annotations

from .methods.needs import Needs
from .methods.run import Run
from .methods.view import View

__all__ = ["Needs", "Run", "View"]


def __dir__() -> list[str]:
    return sorted(__all__)
