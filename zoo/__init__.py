"""Networks with really trained weights, what they want to see, and the names of what they see."""

from __future__ import annotations

from .datasets import Dataset, digits, fashion_mnist
from .efficientnet import EfficientNetLite, efficientnet_lite0
from .labels import class_id, class_name
from .models import MODELS, PREPROCESS, get_model, preprocess_for
from .photo import read_photo
from .preprocess import (
    CAFFE,
    EFFICIENTNET_LITE,
    GREY,
    IMAGENET,
    INCEPTION,
    PIXELS,
    Preprocess,
)
from .squeezenet import SqueezeNet, squeezenet1_1
from .vgg import (
    VGG,
    get_vgg,
    vgg11,
    vgg11_bn,
    vgg13,
    vgg13_bn,
    vgg16,
    vgg16_bn,
    vgg19,
    vgg19_bn,
)

__all__ = [
    "CAFFE",
    "EFFICIENTNET_LITE",
    "GREY",
    "IMAGENET",
    "INCEPTION",
    "MODELS",
    "PIXELS",
    "PREPROCESS",
    "VGG",
    "Dataset",
    "EfficientNetLite",
    "Preprocess",
    "SqueezeNet",
    "class_id",
    "class_name",
    "digits",
    "efficientnet_lite0",
    "fashion_mnist",
    "get_model",
    "get_vgg",
    "preprocess_for",
    "read_photo",
    "squeezenet1_1",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]


def __dir__() -> list[str]:
    return sorted(__all__)
