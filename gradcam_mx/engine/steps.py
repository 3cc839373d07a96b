"""One step of a backward pass: a node that ran, and what a rule may do with what arrives there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, NamedTuple, Optional, Protocol, Sequence

import numpy as np

from .._mxnet import mx
from ..errors import RuleError
from ..graph.node import Entry, Node

Arrays = Sequence[Any]
Attributes = Mapping[str, Any]


class Recorded:
    """Operators that ran, and can be gone through backward any number of times.

    Args:
        run: the operators, from marked arrays to outputs.
        inputs: the values to run them on; they are not marked.
        train_mode: whether they run as in training (the frozen train mode of a graph).
        plain_layout: whether MXNet's backward pass needs gradients in the plain memory layout.
    """

    def __init__(
        self,
        run: Callable[[list[Any]], list[Any]],
        inputs: Arrays,
        train_mode: bool = True,
        plain_layout: bool = False,
    ) -> None:
        self.inputs = [value.detach() for value in inputs]
        # autograd.grad wants marked variables and never writes to the buffer that marks them
        mx.autograd.mark_variables(
            self.inputs, [mx.nd.empty((1,), ctx=value.context) for value in self.inputs]
        )
        with mx.autograd.record(train_mode=train_mode):
            self._recorded = run(self.inputs)
        self.outputs = [output.detach() for output in self._recorded]
        self._train_mode, self._plain_layout = train_mode, plain_layout

    def vjp(self, arriving: Arrays, wanted: Sequence[int]) -> list[Any]:
        """The vector-Jacobian product: from gradients at the outputs to gradients at the inputs.

        Args:
            arriving: an array for each output, or None where nothing arrives.
            wanted: the inputs to go to, by number.
        """
        heads = [
            mx.nd.zeros_like(output) if head is None else head
            for head, output in zip(arriving, self._recorded)
        ]
        if self._plain_layout:
            heads = [mx.nd.slice_axis(head, axis=0, begin=0, end=None) for head in heads]
        if not wanted:
            return []
        return mx.autograd.grad(
            self._recorded,
            [self.inputs[number] for number in wanted],
            heads,
            retain_graph=True,
            train_mode=self._train_mode,
        )


class Ran:
    """A node that ran, as it is or changed.

    Args:
        recorded: the run.
        inputs: the values that the node read in the places of a step's `inputs`.
        numbers: for each of them, which of the recorded inputs it is; None where the operator has
            no derivative.
    """

    def __init__(self, recorded: Recorded, inputs: Arrays, numbers: Sequence[int | None]) -> None:
        self._recorded, self._inputs, self._numbers = recorded, inputs, numbers
        self.outputs = recorded.outputs
        """What the node gave: an array for each of the step's `outputs`."""

    def vjp(self, arriving: Arrays, only: Sequence[int] | None = None) -> list[Any]:
        """MXNet's own vector-Jacobian product: what arrives at each of the step's `inputs`.

        Args:
            arriving: what arrives at each of `outputs`.
            only: the places among `inputs` to give it for; all by default.
        """
        places = range(len(self._numbers)) if only is None else only
        numbers = [self._numbers[place] for place in places]
        found = iter(self._recorded.vjp(arriving, [one for one in numbers if one is not None]))
        return [
            mx.nd.zeros_like(self._inputs[place]) if number is None else next(found)
            for place, number in zip(places, numbers)
        ]


Runs = Callable[[Optional[Arrays], Optional[Arrays], Attributes], Ran]
"""Runs a node on other inputs and parameters (None: its own), with some attributes changed."""


class Told(Protocol):
    """What takes down where relevance is lost at a node."""

    def __call__(
        self,
        what: str,
        values: Any,
        others: Any = None,
        *,
        along: int | None = None,
        factor: float = 1.0,
        slot: int | None = None,
    ) -> None:
        """Take down Σ values, or Σ values ⊙ others, times a factor.

        Args:
            what: takes it away: "bias" or "stabiliser".
            values: shaped like an output of the node.
            others: like them; with `along`, (C,) along that axis.
            along: the axis of the channels.
            factor: of the sum.
            slot: the input of the node that the values are shaped like, if it is not an output.
        """


class Reference(NamedTuple):
    """What a node read and gave in another run, which this one is compared with."""

    inputs: Arrays
    """For `Step.inputs`."""
    outputs: Arrays
    """For `Step.outputs`."""
    value: Callable[[Entry], Any]
    """For `Step.value`."""


def _unknown(entry: Entry) -> Any:
    """A value of a graph, which a node outside of one does not know.

    Args:
        entry: the value.
    """
    raise RuleError("only the nodes of a traced graph know the values of others")


