"""What did the network look at? Explanations of convolutional networks on Apache MXNet / Gluon.

Names are imported when they are first asked for: what needs no network, such as the command line's
help, does not wait for mxnet.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from ._mxnet_first import register
from ._version import __version__

register()  # mxnet can be imported from here on

if TYPE_CHECKING:  # for editors and type checkers, the names that `__getattr__` finds
    from . import (  # type: ignore[attr-defined]
        errors,
        inspect,
        nn,
        picture,
        rules,
        targets,
        training,
        writers,
        zoo,
    )
    from .apps.classic import (
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
    from .apps.predict import predict_fn
    from .errors import GradCamError
    from .explanation.explanation import Explanation
    from .graph.graph import Graph
    from .graph.load import load
    from .graph.trace import trace
    from .inspect.check import check
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

__all__ = [
    # explaining any net
    "METHODS",
    "Explanation",
    "Graph",
    "check",
    "explain",
    "load",
    "predict_fn",
    "trace",
    "ablation_cam",
    "cam",
    "deconvnet",
    "eigen_cam",
    "eigen_grad_cam",
    "expected_gradients",
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
    "occlusion",
    "partition_shap",
    "rise",
    "saliency",
    "score_cam",
    "smooth_grad",
    "xgrad_cam",
    # drop-in layers, networks, errors
    "Activation",
    "Conv2D",
    "GradCamError",
    "errors",
    "inspect",
    "nn",
    "picture",
    "rules",
    "targets",
    "training",
    "writers",
    "zoo",
    # the tutorial's functions
    "get_cam",
    "get_conv_out_grad",
    "get_guided_grad_cam",
    "get_image_grad",
    "get_img_heatmap",
    "grad_to_image",
    "set_capture_layer_name",
    "set_guided_backprop",
    "to_grayscale",
    "visualize",
    "__version__",
]

_CLASSIC = (
    "get_cam",
    "get_conv_out_grad",
    "get_guided_grad_cam",
    "get_image_grad",
    "get_img_heatmap",
    "grad_to_image",
    "set_capture_layer_name",
    "set_guided_backprop",
    "to_grayscale",
    "visualize",
)

# where the names of `__all__` live that are neither submodules nor methods
_HOMES = {
    "Activation": "nn",
    "Conv2D": "nn",
    "Explanation": "explanation.explanation",
    "GradCamError": "errors",
    "Graph": "graph.graph",
    "check": "inspect.check",
    "load": "graph.load",
    "predict_fn": "apps.predict",
    "trace": "graph.trace",
    **dict.fromkeys(_CLASSIC, "apps.classic"),
}


def _find(name: str) -> Any:
    """A submodule, or what is public, imported when it is first asked for."""
    home = _HOMES.get(name)
    if home is None and importlib.util.find_spec(f"{__name__}.{name}"):
        return importlib.import_module(f"{__name__}.{name}")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{home or 'methods'}"), name)
    globals()[name] = found
    return found


if not TYPE_CHECKING:  # or any name would do for a type checker
    __getattr__ = _find


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
