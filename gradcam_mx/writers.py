"""Where pictures go while a net is trained; see `gradcam_mx.training`."""

from __future__ import annotations

from .training.writers import HtmlWriter, Snapshot, TensorBoardWriter, WandbWriter, Writer

__all__ = ["HtmlWriter", "Snapshot", "TensorBoardWriter", "WandbWriter", "Writer"]


def __dir__() -> list[str]:
    return sorted(__all__)
