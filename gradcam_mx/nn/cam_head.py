"""The head that class activation maps need, on any feature extractor."""

from __future__ import annotations

from typing import Any, Sequence

from .. import nn
from .._mxnet import mx
from ..errors import InputError, NetworkError
from ..support.arrays import is_whole

_gluon: Any = mx.gluon.nn
_POOLING = _gluon.conv_layers._Pooling


def cam_head(
    features: Any,
    classes: int,
    *,
    freeze: bool = False,
    init: Any = None,
    prefix: str | None = None,
) -> Any:
    """A net with a global average pool and one Dense layer on a feature extractor.

    That is the head which `gm.cam` explains, and for which grad_cam gives the same map up to a
    constant: S_k = Σ_c w_kc · mean(A_c) + b_k. Zhou et al. 2016, arXiv:1512.04150, section 2.

    Of the extractor are left out: everything from its first Flatten or Dense layer on, and then the
    pooling and dropout that it ends in (VGG's last max pooling too, so its maps are twice as fine).
    The layers of blocks in blocks come one after the other, so that each has a name of its own,
    "0", "1" …

    The extractor itself stays as it is, and the two nets share its layers: training one trains the
    other, and `hybridize` on one reaches them too.

    Args:
        features: a HybridSequential, such as `net.features` of a net of the model zoo, or that net.
        classes: how many. Of 1 the output is one logit: train with SigmoidBinaryCrossEntropyLoss,
            and explain `gm.targets.Binary(1)` or `Binary(0)`; the value alone speaks for class 1.
        freeze: whether the extractor's parameters shall not be trained. It sets their `grad_req` to
            "null" in the extractor as well, which gives their gradients away, and is to be done
            before a Trainer is made. Running statistics of batch normalisation go on moving.
        init: of the Dense layer's weight, which is initialised if the extractor is; Xavier by
            default.
        prefix: of the net's and the new layer's names.

    Returns:
        A HybridSequential. Its `.params` files go by the layers' places, as Gluon's do.

    Raises:
        NetworkError: that is no extractor, or nothing of it is left.
        InputError: that is no number of classes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> from gradcam_mx.training import cam_head
        >>> zoo = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> zoo.initialize()
        >>> net = cam_head(zoo.features, 2, freeze=True)
        >>> trainer = mx.gluon.Trainer(net.collect_params(), "adam")
        >>> gm.cam(net, mx.nd.ones((1, 3, 64, 64)), target=1).values.shape
        (1, 2, 2)
    """
    if not is_whole(classes) or classes < 1:
        raise InputError(f"classes={classes!r}; expected a whole number, 1 or more")
    layers = _without_classifier(_spliced(getattr(features, "features", features)))
    parameters = [one for layer in layers for one in layer.collect_params().values()]
    net = nn.HybridSequential(prefix=prefix)
    with net.name_scope():
        dense = nn.Dense(int(classes), weight_initializer=init or mx.init.Xavier())
        net.add(*layers, nn.GlobalAvgPool2D(), nn.Flatten(), dense)
    context = _common_context(parameters)
    if context is not None:
        dense.initialize(ctx=context)
    if freeze:
        for one in parameters:
            one.grad_req = "null"
    return net


def _spliced(block: Any) -> list[Any]:
    """The layers of a block that runs them in a row, through all its blocks in blocks."""
    if not isinstance(block, mx.gluon.Block):
        raise NetworkError(
            f"the feature extractor is a {type(block).__name__}; expected a "
            "HybridSequential, such as net.features of a net of the model zoo"
        )
    if not _is_chain(block):
        return [block]
    return [layer for child in block._children.values() for layer in _spliced(child)]


def _is_chain(block: Any) -> bool:
    """Whether it does nothing but to run its children; subclasses may do something else."""
    kind = type(block)
    if isinstance(block, _gluon.HybridSequential):
        return (
            kind.hybrid_forward is _gluon.HybridSequential.hybrid_forward
            and kind.forward is mx.gluon.HybridBlock.forward
        )
    return isinstance(block, _gluon.Sequential) and kind.forward is _gluon.Sequential.forward


def _without_classifier(layers: Sequence[Any]) -> list[Any]:
    """The layers that make maps.

    Raises:
        NetworkError: there are none, or one cannot be part of a HybridSequential.
    """
    ends = [
        number
        for number, one in enumerate(layers)
        if isinstance(one, (_gluon.Dense, _gluon.Flatten))
    ]
    kept = list(layers[: ends[0]] if ends else layers)
    while kept and isinstance(kept[-1], (_POOLING, _gluon.Dropout)):
        kept.pop()
    if not kept:
        raise NetworkError(
            "nothing of the feature extractor is left without its pooling, Flatten "
            "and Dense layers; expected convolutions"
        )
    plain = next((one for one in kept if not isinstance(one, mx.gluon.HybridBlock)), None)
    if plain is not None:
        raise NetworkError(
            f"the layer {plain.name!r} ({type(plain).__name__}) is no HybridBlock, "
            "so it cannot be part of the net"
        )
    return kept


def _common_context(parameters: Sequence[Any]) -> Any:
    """Where the parameters are; None if they are not initialised."""
    try:
        return [one.list_ctx() for one in parameters][-1] if parameters else None
    except RuntimeError:
        return None
