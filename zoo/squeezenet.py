"""SqueezeNet 1.1 of the drop-in layers, with trained weights from the package ndf."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradcam_mx import nn
from gradcam_mx._mxnet import mx

from .calls import TakesArrays
from .fit import fit
from .labels import names_for
from .packaged import packaged_file
from .preprocess import CAFFE
from .readers import Arrays, read_arrays

__all__ = ["SqueezeNet", "squeezenet1_1"]

_FILE = "ndf/example_models/weights/squeezenet_weights.pkl"
_SHA256 = "f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1"

# (channels squeezed to, channels expanded to by each of the two branches); None is max pooling
_FIRES = (
    (16, 64),
    (16, 64),
    None,
    (32, 128),
    (32, 128),
    None,
    (48, 192),
    (48, 192),
    (64, 256),
    (64, 256),
)


def _convolution(channels: int, kernel: int) -> Any:
    block = nn.HybridSequential(prefix="")
    block.add(nn.Conv2D(channels, kernel, padding=kernel // 2), nn.Activation("relu"))
    return block


def _fire(squeezed: int, expanded: int) -> Any:
    branches = mx.gluon.contrib.nn.HybridConcurrent(axis=1, prefix="")
    fire = nn.HybridSequential(prefix="")
    fire.add(_convolution(squeezed, 1))
    branches.add(_convolution(expanded, 1), _convolution(expanded, 3))
    fire.add(branches)
    return fire


class SqueezeNet(TakesArrays, mx.gluon.HybridBlock):
    """SqueezeNet 1.1: as good as AlexNet with a fiftieth of its parameters.

    Fire modules: a 1×1 convolution squeezes the channels, a 1×1 and a 3×3 convolution side by side
    expand them. Blocks: `features` and `output`, named as in
    `mxnet.gluon.model_zoo.vision.SqueezeNet`. The output is a convolution, a ReLU and average
    pooling over 13×13, so scores are never negative. Input (N, 3, 224, 224), output (N, classes).
    Iandola et al. 2016, arXiv:1602.07360.

    Args:
        classes: how many.

    Example:
        >>> SqueezeNet(classes=10, prefix="net_").output[0].name
        'net_conv25'
    """

    def __init__(self, classes: int = 1000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            self.features.add(nn.Conv2D(64, 3, strides=2), nn.Activation("relu"))
            for fire in (None, *_FIRES):
                self.features.add(
                    _fire(*fire) if fire else nn.MaxPool2D(pool_size=3, strides=2, ceil_mode=True)
                )
            self.features.add(nn.Dropout(0.5))
            self.output = nn.HybridSequential(prefix="")
            self.output.add(
                nn.Conv2D(classes, 1), nn.Activation("relu"), nn.AvgPool2D(13), nn.Flatten()
            )

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The class scores, before any softmax."""
        return self.output(self.features(x))


def squeezenet1_1(
    pretrained: bool = True,
    classes: int = 1000,
    ctx: Any = None,
    weights: str | Path | None = None,
) -> SqueezeNet:
    """SqueezeNet 1.1, by default trained on ImageNet.

    Args:
        pretrained: whether it has trained weights; without, the net is not initialised.
        classes: how many. If not 1000, weights for 1000 classes give the features only, and a
            warning says so.
        ctx: a context or a list of them; `mx.cpu()` by default.
        weights: a file in ndf's format, a .params or a .safetensors file with Gluon's names, loaded
            whatever `pretrained` says; by default the file of the package ndf.

    Returns:
        A net for inputs (N, 3, 224, 224) as its `preprocess` makes them: BGR, as Caffe has it.
        Weights trained on another kind of input need another one: `net.preprocess = zoo.IMAGENET`.

    Raises:
        WeightsError: the package is missing, or a file is damaged or does not fit.
        DeviceError: there is no such GPU.

    Example:
        >>> net = squeezenet1_1()
        >>> net(mx.nd.zeros((1, 3, 224, 224))).shape
        (1, 1000)
    """
    net = SqueezeNet(classes=classes)
    net.preprocess = CAFFE
    if weights is None and not pretrained:
        return net
    net.class_names = names_for(classes)
    file = packaged_file("ndf", _FILE, _SHA256) if weights is None else weights
    fit(net, _gluon_names(read_arrays(file)), source=str(file), classes=classes, ctx=ctx)
    return net


def _gluon_names(arrays: Arrays) -> Arrays:
    """Rename ndf's arrays, and turn kernels from (H, W, I, O) to (O, I, H, W)."""
    if "conv1.0" not in arrays:
        return arrays
    layers = {"conv1": "features.0", "conv10": "output.0"}
    places = (index for index, fire in enumerate(_FIRES, start=3) if fire)
    for number, place in enumerate(places, start=2):
        layers[f"fire{number}/squeeze1x1"] = f"features.{place}.0.0"
        layers[f"fire{number}/expand1x1"] = f"features.{place}.1.0.0"
        layers[f"fire{number}/expand3x3"] = f"features.{place}.1.1.0"
    renamed = {}
    for name, value in arrays.items():
        layer, _, part = name.rpartition(".")
        if value.ndim == 4:
            value = value.transpose(3, 2, 0, 1)
        renamed[f"{layers.get(layer, layer)}.{'weight' if part == '0' else 'bias'}"] = value
    return renamed
