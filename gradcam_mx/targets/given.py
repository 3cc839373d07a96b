"""From what a call is given to targets of the protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Sequence, Union

import numpy as np

from .._mxnet import mx
from ..errors import TargetError
from ..graph.outputs import LayerOutputs, Output, OutputChoice
from ..support.arrays import is_whole
from .checks import each, is_array
from .classes import Classes
from .protocol import BaseTarget, each_read
from .several import OneForEach, Several, SeveralTargets, Top
from .values import Direction

Target = Union[None, int, str, Sequence[Any], np.ndarray, "mx.nd.NDArray", Callable[..., Any]]
"""None (each sample's top class), a class id or the name of a class, an array shaped like the
output (its dot product with the output is explained), a ready-made target or another function from
output to one scalar a sample; or a sequence with one of these for each sample.

Of a net that ends in a softmax or sigmoid they see the scores before it; with output="probability"
what comes after it."""


Targets = Union[Target, Several, Top]
"""What a call explains: a target, or several of them."""


@dataclass(frozen=True)
class Function(BaseTarget):
    """A function of the user's own; it may have the `reads`, `differentiable` and `of_variants`
    of a target."""

    function: Callable[..., Any]

    takes = None
    needs_samples = False

    @property
    def reads(self) -> OutputChoice:
        return getattr(self.function, "reads", None)

    @property
    def differentiable(self) -> bool:
        return getattr(self.function, "differentiable", True)

    @property
    def name(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)

    def __call__(self, *values: Any) -> Any:
        if mx.util.is_np_array():
            values = tuple(one.as_np_ndarray() for one in values)
        return self.function(*values)

    def of_variants(self, *values: Any) -> Any:
        own = getattr(self.function, "of_variants", None)
        return self.function if own is None else own(*values)


def target_of(given: Target) -> BaseTarget:
    """The target that is meant by what a call was given.

    Raises:
        TargetError: it is nothing that can be explained.
    """
    if isinstance(given, BaseTarget):
        return given
    if _is_one_for_each(given):
        return OneForEach([target_of(one) for one in given])  # type: ignore[union-attr]
    if is_array(given) and np.dtype(given.dtype).kind == "f":  # type: ignore[union-attr]
        return Direction(given)
    if given is None or is_whole(given) or isinstance(given, (str, list, tuple)) or is_array(given):
        return Classes(given)
    if callable(given):
        return Function(given)
    raise TargetError(
        "a target is None, a class id, a sequence of ids, the name of a class, an array or a "
        f"function; got {given!r}"
    )


def _is_one_for_each(given: Target) -> bool:
    """Whether it is a sequence with one target of any kind for each sample."""
    return (
        isinstance(given, (list, tuple))
        and not all(map(_is_class, given))
        and all(one is None or _is_class(one) or is_array(one) or callable(one) for one in given)
    )


def _is_class(given: Any) -> bool:
    return is_whole(given) or isinstance(given, str)


def gives_list(given: Targets) -> bool:
    """Whether a call with this target gives a list, with an explanation for each of several."""
    return isinstance(given, SeveralTargets)


def reads_several(given: Target) -> bool:
    """Whether a target is a function of more than one output."""
    return len(each_read(target_of(given).reads)) > 1


def class_ids(given: Targets, samples: int) -> list[int] | None:
    """The class ids, one a sample, that a target names and nothing else; None of another target."""
    is_named = is_whole(given) or (isinstance(given, (list, tuple)) and all(map(is_whole, given)))
    return each(given, samples) if is_named else None


class Asked:
    """The targets of a call, and which outputs or layers each of them reads.

    Raises:
        TargetError: a target is of a layer, and `output` says otherwise; one is no target.
    """

    def __init__(self, given: Targets, output: OutputChoice = None) -> None:
        self.given, self._output = given, output
        self._named = list(given.named) if isinstance(given, SeveralTargets) else [given]
        self.choices = [_choice(target_of(one).reads, output) for one in self._named]
        """What each target reads; None for the first output, which nobody chose."""
        read = [each_read(choice) for choice in self.choices]
        self.is_mixed = any(one != read[0] for one in read)
        """Whether some of them read different outputs."""
        distinct: list[Any] = []
        for one in sum(read, ()):
            if one not in distinct:
                distinct.append(one)
        self.reads = distinct if self.is_mixed else self.choices[0]
        """What all of them together read."""
        self.places = [
            tuple(distinct.index(one) for one in refs) if self.is_mixed else tuple(range(len(refs)))
            for refs in read
        ]
        """For each target, which of the values of `reads` it reads."""

    @property
    def takes_first_output(self) -> bool:
        """Whether the first output is explained because nothing else was said."""
        return any(choice is None for choice in self.choices)

    def with_ids(self, ids_of: Callable[[BaseTarget, Sequence[int]], BaseTarget]) -> Asked:
        """The same targets, with the numbers of classes in the place of their names.

        Args:
            ids_of: from a target and the places of what it reads to the target with numbers.
        """
        found = [target_of(one) for one in self._named]
        named = [ids_of(one, places) for one, places in zip(found, self.places)]
        if all(one is other for one, other in zip(found, named)):
            return self
        is_several = isinstance(self.given, SeveralTargets)
        return Asked(Several(named) if is_several else named[0], self._output)

    def check(self, outputs: Sequence[Output]) -> None:
        """Refuse a target that is of the first output only because nothing else was said, where
        another target reads that output for what it is.

        Raises:
            TargetError: there is such a target, as a class id beside a `Detection`.
        """
        names = [{outputs[place].name for place in places} for places in self.places]
        for one, choice, own in zip(self._named, self.choices, names):
            if choice is not None:
                continue
            for other, theirs in zip(self._named, names):
                if len(theirs) > 1 and own <= theirs:
                    raise TargetError(
                        f"{target_of(one).name!r} does not say which output it is of, and the "
                        f"first, {min(own)!r}, is one of those that {target_of(other).name} reads; "
                        "explain it in a call of its own, with output="
                    )

    @property
    def needs_samples(self) -> bool:
        """Whether the targets themselves are found in an output that has the samples at axis 0."""
        return isinstance(self.given, SeveralTargets) and self.given.needs_samples

    def of(self, values: Sequence[Any]) -> list[tuple[BaseTarget, tuple[int, ...]]]:
        """Each target, for the values of `reads`, and which of these it reads."""
        if not isinstance(self.given, SeveralTargets):
            return [(target_of(self.given), self.places[0])]
        targets = [target_of(one) for one in self.given.of(values[0])]
        places = self.places if len(self.places) == len(targets) else self.places * len(targets)
        return list(zip(targets, places))

    def parts(self) -> list[tuple[list[int], Several, OutputChoice]]:
        """Targets that read the same outputs, together: their numbers, they, and what they read."""
        parts: list[tuple[list[int], tuple[int, ...]]] = []
        for number, places in enumerate(self.places):
            same = next((numbers for numbers, others in parts if others == places), None)
            if same is None:
                parts.append(([number], places))
            else:
                same.append(number)
        return [
            (numbers, Several([self._named[one] for one in numbers]), self._chosen(numbers[0]))
            for numbers, _ in parts
        ]

    def _chosen(self, number: int) -> OutputChoice:
        choice = self.choices[number]
        return 0 if choice is None else choice


def _choice(reads: OutputChoice, output: OutputChoice) -> OutputChoice:
    """The outputs that a target is explained of: those that were asked for, or its own."""
    own = each_read(reads)
    layers = [one for one in own if isinstance(one, LayerOutputs)]
    if layers and output is not None and each_read(output) != own:
        raise TargetError(
            "a target of a layer, such as a Unit or Channel, is explained of that layer's output; "
            f"got one of {layers[0].layers[0]!r} together with output={output!r}"
        )
    return reads if output is None else output
