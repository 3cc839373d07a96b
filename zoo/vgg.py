"""VGG of the drop-in layers, with the parameter names and files of Gluon's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

from gradcam_mx import nn
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import NetworkError

from .calls import TakesArrays
from .fit import fit, from_torch
from .labels import names_for
from .preprocess import IMAGENET
from .readers import Arrays, read_arrays
from .store import find_weights

__all__ = [
    "VGG",
    "get_vgg",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]

# number of layers: convolutions in each of the five stages
SPEC = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
FILTERS = (64, 128, 256, 512, 512)
HIDDEN = 4096


class VGG(TakesArrays, mx.gluon.HybridBlock):
    """VGG: stages of 3×3 convolutions, each stage ended by max pooling, then three dense layers.

    Blocks: `features`, a flat HybridSequential, and `output`, a Dense layer. Names and keys of
    .params files equal those of `mxnet.gluon.model_zoo.vision.VGG`, so files interchange both ways.
    Input (N, 3, H, W), output (N, classes). Simonyan & Zisserman 2014, arXiv:1409.1556.

    Args:
        layers: how many convolutions each stage has.
        filters: how many channels each stage has.
        classes: how many.
        batch_norm: whether batch normalisation follows each convolution.

    Raises:
        NetworkError: `layers` and `filters` differ in length.

    Example:
        >>> VGG([1, 1], [8, 16], classes=10, prefix="net_").features[0].name
        'net_conv0'
    """

    def __init__(
        self,
        layers: Sequence[int],
        filters: Sequence[int],
        classes: int = 1000,
        batch_norm: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if len(layers) != len(filters):
            raise NetworkError(
                f"{len(layers)} stages of layers, but {len(filters)} of filters; expected as many "
                "of one as of the other"
            )
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            for count, channels in zip(layers, filters):
                for _ in range(count):
                    self._add_convolution(channels, batch_norm)
                self.features.add(nn.MaxPool2D(strides=2))
            for _ in range(2):
                self.features.add(nn.Dense(HIDDEN, activation="relu", weight_initializer="normal"))
                self.features.add(nn.Dropout(rate=0.5))
            self.output = nn.Dense(classes, weight_initializer="normal")

    def _add_convolution(self, channels: int, batch_norm: bool) -> None:
        spread = mx.init.Xavier(rnd_type="gaussian", factor_type="out", magnitude=2)
        self.features.add(nn.Conv2D(channels, 3, padding=1, weight_initializer=spread))
        if batch_norm:
            self.features.add(nn.BatchNorm())
        self.features.add(nn.Activation("relu"))

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The class scores, before any softmax."""
        return self.output(self.features(x))


def get_vgg(
    num_layers: int,
    batch_norm: bool = False,
    pretrained: bool = True,
    classes: int = 1000,
    ctx: Any = None,
    root: str | Path | None = None,
    weights: str | Path | None = None,
) -> VGG:
    """A VGG with 11, 13, 16 or 19 layers, by default trained on ImageNet.

    Weights are taken from the first of: the file `weights`; the verified file of the model store in
    `root`; the store's zip in `root`; the mirror in MXNET_GLUON_REPO or the default store.

    Args:
        num_layers: 11, 13, 16 or 19.
        batch_norm: whether batch normalisation follows each convolution.
        pretrained: whether it has trained weights; without, the net is not initialised, as with
            Gluon's.
        classes: how many. If not 1000, weights for 1000 classes give the features only, and a
            warning says so.
        ctx: a context or a list of them; `mx.cpu()` by default.
        root: the folder of the model store's files; by default $MXNET_HOME/models, else
            ~/.mxnet/models.
        weights: a .params file, a torchvision .pth state dict or a .safetensors file, loaded
            whatever `pretrained` says.

    Returns:
        A net for inputs (N, 3, 224, 224) as its `preprocess` makes them.

    Raises:
        NetworkError: there is no VGG with so many layers.
        WeightsError: weights are not found, damaged or do not fit.
        DeviceError: there is no such GPU.

    Example:
        >>> net = get_vgg(16, weights="vgg16.pth")                      # doctest: +SKIP
        >>> net(mx.nd.array(net.preprocess("cat.jpg"))).shape           # doctest: +SKIP
        (1, 1000)
    """
    if num_layers not in SPEC:
        raise NetworkError(
            f"there is no VGG with {num_layers} layers; choose one of {sorted(SPEC)}"
        )
    net = VGG(SPEC[num_layers], FILTERS, classes=classes, batch_norm=batch_norm)
    net.preprocess = IMAGENET
    if weights is None and not pretrained:
        return net
    net.class_names = names_for(classes)
    name = f"vgg{num_layers}_bn" if batch_norm else f"vgg{num_layers}"
    file = find_weights(name, root) if weights is None else weights
    fit(net, _gluon_names(net, read_arrays(file)), source=str(file), classes=classes, ctx=ctx)
    return net


