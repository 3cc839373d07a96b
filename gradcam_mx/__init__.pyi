"""The names of the package for type checkers. Written by tools/make_stubs.py."""

import gradcam_mx.errors as errors
import gradcam_mx.inspect as inspect
import gradcam_mx.metrics as metrics
import gradcam_mx.nn as nn
import gradcam_mx.picture as picture
import gradcam_mx.rules as rules
import gradcam_mx.surgery as surgery
import gradcam_mx.targets as targets
import gradcam_mx.training as training
import gradcam_mx.writers as writers
import gradcam_mx.zoo as zoo

from gradcam_mx._version import __version__
from gradcam_mx.apps.audit_page import audit_page
from gradcam_mx.apps.classic import get_cam, get_conv_out_grad, get_guided_grad_cam, get_image_grad, get_img_heatmap, grad_to_image, set_capture_layer_name, set_guided_backprop, to_grayscale, visualize
from gradcam_mx.apps.drift_page import drift_page
from gradcam_mx.apps.fleet.running import run
from gradcam_mx.apps.predict import predict_fn
from gradcam_mx.apps.predictions import predict
from gradcam_mx.apps.report.making import report
from gradcam_mx.apps.report.verifying import verify
from gradcam_mx.apps.shortcuts_page import shortcuts_page
from gradcam_mx.apps.store_report.making import report_store
from gradcam_mx.auditing.audit import audit
from gradcam_mx.boxes.black_box import black_box
from gradcam_mx.carrying.export import export_explained
from gradcam_mx.errors import GradCamError
from gradcam_mx.explanation.explanation import Explanation
from gradcam_mx.graph.graph import Graph
from gradcam_mx.graph.load import load
from gradcam_mx.graph.trace import trace
from gradcam_mx.inspect.check import check
from gradcam_mx.methods import METHODS, ablation_cam, cam, centre_map, deconvnet, deep_lift, deep_shap, edge_map, eigen_cam, eigen_grad_cam, excitation_backprop, expected_gradients, explain, feature_ablation, finer_cam, full_grad, grad_cam, grad_cam_pp, guided_backprop, guided_grad_cam, hires_cam, input_x_gradient, integrated_gradients, kernel_shap, layer_cam, lift_cam, lime, lrp, occlusion, partition_shap, random_map, recipro_cam, relevance_cam, rise, saliency, score_cam, smooth_grad, xgrad_cam
from gradcam_mx.metrics.stability import stability
from gradcam_mx.nn import Activation, Conv2D
from gradcam_mx.store.store import Store
from gradcam_mx.support.geometry import Geometry

__all__ = [
    "__version__",
    "METHODS",
    "Explanation",
    "Geometry",
    "Graph",
    "black_box",
    "audit",
    "audit_page",
    "check",
    "drift_page",
    "shortcuts_page",
    "explain",
    "export_explained",
    "load",
    "predict",
    "predict_fn",
    "report",
    "report_store",
    "run",
    "Store",
    "stability",
    "trace",
    "verify",
    "cam",
    "grad_cam",
    "grad_cam_pp",
    "xgrad_cam",
    "hires_cam",
    "layer_cam",
    "eigen_cam",
    "eigen_grad_cam",
    "saliency",
    "input_x_gradient",
    "guided_backprop",
    "deconvnet",
    "guided_grad_cam",
    "smooth_grad",
    "lrp",
    "excitation_backprop",
    "deep_lift",
    "deep_shap",
    "full_grad",
    "relevance_cam",
    "lift_cam",
    "finer_cam",
    "lime",
    "kernel_shap",
    "occlusion",
    "feature_ablation",
    "partition_shap",
    "integrated_gradients",
    "expected_gradients",
    "score_cam",
    "ablation_cam",
    "recipro_cam",
    "rise",
    "random_map",
    "centre_map",
    "edge_map",
    "Activation",
    "Conv2D",
    "GradCamError",
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
]
