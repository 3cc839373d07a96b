"""What is public, and where it lives. It imports nothing, so all may read it, at no cost.

The package's `__getattr__` and `__all__`, the room `methods`, the command line with its completion,
and what type checkers see (`make stubs`) take the names from here.
"""

from __future__ import annotations

METHODS_OF = {
    "activation_maps": (
        "cam",
        "grad_cam",
        "grad_cam_pp",
        "xgrad_cam",
        "hires_cam",
        "layer_cam",
        "eigen_cam",
        "eigen_grad_cam",
    ),
    "gradients": (
        "saliency",
        "input_x_gradient",
        "guided_backprop",
        "deconvnet",
        "guided_grad_cam",
        "smooth_grad",
    ),
    "relevance": ("lrp", "excitation_backprop", "deep_lift", "deep_shap", "full_grad"),
    "relevance_maps": ("relevance_cam", "lift_cam", "finer_cam"),
    "superpixels": ("lime", "kernel_shap"),
    "hiding": ("occlusion", "feature_ablation"),
    "partition": ("partition_shap",),
    "paths": ("integrated_gradients", "expected_gradients"),
    "probed_maps": ("score_cam", "ablation_cam", "recipro_cam"),
    "random_masks": ("rise",),
    "controls": ("random_map", "centre_map", "edge_map"),
}
"""A file of the room `methods` → the methods in it. A new method is one name more, here alone; the
order is that of `gm.METHODS`."""

METHODS = tuple(name for names in METHODS_OF.values() for name in names)

CARRIED = ("cam", "hires_cam", "grad_cam", "recipro_cam")
"""The methods whose maps a net can carry; see `carrying.export`."""

METRICS_OF = {
    "curves": (
        "deletion",
        "insertion",
        "srg",
        "road",
    ),
    "description": (
        "sparseness",
        "complexity",
    ),
    "fidelity": (
        "infidelity",
        "faithfulness_correlation",
        "mufidelity",
        "monotonicity_correlation",
    ),
    "localisation": (
        "pointing_game",
        "energy",
        "rank_accuracy",
        "top_k_intersection",
        "iou",
    ),
    "masked": (
        "average_drop",
        "increase",
        "gain",
    ),
    "robustness": (
        "max_sensitivity",
        "local_lipschitz",
        "continuity",
    ),
    "sanity": (
        "emprt",
        "smprt",
        "mprt",
        "random_logit",
    ),
}
"""A file of the room `metrics` → the measures in it, in the order of `gm.metrics.METRICS`."""

METRICS = tuple(name for names in METRICS_OF.values() for name in names)

CLASSIC = (
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
"""The tutorial's functions."""

HOMES = {
    # explaining any net
    "METHODS": "methods.register",
    "Explanation": "explanation.explanation",
    "Geometry": "support.geometry",
    "Graph": "graph.graph",
    "black_box": "boxes.black_box",
    "audit": "auditing.audit",
    "audit_page": "apps.audit_page",
    "check": "inspect.check",
    "drift_page": "apps.drift_page",
    "shortcuts_page": "apps.shortcuts_page",
    "explain": "methods.together",
    "export_explained": "carrying.export",
    "load": "graph.load",
    "predict": "apps.predictions",
    "predict_fn": "apps.predict",
    "report": "apps.report.making",
    "report_store": "apps.store_report.making",
    "run": "apps.fleet.running",
    "Store": "store.store",
    "stability": "metrics.stability",
    "trace": "graph.trace",
    "verify": "apps.report.verifying",
    **{name: f"methods.{file}" for file, names in METHODS_OF.items() for name in names},
    # drop-in layers, errors
    "Activation": "nn",
    "Conv2D": "nn",
    "GradCamError": "errors",
    **dict.fromkeys(CLASSIC, "apps.classic"),
}
"""A name of the package → the module that it lives in."""

MODULES = (
    "errors",
    "inspect",
    "metrics",
    "nn",
    "picture",
    "rules",
    "surgery",
    "targets",
    "training",
    "writers",
    "zoo",
)
"""The modules that are public by themselves."""
