"""What a method needs of a run; see `gradcam_mx.methods`."""

from .methods.needs import Needs
from .methods.run import Run, View

__all__ = ["Needs", "Run", "View"]
