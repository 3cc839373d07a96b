"""What hidden parts of an input become; see `gradcam_mx.methods`."""

from __future__ import annotations

from .methods.baselines import BASELINES, Baseline, Curtain, baseline_of, inpainted

__all__ = ["BASELINES", "Baseline", "Curtain", "baseline_of", "inpainted"]


def __dir__() -> list[str]:
    return sorted(__all__)
