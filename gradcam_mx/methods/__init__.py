"""The methods: one file a family, each method a formula; `METHODS` lists them by name."""

from .activation_maps import (
    activation_map,
    cam,
    eigen_cam,
    eigen_grad_cam,
    grad_cam,
    grad_cam_pp,
    hires_cam,
    layer_cam,
    xgrad_cam,
)
from .functions import method
from .gradients import (
    deconvnet,
    guided_backprop,
    guided_grad_cam,
    input_x_gradient,
    saliency,
    smooth_grad,
)
from .hiding import feature_ablation, occlusion
from .partition import partition_shap
from .paths import expected_gradients, integrated_gradients
from .perturbing import perturbation
from .plan import Explained, Plan
from .probed_maps import ablation_cam, score_cam
from .random_masks import rise
from .register import METHODS, Method, Result, methods_kept
from .superpixels import kernel_shap, lime
from .together import explain

__all__ = [
    "METHODS",
    "Explained",
    "Method",
    "Plan",
    "Result",
    "ablation_cam",
    "activation_map",
    "cam",
    "deconvnet",
    "eigen_cam",
    "eigen_grad_cam",
    "expected_gradients",
    "explain",
    "feature_ablation",
    "grad_cam",
    "grad_cam_pp",
    "guided_backprop",
    "guided_grad_cam",
    "hires_cam",
    "input_x_gradient",
    "integrated_gradients",
    "kernel_shap",
    "layer_cam",
    "lime",
    "method",
    "methods_kept",
    "occlusion",
    "partition_shap",
    "perturbation",
    "rise",
    "saliency",
    "score_cam",
    "smooth_grad",
    "xgrad_cam",
]
