"""The methods: one file a family, each method a formula; `METHODS` lists them by name."""

from .activation_maps import grad_cam
from .base import METHODS, Method, explain
from .gradients import guided_backprop, guided_grad_cam, saliency

__all__ = [
    "METHODS", "Method", "explain", "grad_cam", "guided_backprop", "guided_grad_cam", "saliency",
]
