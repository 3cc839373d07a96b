"""Looking into a net while it is trained; and the head that class activation maps need."""

from __future__ import annotations

from ..nn.cam_head import cam_head
from .handler import ExplanationHandler
from .writers import Snapshot

__all__ = ["ExplanationHandler", "Snapshot", "cam_head"]


def __dir__() -> list[str]:
    return sorted(__all__)
