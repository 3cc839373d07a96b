"""What a method needs of a run; see `gradcam_mx.methods`."""

from .methods.run import Needs, Run

__all__ = ["Needs", "Run"]
