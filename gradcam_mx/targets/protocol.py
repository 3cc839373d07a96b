"""The protocol of targets: what one reads, whether it has a derivative, the scalars it makes."""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, NamedTuple, Sequence

import numpy as np

from .._mxnet import mx
from ..graph.outputs import LayerOutputs, Link, OutputChoice, link_or_default
from .checks import holds_name


class Known(NamedTuple):
    """What is known of the values that targets read."""

    links: tuple[Link | None, ...]
    """For each value how it becomes probabilities, if that is known."""
    channel_axes: tuple[int, ...]
    """Where each keeps its channels."""
    sample_axes: tuple[int | None, ...]
    """Which axis of each holds the samples; None if none does."""
    rows: np.ndarray
    """(R,) the number of the sample that each row of the net's input is of."""
    input_shape: tuple[int, ...] = ()
    """Of the input that the samples are those of, where that is known."""
    probability: bool = False
    """Whether the probabilities are explained rather than the values."""

    @classmethod
    def nothing(cls, values: Sequence[Any]) -> Known:
        """Of values that nothing is known of."""
        count = len(values)
        return cls((None,) * count, (1,) * count, (0,) * count, np.arange(len(values[0])))

    @property
    def samples(self) -> int:
        """How many scalars are made of the values: one for each row of the net's input."""
        return len(self.rows)

    def at(self, places: Sequence[int]) -> Known:
        """The same of some of the values."""
        return self._replace(
            links=tuple(self.links[place] for place in places),
            channel_axes=tuple(self.channel_axes[place] for place in places),
            sample_axes=tuple(self.sample_axes[place] for place in places),
        )


class Scalars(NamedTuple):
    """A target made concrete for the values of one run."""

    function: Callable[..., Any]
    """From the values, once the links are applied, to the scalars (N,)."""
    links: Sequence[Link | None]
    channel_axes: Sequence[int]
    name: str | list[int]
    """The class ids, or the name of what else is explained."""
    of_variants: Callable[[], Any]
    """Gives the target as it means the same in values for variants of the input, once these values
    are known to be in order; see `BaseTarget.of_variants`."""
    class_ids: list[int] | None = None
    """Of class scores: the classes."""

    def of(self, values: Sequence[Any]) -> Any:
        """The scalars, by operators that autograd records; layers have their channels at axis 1."""
        seen = []
        for value, link, axis in zip(values, self.links, self.channel_axes):
            if axis != 1 and len(value.shape) > 2:
                order = list(range(len(value.shape)))
                order.insert(1, order.pop(axis))
                value = mx.nd.transpose(value, axes=order)
            seen.append(link(value) if link else value)
        return self.function(*seen)


class BaseTarget:
    """A target: called with what it reads, NDArrays (N, ...), it gives the scalars (N,)."""

    takes: int | None = 1
    """How many values it is called with; None for any number."""
    needs_samples: bool = True
    """Whether it takes no other values than those with the samples at axis 0."""
    takes_rows: bool = False
    """Whether it makes scalars of values for any rows of samples (`Known.rows`) in one go."""
    class_fields: tuple[str, ...] = ()
    """Which of its fields hold class ids, or names of classes that stand for them."""
    classes_are_scored: bool = True
    """Whether what it reads has a score for each class, so that it tells how many there are."""

    @property
    def reads(self) -> OutputChoice:
        """The outputs or layers that it is a function of; None for the first output."""
        return None

    @property
    def differentiable(self) -> bool:
        """Whether autograd can differentiate the scalars by what it reads."""
        return True

    @property
    def name(self) -> str:
        """What an explanation calls it: the class, with what was given other than by default."""
        fields = [one for one in dataclasses.fields(self) if one.metadata.get("is_named", True)]  # type: ignore[arg-type]
        given = {one.name: repr(getattr(self, one.name)) for one in fields}
        # an embedding or a mask would fill pages
        shown = [
            f"{one.name}={given[one.name] if len(given[one.name]) <= 60 else '…'}"
            for one in fields
            if given[one.name] != repr(one.default)
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def of_variants(self, *values: Any) -> Any:
        """The target as it means the same in values for variants of the input: a target for all
        samples, or a list with one for each.

        Args:
            values: what it reads, for the input itself.
        """
        return self

    def with_ids(self, find: Callable[[Any], Any]) -> BaseTarget:
        """The target with the numbers of classes in the place of their names.

        Args:
            find: gives the number of a name, or those of a sequence; numbers stay what they are.
        """
        given = {name: getattr(self, name) for name in self.class_fields}
        named = {name: find(ids) for name, ids in given.items() if holds_name(ids)}
        return dataclasses.replace(self, **named) if named else self  # type: ignore[type-var]

    def scalars(self, values: Sequence[Any], known: Known) -> Scalars:
        """The target for the values of one run.

        Args:
            values: what it reads.
            known: what is known of these.
        """
        links = [
            link_or_default(link, value.shape) if known.probability else None
            for link, value in zip(known.links, values)
        ]
        return Scalars(
            self, links, known.channel_axes, self.name, lambda: self.of_variants(*values)
        )

    def of_rows(
        self, values: Sequence[Any], known: Known, samples: np.ndarray
    ) -> np.ndarray | None:
        """(R,) the scalars of R rows of variants at once; None if it is to be called otherwise.

        Args:
            values: what it reads, R rows of each.
            known: what is known of these.
            samples: (R,) the number of the sample that each row is a variant of.
        """
        return None


def each_read(choice: OutputChoice) -> tuple[Any, ...]:
    """The outputs and layers of a choice, one by one; the first output in the place of None."""
    if choice is None:
        return (0,)
    if isinstance(choice, LayerOutputs):
        return tuple(LayerOutputs((layer,)) for layer in choice.layers)
    if isinstance(choice, (list, tuple)):
        return tuple(one for several in choice for one in each_read(several))
    return (choice,)
