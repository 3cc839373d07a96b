"""A linear layer in a backward pass, as rules find it."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, NamedTuple, TypeVar

from ..._mxnet import mx
from ...errors import RuleError
from ...graph.kinds import Kind
from ...graph.node import Entry, Node
from ..steps import Ran, Step
from .shares import Shares, negative, positive

T = TypeVar("T")


def _made_once(make: Callable[[Layer], Any]) -> property:
    """A property that does not depend on what arrives; see `Layer.once`."""
    return property(lambda layer: layer.once(make.__name__, partial(make, layer)), doc=make.__doc__)


class Norm(NamedTuple):
    """A batch normalisation behind a layer, which is merged into it."""

    node: Node
    """It."""
    output: Entry | None
    """What it gives, where that lies as the layer's output does."""


class Layer:
    """A convolution, a transposed one or a Dense layer, and a batch normalisation behind it.

    Args:
        step: the layer in the backward pass; relevance stays where it is at the normalisation.
        norm: the normalisation.
        is_nonnegative: whether nothing that the layer reads is below zero.
        front: a normalisation in front of the layer, which is merged into it too: what the layer
            reads is then what that reads.
    """

    def __init__(
        self, step: Step, norm: Norm | None, is_nonnegative: bool, front: Node | None = None
    ) -> None:
        self._step, self._norm, self._front = step, norm, front
        self.node = step.node
        self.arriving = step.arriving[0]
        """What arrives at its output."""
        self.has_negative_x = not is_nonnegative
        """Whether something that it reads may be below zero."""

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What a rule makes of the layer's values, whatever arrives: once for all walks over a run.

        Args:
            name: what it is called; a rule has no two of one name.
            make: makes it.
        """
        made = self._step.made
        if name not in made:
            made[name] = make()
        return made[name]

    @_made_once
    def z(self) -> Any:
        """What it gives."""
        given = self._step.outputs[0]
        if self._norm is None:
            return given
        if self._norm.output is not None:
            return self._step.value(self._norm.output)
        scaled = mx.nd.broadcast_mul(given, _along(self._scale, self._axis, given.ndim))
        return self.plus(scaled, self._shift)

    @_made_once
    def x(self) -> Any:
        """What it reads."""
        given = self._step.inputs[0]
        if self._front is None:
            return given
        scale, shift = (self._of_inputs(one) for one in _statistics(self._step, self._front))
        found = mx.nd.broadcast_div(mx.nd.broadcast_sub(given, shift), scale + (scale == 0))
        return mx.nd.broadcast_mul(found, scale != 0)

    def _of_inputs(self, values: Any) -> Any:
        """(C,) along the channels of the input."""
        rank = self._step.inputs[0].ndim
        is_last = self.node.operator.kind is Kind.DENSE and not self.node.flag("flatten", True)
        return _along(values, rank - 1 if is_last else 1, rank)

    @_made_once
    def _own_weight(self) -> Any:
        """Its weight, with a normalisation in front merged into it."""
        weight = self._step.parameters[0]
        if self._front is None:
            return weight
        (scale, _), kind = _statistics(self._step, self._front), self.node.operator.kind
        if kind is Kind.TRANSPOSED_CONVOLUTION:
            return mx.nd.broadcast_mul(weight, _along(scale, 0, weight.ndim))
        if kind is Kind.DENSE:  # whose columns are positions too
            scale = mx.nd.repeat(scale, weight.shape[1] // len(scale))
            return mx.nd.broadcast_mul(weight, _along(scale, 1, 2))
        groups = self.node.whole("num_group", 1)  # (O, I / groups, …)
        parts = weight.reshape((groups, -1, *weight.shape[1:]))
        scale = scale.reshape((groups, 1, -1, *[1] * (weight.ndim - 2)))
        return mx.nd.broadcast_mul(parts, scale).reshape(weight.shape)

    @_made_once
    def weight(self) -> Any:
        """Its weight."""
        weight = self._own_weight
        if self._norm is None:
            return weight
        if self.node.operator.kind is not Kind.TRANSPOSED_CONVOLUTION:
            return mx.nd.broadcast_mul(weight, _along(self._scale, 0, weight.ndim))
        groups = self.node.whole("num_group", 1)  # (I, O / groups, …)
        parts = weight.reshape((groups, -1, *weight.shape[1:]))
        scale = self._scale.reshape((groups, 1, -1, *[1] * (weight.ndim - 2)))
        return mx.nd.broadcast_mul(parts, scale).reshape(weight.shape)

    @_made_once
    def bias(self) -> Any | None:
        """Its bias, (C,) or like the output; None if it has none."""
        given = self._step.parameters
        bias = given[1] if len(given) > 1 else None
        if self._norm is not None:
            bias = self._shift if bias is None else bias * self._scale + self._shift
        if self._front is None:
            return bias
        # what the shift in front adds, which is less at a border with padding
        _, shift = _statistics(self._step, self._front)
        shifts = mx.nd.broadcast_like(self._of_inputs(shift), self._step.inputs[0])
        added = self.run(shifts, self._step.parameters[0]).outputs[0]
        if self._norm is not None:
            added = mx.nd.broadcast_mul(added, _along(self._scale, self._axis, added.ndim))
        return self.plus(added, bias)

    @_made_once
    def _behind(self) -> tuple[Any, Any]:
        assert self._norm is not None
        return _statistics(self._step, self._norm.node)

    @property
    def _scale(self) -> Any:
        return self._behind[0]

    @property
    def _shift(self) -> Any:
        return self._behind[1]

    @_made_once
    def positive_x(self) -> Any:
        """What it reads, where that is above zero."""
        return positive(self.x) if self.has_negative_x else self.x

    @_made_once
    def negative_x(self) -> Any:
        """What it reads, where that is below zero."""
        return negative(self.x)

    def filled(self, value: Any) -> Any:
        """An input of it that is the same number everywhere, or one for each channel.

        Args:
            value: the number, or one for each channel.

        Raises:
            RuleError: there are not as many channels.
        """
        if isinstance(value, float):
            return mx.nd.full(self.x.shape, value, self.x.context, self.x.dtype)
        if len(value) != self.x.shape[1]:
            raise RuleError(
                f"{len(value)} numbers for the {self.x.shape[1]} channels that {self.node.name!r} "
                "reads"
            )
        each = mx.nd.array(value, self.x.context, self.x.dtype)
        return mx.nd.broadcast_like(_along(each, 1, self.x.ndim), self.x)

    def run(self, x: Any, weight: Any) -> Ran:
        """The layer without a bias, on another input and with another weight.

        Args:
            x: shaped like what it reads.
            weight: shaped like its weight.
        """
        others = self._step.inputs[1:]
        return self._step.run(inputs=[x, *others], parameters=[weight], attrs={"no_bias": True})

    def vjp(self, shares: Any) -> Any:
        """From shares of its output to its input, by its own weight.

        Args:
            shares: shaped like what it gives.
        """
        if self._norm is not None:
            shares = mx.nd.broadcast_mul(shares, _along(self._scale, self._axis, shares.ndim))
        (back,) = self._step.run().vjp([shares], [0])
        if self._front is None:
            return back
        scale, _ = _statistics(self._step, self._front)
        return mx.nd.broadcast_mul(back, self._of_inputs(scale))

    def plus(self, z: Any, bias: Any | None) -> Any:
        """An output and a bias.

        Args:
            z: shaped like what it gives.
            bias: a number for each channel, or an array like z; None for none.
        """
        if bias is None:
            return z
        is_whole = bias.ndim == z.ndim
        return mx.nd.broadcast_add(z, bias if is_whole else _along(bias, self._axis, z.ndim))

    @property
    def _axis(self) -> int:
        """Where the channels of the output are."""
        is_dense = self.node.operator.kind is Kind.DENSE
        return self.arriving.ndim - 1 if is_dense else 1

    def account(self, shares: Shares, bias: Any | None) -> None:
        """Take down what the bias and the stabiliser take, if anybody keeps the accounts.

        Args:
            shares: of what is shared out.
            bias: what of the sum comes from no input; None for nothing.
        """
        told = self._step.told
        if told is None:
            return
        shares.tell(told)
        if bias is not None:
            is_whole = bias.ndim == shares.values.ndim
            told("bias", shares.values, bias, along=None if is_whole else self._axis)


def _statistics(step: Step, norm: Node) -> tuple[Any, Any]:
    """Scale and shift of a normalisation, (C,) each."""
    gamma, beta, mean, variance = (step.value(entry) for entry in norm.inputs[1:5])
    scale = gamma / (variance + norm.number("eps", 1e-3)).sqrt()
    return scale, beta - mean * scale


def _along(values: Any, axis: int, rank: int) -> Any:
    """(C,) along an axis of so many."""
    return values.reshape([-1 if place == axis else 1 for place in range(rank)])
