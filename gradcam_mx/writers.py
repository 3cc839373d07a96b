"""Where pictures go while a net is trained; see `gradcam_mx.training`."""

from .training.writers import HtmlWriter, Snapshot, TensorBoardWriter, WandbWriter, Writer

__all__ = ["HtmlWriter", "Snapshot", "TensorBoardWriter", "WandbWriter", "Writer"]
