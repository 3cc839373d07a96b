"""The drop-in layers: subclasses of Gluon's that can be looked into."""

from __future__ import annotations

import copy
import inspect
from typing import Any

from .._mxnet import mx
from ..engine.capture import Reporter, conv_output, report
from ..engine.following import check_reach, follow_rule, rule_is_on, set_guided_backprop
from ..graph.operators import SELU_SCALE, SELU_SLOPE

_native: Any = mx.gluon.nn


class _Layer(Reporter):
    """A layer that gives its output to `capture`."""

    def forward(self, x: Any, *args: Any) -> Any:
        """Gluon's own forward pass; in eager code, under observation."""
        if not isinstance(x, mx.nd.NDArray):
            return self._native_forward(x, *args)
        output = self._eager_forward(x, *args)
        check_reach(self, self._symbol)
        return report(self, output)

    def _native_forward(self, x: Any, *args: Any) -> Any:
        return super().forward(x, *args)  # type: ignore[misc]

    def _eager_forward(self, x: Any, *args: Any) -> Any:
        return self._native_forward(x, *args)

    def _symbol(self) -> Any:
        """The native layer's own operators, without an activation that is a layer of its own.

        Neither hooks nor Gluon's name scopes, which threads would share, take part.
        """
        native: Any = next(
            base for base in type(self).__mro__ if base.__module__.startswith(_native.__name__)
        )
        layer = _eager_copy(self, act=None)
        known = layer._reg_params.keys() & inspect.signature(native.hybrid_forward).parameters
        variables = {name: mx.sym.var(name) for name in ("data", *known)}
        if mx.util.is_np_array():
            variables = {name: one.as_np_ndarray() for name, one in variables.items()}
        return native.hybrid_forward(layer, mx.sym, variables.pop("data"), **variables)


def _eager_copy(layer: Any, **attributes: Any) -> Any:
    """The layer with the same parameters, not hybridized, with other attributes: for one call."""
    other = copy.copy(layer)
    vars(other).update(attributes, _active=False)
    return other


def _is_frozen() -> bool:
    """Whether gradients of the net as it predicts are being recorded."""
    return mx.autograd.is_recording() and not mx.autograd.is_training()


class _ActivationLayer(_Layer):
    """An activation: its backward pass follows the rule of `guided_mode`."""

    _kind: str

    def _eager_forward(self, x: Any, *args: Any) -> Any:
        return follow_rule(self._kind, x, lambda z: self._native_forward(z, *args))


class _WithActivation(_Layer):
    """A layer with an `activation=`, which becomes a drop-in one under the same names."""

    act: Any

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "act" and type(value) is _native.Activation:
            value.__class__ = Activation
        super().__setattr__(name, value)

    def _eager_forward(self, x: Any, *args: Any) -> Any:
        # Compiled, the layer would not ask its activation for the rule.
        layer = _eager_copy(self) if self.act is not None and rule_is_on() else self
        return layer._native_forward(x, *args)


class _MaxPooling(_Layer):
    """Max pooling, with the right gradient under `record(train_mode=False)` too.

    On CPU, oneDNN's pooling notes where the maxima are only if it is told that it trains; without,
    the gradient it gives is arbitrary (relative error 1 for AlexNet, VGG and ResNet).
    """

    def _eager_forward(self, x: Any, *args: Any) -> Any:
        if not _is_frozen():
            return self._native_forward(x, *args)
        with mx.autograd.train_mode():
            return self._native_forward(x, *args)


class _Normalization(_Layer):
    """Batch normalisation, with the right gradient under `record(train_mode=False)` too.

    Gluon's forward pass takes the running statistics there, but `backward()` goes by its own
    `train_mode=True`: it differentiates by the batch's statistics (relative error 0.1 to 3 at the
    input) and moves the running ones. With the statistics fixed, training mode is inference.
    """

    _kwargs: dict[str, Any]

    def _eager_forward(self, x: Any, *args: Any) -> Any:
        if not _is_frozen():
            return self._native_forward(x, *args)
        layer = _eager_copy(self, _kwargs={**self._kwargs, "use_global_stats": True})
        with mx.autograd.train_mode():
            return layer._native_forward(x, *args)


def _drop_in(native: Any, behaviour: type[_Layer] = _Layer, **attributes: Any) -> Any:
    """The drop-in subclass of a native layer, for those that need no more than a behaviour."""
    doc = (
        f"`mxnet.gluon.nn.{native.__name__}`, whose arguments, parameters and names it has.\n\n"
        f"    {behaviour.__doc__}"
    )
    return type(native.__name__, (behaviour, native), {"__doc__": doc, **attributes})


class _ConvOutput:
    """The tutorial's `Conv2D.conv_output`, kept for each thread rather than on the class."""

    def __get__(self, instance: Any, owner: Any) -> Any:
        return conv_output()


class Conv2D(_WithActivation, _native.Conv2D):
    """2-D convolution, which can be captured, with an activation that can be guided.

    Arguments, parameters and names are those of `mxnet.gluon.nn.Conv2D`.

    Example:
        >>> from gradcam_mx import nn
        >>> import mxnet as mx
        >>> conv = nn.Conv2D(64, kernel_size=3, padding=1, in_channels=3, activation="relu")
        >>> conv.initialize()
        >>> with nn.capture(conv) as captured, mx.autograd.record():
        ...     y = conv(mx.nd.ones((1, 3, 8, 8))).sum()
        >>> y.backward()
        >>> captured.gradient.shape
        (1, 64, 8, 8)
    """

    conv_output = _ConvOutput()
    """The last output of the layer of `set_capture_layer_name`, with its gradient in `.grad`."""


