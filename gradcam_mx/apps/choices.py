"""What can be named on the command line: the same names that the register and the zoo have.

They are written down here because the parser needs them before mxnet is imported; a test compares
them with what they name. Those of methods and measures are in `gradcam_mx/_names.py`.
"""

from __future__ import annotations

from .._names import METHODS as METHODS
from .._names import METHODS_OF
from .._names import METRICS as METRICS

ALL_CAMS = "all-cams"

CONTROLS = METHODS_OF["controls"]

NONE = "none"

MODELS = (
    "squeezenet1_1",
    "efficientnet_lite0",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
    "alexnet",
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
    "inceptionv3",
    "mobilenet0.25",
    "mobilenet0.5",
    "mobilenet0.75",
    "mobilenet1.0",
    "mobilenetv2_1.0",
    "mobilenetv2_0.75",
    "mobilenetv2_0.5",
    "mobilenetv2_0.25",
    "resnet18_v1",
    "resnet34_v1",
    "resnet50_v1",
    "resnet101_v1",
    "resnet152_v1",
    "resnet18_v2",
    "resnet34_v2",
    "resnet50_v2",
    "resnet101_v2",
    "resnet152_v2",
    "squeezenet1.0",
)

PREPROCESSINGS = (
    "imagenet",
    "caffe",
    "inception",
    "efficientnet_lite",
    "none",
)

BASELINES = (
    "zero",
    "mean",
    "blur",
)

INPAINT = "inpaint"

INPAINTING = (
    "inpaint_telea",
    "inpaint_ns",
)

PROBABILITY = "probability"

VALUES = (
    "drop",
    "score",
)

SEGMENTS = (
    "slic",
    "quickshift",
    "grid",
)

COMPOSITES = (
    "epsilon",
    "epsilon_plus",
    "epsilon_plus_flat",
    "epsilon_alpha2_beta1",
    "epsilon_alpha2_beta1_flat",
    "epsilon_gamma_box",
)

LIFT_RULES = (
    "rescale",
    "reveal_cancel",
)