def _gluon_names(net: VGG, arrays: Arrays) -> Arrays:
    """Rename torchvision's arrays; both flatten as (C, H, W), so no values move."""
    if not any(name.startswith("classifier.") for name in arrays):
        return arrays
    blocks = len(net.features)
    modules = {f"features.{index}": f"features.{index}" for index in range(blocks)}
    modules["classifier.0"] = f"features.{blocks - 4}"
    modules["classifier.3"] = f"features.{blocks - 2}"
    modules["classifier.6"] = "output"
    return from_torch(arrays, modules)


def vgg11(**kwargs: Any) -> VGG:
    """VGG-11; takes the arguments of `get_vgg` from `pretrained` on.

    Example:
        >>> vgg11(pretrained=False).name.startswith("vgg")
        True
    """
    return get_vgg(11, **kwargs)


def vgg13(**kwargs: Any) -> VGG:
    """VGG-13; takes the arguments of `get_vgg` from `pretrained` on.

    Example:
        >>> len(vgg13(pretrained=False).features)
        29
    """
    return get_vgg(13, **kwargs)


def vgg16(**kwargs: Any) -> VGG:
    """VGG-16; takes the arguments of `get_vgg` from `pretrained` on.

    Example:
        >>> len(vgg16(pretrained=False).features)
        35
    """
    return get_vgg(16, **kwargs)


def vgg19(**kwargs: Any) -> VGG:
    """VGG-19; takes the arguments of `get_vgg` from `pretrained` on.

    Example:
        >>> len(vgg19(pretrained=False).features)
        41
    """
    return get_vgg(19, **kwargs)


def vgg11_bn(**kwargs: Any) -> VGG:
    """VGG-11 with batch normalisation; takes the arguments of `get_vgg` from `pretrained` on.

    Example:
        >>> len(vgg11_bn(pretrained=False).features)
        33
    """
    return get_vgg(11, batch_norm=True, **kwargs)


def vgg13_bn(**kwargs: Any) -> VGG:
    """VGG-13 with batch normalisation; takes the arguments of `get_vgg` from `pretrained` on.

    Example:
        >>> len(vgg13_bn(pretrained=False).features)
        39
    """
    return get_vgg(13, batch_norm=True, **kwargs)


def vgg16_bn(**kwargs: Any) -> VGG:
    """VGG-16 with batch normalisation; takes the arguments of `get_vgg` from `pretrained` on.

    Example:
        >>> len(vgg16_bn(pretrained=False).features)
        48
    """
    return get_vgg(16, batch_norm=True, **kwargs)


def vgg19_bn(**kwargs: Any) -> VGG:
    """VGG-19 with batch normalisation; takes the arguments of `get_vgg` from `pretrained` on.

    Example:
        >>> len(vgg19_bn(pretrained=False).features)
        57
    """
    return get_vgg(19, batch_norm=True, **kwargs)