@dataclass(frozen=True)
class Step:
    """A node in a backward pass, as a rule finds it. The arrays are not to be written to."""

    node: Node
    """The node: its `op`, `name`, attributes."""
    inputs: Arrays
    """The values that depend on the net's input, one for each place where the node reads one."""
    parameters: Arrays
    """The other values that the node reads, in the operator's order: weight, bias …"""
    outputs: Arrays
    """What the node gave; of several outputs, those that are read."""
    arriving: Arrays
    """What arrives there: an array for each of `outputs`."""
    runs: Runs
    """Runs the node; see `run`."""
    slots: Sequence[int] = ()
    """Which of the node's inputs each of `inputs` is."""
    value: Callable[[Entry], Any] = _unknown
    """Gives any value of the graph that does not depend on its input, or that the run kept."""
    reference: Reference | None = None
    """Of a backward pass that compares two runs: the values of the other."""
    told: Told | None = None
    """Takes down where relevance is lost, if anybody keeps the accounts."""
    made: dict[Any, Any] = field(default_factory=dict)
    """What a rule made of the node's values, not of what arrives, and may find again: other walks
    over the same run may share it."""

    def run(
        self,
        *,
        inputs: Arrays | None = None,
        parameters: Arrays | None = None,
        attrs: Attributes | None = None,
    ) -> Ran:
        """Run the node again, changed: its `.outputs` and, by `.vjp(arriving)`, its derivative.

        Args:
            inputs: other values for `inputs`.
            parameters: other values for `parameters`; the last ones may be left out where the
                operator does without them (`attrs={"no_bias": True}`).
            attrs: attributes that are to be other ones, such as `{"pool_type": "avg"}`.
        """
        _check_count("inputs", inputs, len(self.inputs), len(self.inputs))
        _check_count("parameters", parameters, 0, len(self.parameters))
        return self.runs(inputs, parameters, attrs or {})

    def vjp(
        self,
        arriving: Arrays | None = None,
        *,
        inputs: Arrays | None = None,
        parameters: Arrays | None = None,
        attrs: Attributes | None = None,
    ) -> list[Any]:
        """MXNet's own vector-Jacobian product of the node, or of the node changed (see `run`).

        Args:
            arriving: what arrives at the outputs; by default `self.arriving`.
            inputs: other values for `inputs`, as in `run`.
            parameters: other values for `parameters`.
            attrs: attributes that are to be other ones.

        Returns:
            what arrives at each of `inputs`.
        """
        ran = self.run(inputs=inputs, parameters=parameters, attrs=attrs)
        return ran.vjp(self.arriving if arriving is None else arriving)


Instead = Callable[[Step], Sequence[Optional[Any]]]
Arriving = Callable[..., Any]


@dataclass(frozen=True)
class Backward:
    """What happens at a node in place of the chain rule: one of the two, or one after the other.

    Raises:
        RuleError: it is neither.
    """

    arriving: Arriving | None = None
    """`arriving(gradient, out=None)`: what arrives at an output, changed; the node's own derivative
    follows. Where `out` is given, the gradient's memory may be used for the result. This is the
    quick way: the node runs together with those before it."""
    instead: Instead | None = None
    """`instead(step)`: from what arrived to what arrives at each of `step.inputs`, or None for
    nothing, in place of the node's derivative."""
    of_activation: bool = False
    """Whether `instead` is for an activation as a whole: where that is written out in several
    operators, of which the node is the last, the step's one input is the value that it is a
    function of."""

    def __post_init__(self) -> None:
        if self.arriving is None and self.instead is None:
            raise RuleError("a Backward changes what arrives, or stands instead of the derivative")

    def arrived(self, gradients: Arrays, may_write: bool = False) -> list[Any]:
        """What arrives, as this changes it.

        Args:
            gradients: what arrives, an array for each output.
            may_write: whether the arrays may be written to.
        """
        if self.arriving is None:
            return list(gradients)
        changed = [self.arriving(one, out=one if may_write else None) for one in gradients]
        for before, after in zip(gradients, changed):
            _check_like(after, before)
        return changed

    def passed_on(self, step: Step) -> list[Any]:
        """From what arrived at a node's outputs, as changed, to what arrives at its inputs; None
        where nothing does.

        Args:
            step: the node, with what arrived as changed.

        Raises:
            RuleError: `instead` gives other than an array for each input, of its shape.
        """
        if self.instead is None:
            return step.vjp()
        found = self.instead(step)
        if not isinstance(found, (list, tuple)) or len(found) != len(step.inputs):
            many = isinstance(found, (list, tuple))
            raise RuleError(
                f"a backward function gives a list with an array for each of the "
                f"{len(step.inputs)} inputs of {step.node.op} {step.node.name!r}; it gave "
                + (f"{len(found)}" if many else f"a {type(found).__name__}")
            )
        for one, value in zip(found, step.inputs):
            if one is not None:
                _check_like(one, value)
        return list(found)


def _check_like(found: Any, value: Any) -> None:
    is_array = isinstance(found, mx.nd.NDArray)
    if is_array and found.shape == value.shape and found.dtype == value.dtype:
        return
    expected = value.shape, np.dtype(value.dtype).name
    given = (found.shape, np.dtype(found.dtype).name) if is_array else type(found).__name__
    raise RuleError(
        "a backward function gives an NDArray like the value that it belongs to, "
        f"{expected}; it gave {given}"
    )


def _check_count(what: str, given: Arrays | None, least: int, most: int) -> None:
    if given is not None and not least <= len(given) <= most:
        raise RuleError(f"the step has {most} {what}; got {len(given)} to run it with")
