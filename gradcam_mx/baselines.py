"""What hidden parts of an input become; see `gradcam_mx.methods`."""

from .methods.baselines import BASELINES, Baseline, Curtain, baseline_of, inpainted

__all__ = ["BASELINES", "Baseline", "Curtain", "baseline_of", "inpainted"]
