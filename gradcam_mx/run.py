"""What a method needs of a run; see `gradcam_mx.methods`."""

from .methods.run import Needs, Run, View

__all__ = ["Needs", "Run", "View"]
