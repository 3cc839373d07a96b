"""What did the network look at? Explanations of convolutional networks on Apache MXNet / Gluon."""

from . import errors, inspect, nn, picture, targets, training, writers, zoo  # type: ignore[attr-defined]
from ._version import __version__
from .classic import (
    get_cam,
    get_conv_out_grad,
    get_guided_grad_cam,
    get_image_grad,
    get_img_heatmap,
    grad_to_image,
    set_capture_layer_name,
    set_guided_backprop,
    to_grayscale,
    visualize,
)
from .errors import GradCamError
from .explanation import Explanation
from .graph import Graph
from .load import load
from .methods import (
    METHODS,
    ablation_cam,
    cam,
    deconvnet,
    eigen_cam,
    eigen_grad_cam,
    expected_gradients,
    explain,
    feature_ablation,
    grad_cam,
    grad_cam_pp,
    guided_backprop,
    guided_grad_cam,
    hires_cam,
    input_x_gradient,
    integrated_gradients,
    kernel_shap,
    layer_cam,
    lime,
    occlusion,
    partition_shap,
    rise,
    saliency,
    score_cam,
    smooth_grad,
    xgrad_cam,
)
from .nn import Activation, Conv2D
from .predict import predict_fn
from .trace import trace

__all__ = [
    # explaining any net
    "METHODS", "Explanation", "Graph", "explain", "load", "predict_fn", "trace",
    "ablation_cam", "cam", "deconvnet", "eigen_cam", "eigen_grad_cam", "expected_gradients",
    "feature_ablation", "grad_cam", "grad_cam_pp", "guided_backprop", "guided_grad_cam",
    "hires_cam", "input_x_gradient", "integrated_gradients", "kernel_shap", "layer_cam", "lime",
    "occlusion", "partition_shap", "rise", "saliency", "score_cam", "smooth_grad", "xgrad_cam",
    # drop-in layers, networks, errors
    "Activation", "Conv2D", "GradCamError", "errors", "inspect", "nn", "picture",
    "targets", "training", "writers", "zoo",
    # the tutorial's functions
    "get_cam", "get_conv_out_grad", "get_guided_grad_cam", "get_image_grad", "get_img_heatmap",
    "grad_to_image", "set_capture_layer_name", "set_guided_backprop", "to_grayscale", "visualize",
    "__version__",
]