class Dense(_WithActivation, _native.Dense):
    """Fully connected layer, which can be captured, with an activation that can be guided.

    Arguments, parameters and names are those of `mxnet.gluon.nn.Dense`.
    """


class Activation(_ActivationLayer, _native.Activation):
    """An activation whose backward pass can be guided; arXiv:1412.6806.

    "relu" and "softrelu" follow the rule of `guided_mode`; "sigmoid", "tanh" and "softsign" are
    gates and keep the chain rule. Arguments and names are those of `mxnet.gluon.nn.Activation`.
    """

    @property
    def _kind(self) -> str:  # type: ignore[override]
        return self._act_type

    @staticmethod
    def set_guided_backprop(mode: bool = False) -> None:
        """The tutorial's switch, for this thread; `guided_mode` is the same for a `with` block."""
        set_guided_backprop(mode)


class BatchNormReLU(_Normalization, _native.BatchNormReLU):
    """Batch normalisation and ReLU in one operator; under a backward rule, in two.

    Arguments, parameters and names are those of `mxnet.gluon.nn.BatchNormReLU`.
    """

    def _eager_forward(self, x: Any, *args: Any) -> Any:
        # Under MXNet's numpy semantics Gluon's own layer leaves the ReLU out.
        if not rule_is_on() or mx.util.is_np_array():
            return super()._eager_forward(x, *args)
        z = _Normalization._eager_forward(_eager_copy(self, fuse_relu=False), x, *args)
        return follow_rule("relu", z, mx.nd.relu)


class SELU(_ActivationLayer, _native.SELU):
    """Scaled exponential linear unit, with the right gradient under `record(train_mode=False)` too.

    Arguments and names are those of `mxnet.gluon.nn.SELU`. Klambauer et al. 2017, arXiv:1706.02515.

    Where z < 0, f(z) = λα(exp(z) - 1) has the derivative f(z) + λα; MXNet's operator takes
    λ(f(z) + α), which is less. In training that is kept. Elsewhere, and under a backward
    rule, f is computed as λ·ELU(z), whose derivative is right.
    """

    _kind = "selu"

    def _eager_forward(self, x: Any, *args: Any) -> Any:
        if not _is_frozen() and not rule_is_on():
            return self._native_forward(x, *args)
        elu = mx.npx.leaky_relu if mx.util.is_np_array() else mx.nd.LeakyReLU
        return follow_rule(
            "selu", x, lambda z: elu(z, act_type="elu", slope=SELU_SLOPE) * SELU_SCALE
        )


BatchNorm = _drop_in(_native.BatchNorm, _Normalization)

Conv1D = _drop_in(_native.Conv1D, _WithActivation)
Conv3D = _drop_in(_native.Conv3D, _WithActivation)
Conv1DTranspose = _drop_in(_native.Conv1DTranspose, _WithActivation)
Conv2DTranspose = _drop_in(_native.Conv2DTranspose, _WithActivation)
Conv3DTranspose = _drop_in(_native.Conv3DTranspose, _WithActivation)

LeakyReLU = _drop_in(_native.LeakyReLU, _ActivationLayer, _kind="leaky")
PReLU = _drop_in(_native.PReLU, _ActivationLayer, _kind="prelu")
ELU = _drop_in(_native.ELU, _ActivationLayer, _kind="elu")
GELU = _drop_in(_native.GELU, _ActivationLayer, _kind="gelu")
Swish = _drop_in(_native.Swish)

MaxPool1D = _drop_in(_native.MaxPool1D, _MaxPooling)
MaxPool2D = _drop_in(_native.MaxPool2D, _MaxPooling)
MaxPool3D = _drop_in(_native.MaxPool3D, _MaxPooling)
GlobalMaxPool1D = _drop_in(_native.GlobalMaxPool1D, _MaxPooling)
GlobalMaxPool2D = _drop_in(_native.GlobalMaxPool2D, _MaxPooling)
GlobalMaxPool3D = _drop_in(_native.GlobalMaxPool3D, _MaxPooling)

# Their gradients are right under record(train_mode=False): measured against finite differences.
AvgPool1D = _drop_in(_native.AvgPool1D)
AvgPool2D = _drop_in(_native.AvgPool2D)
AvgPool3D = _drop_in(_native.AvgPool3D)
GlobalAvgPool1D = _drop_in(_native.GlobalAvgPool1D)
GlobalAvgPool2D = _drop_in(_native.GlobalAvgPool2D)
GlobalAvgPool3D = _drop_in(_native.GlobalAvgPool3D)
ReflectionPad2D = _drop_in(_native.ReflectionPad2D)
InstanceNorm = _drop_in(_native.InstanceNorm)
LayerNorm = _drop_in(_native.LayerNorm)
GroupNorm = _drop_in(_native.GroupNorm)
Dropout = _drop_in(_native.Dropout)
Embedding = _drop_in(_native.Embedding)
Flatten = _drop_in(_native.Flatten)

# Where people find them, which is also where a pickle looks for them.
for _name, _layer in list(vars().items()):
    if isinstance(_layer, type) and issubclass(_layer, _Layer) and not _name.startswith("_"):
        _layer.__module__ = "gradcam_mx.nn"
