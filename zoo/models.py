"""Networks by name: the zoo's own, and every one of Gluon's model zoo."""

from __future__ import annotations

import difflib
from typing import Any, Callable

from gradcam_mx._mxnet import mx
from gradcam_mx.errors import Advice, NetworkError

from . import vgg
from .calls import takes_arrays
from .efficientnet import efficientnet_lite0
from .fit import fit
from .labels import names_for
from .preprocess import CAFFE, EFFICIENTNET_LITE, IMAGENET, INCEPTION, Preprocess
from .readers import read_arrays
from .squeezenet import squeezenet1_1
from .store import SHA1, find_weights

__all__ = ["MODELS", "PREPROCESS", "get_model", "preprocess_for"]

_BUILDERS: dict[str, Callable[..., Any]] = {
    "squeezenet1_1": squeezenet1_1,
    "efficientnet_lite0": efficientnet_lite0,
    "vgg11": vgg.vgg11,
    "vgg11_bn": vgg.vgg11_bn,
    "vgg13": vgg.vgg13,
    "vgg13_bn": vgg.vgg13_bn,
    "vgg16": vgg.vgg16,
    "vgg16_bn": vgg.vgg16_bn,
    "vgg19": vgg.vgg19,
    "vgg19_bn": vgg.vgg19_bn,
}

MODELS = (*_BUILDERS, *(name for name in SHA1 if name not in _BUILDERS))
"""The names of all networks: the zoo's own first, then Gluon's."""

PREPROCESS: dict[str, Preprocess] = {
    **dict.fromkeys(MODELS, IMAGENET),
    "squeezenet1_1": CAFFE,
    "efficientnet_lite0": EFFICIENTNET_LITE,
    "inceptionv3": INCEPTION,
}
"""How the photos of each network are prepared, by its name."""


def _plain(name: str) -> str:
    # Gluon's functions and its get_model spell names differently: mobilenet_v2_1_0, mobilenetv2_1.0
    return name.lower().replace("_", "").replace(".", "")


def _canonical(name: str) -> str:
    known = {_plain(model): model for model in MODELS}
    if _plain(name) in known:
        return known[_plain(name)]
    close = [
        known[match] for match in difflib.get_close_matches(_plain(name), known, n=5, cutoff=0.4)
    ]
    raise NetworkError(
        f"the zoo has no network {name!r}; closest: {', '.join(close or MODELS[:5])}",
        advice=Advice.LIST_NETWORKS,
    )


def preprocess_for(name: str) -> Preprocess:
    """How the network of a name wants its photos.

    Args:
        name: one of `MODELS`; upper case, dots and underscores do not matter.

    Raises:
        NetworkError: there is no such network; the message lists the closest names.

    Example:
        >>> preprocess_for("squeezenet1.1").order
        'BGR'
    """
    return PREPROCESS[_canonical(name)]


def get_model(name: str, **kwargs: Any) -> Any:
    """A network by name, by default trained on ImageNet.

    VGG, SqueezeNet 1.1 and EfficientNet-Lite0 are the zoo's own, built of drop-in layers, and take
    the arguments of their builders. The others are Gluon's and take `pretrained`, `classes`, `ctx`,
    `root` and `weights` with the meaning they have in `get_vgg`.

    Args:
        name: one of `MODELS`; upper case, dots and underscores do not matter.

    Returns:
        A HybridBlock that carries its `preprocess`, and if it is trained for 1000 classes the
        `class_names` of ImageNet.

    Raises:
        NetworkError: there is no such network; the message lists the closest names.
        WeightsError: its weights are not found or do not fit.
        DeviceError: there is no such GPU.

    Example:
        >>> get_model("resnet18_v1", pretrained=False).preprocess.size
        224
    """
    name = _canonical(name)
    net = _BUILDERS[name](**kwargs) if name in _BUILDERS else _from_gluon(name, **kwargs)
    net.preprocess = PREPROCESS[name]
    return net


def _from_gluon(
    name: str,
    pretrained: bool = True,
    classes: int = 1000,
    ctx: Any = None,
    root: Any = None,
    weights: Any = None,
) -> Any:
    net = takes_arrays(mx.gluon.model_zoo.vision.get_model(name, pretrained=False, classes=classes))
    if weights is not None or pretrained:
        file = find_weights(name, root) if weights is None else weights
        size = PREPROCESS[name].shape[1]
        net.class_names = names_for(classes)
        fit(net, read_arrays(file), source=str(file), classes=classes, ctx=ctx, size=size)
    return net
