"""A run of a black box: a net that can be called, and of which nothing else is known."""

from __future__ import annotations

import warnings
from typing import Any, Mapping, NoReturn, Sequence

import numpy as np

from .._mxnet import mx
from ..errors import LayerError, NetworkError, TargetError
from ..graph.layers import Map
from ..graph.node import Entry
from ..graph.outputs import GIVEN, Output, choose, holds_classes
from ..graph.sealed import Sealed
from ..support.arrays import numbers_of
from ..support.callers import caller_level
from . import inputs, rows
from .check import Proof
from .differences import agree
from .kept import Looks, QuickSizes
from .rules import Rule
from .wanted import Together, Wanted

_OF_ONE = 1e-3
"""So far from one is the sum of probabilities that were rounded, as servers do it."""
_WITHIN = 64
"""The values inside of a net fill about so many times the memory of its input: 40 to 180 times in
the networks of MXNet's model zoo, of which a session keeps a few at a time."""


class Called:
    """One run of a black box; see `recording.Recording`. It has no layers and no gradients.

    Args:
        graph: of the black box.
        x: its input.
        wanted: what is explained.

    Raises:
        NetworkError: a layer or a gradient is wanted, or it gives no row of numbers for each
            sample.
        InputError: it does not take such an input.
    """

    maps: Sequence[Map] = ()

    def __init__(self, graph: Sealed, x: inputs.Input, wanted: Wanted) -> None:
        if wanted.rules:
            graph.refuse("gradients")
        if wanted.layers:
            graph.refuse("layers")
        self._graph, self._box, self._wanted = graph, graph.box, wanted
        self._arrays = _prepared(graph, x)
        self.input = self._map_of(graph.input(wanted.input))
        self._place = graph.inputs.index(self.input.point)
        for refuse in wanted.checks:
            refuse(self._arrays[self._place].shape)
        self.output_names = graph.output_names
        self._context = inputs.place_of(inputs.as_tuple(x), [])
        self._samples = len(self._arrays[self._place])
        self._scores = self._run(self._arrays)
        graph.known(self._arrays, self._scores)
        outputs = [self._known(one) for one in graph.outputs]
        self.outputs = choose(outputs, wanted.output, _no_layer)
        self.also = [one for choice in wanted.also for one in choose(outputs, choice, _no_layer)]
        for one in self.outputs:
            _check_quantity(one.name, self._scores[one.name], self._box.said)
        self._values = {point: self._placed(one) for point, one in zip(graph.inputs, self._arrays)}
        self.one_at_a_time = False
        """See `Traced.one_at_a_time`."""
        self.proof = self._asked_again()

    def _known(self, output: Output) -> Output:
        """An output, knowing whether it gives probabilities, and where its channels are: as far as
        a softmax or the layout tells."""
        value = self._scores[output.name]
        rank = value.ndim
        if output.link is None and _are_probabilities(value):
            return output._replace(link=GIVEN)
        if rank < 3:
            return output
        if output.link is not None and output.link.axis is not None:
            return output._replace(channel_axis=output.link.axis)
        return output._replace(channel_axis=1 if self._box.layout == "NCHW" else rank - 1)

    def _map_of(self, entry: Entry) -> Map:
        return Map(entry, self._graph.nodes[entry[0]].name, 1)

    def _run(self, arrays: Sequence[np.ndarray]) -> Mapping[str, np.ndarray]:
        with self._graph.lock, mx.autograd.pause(train_mode=False):
            return self._box.scores(*arrays)

    def _asked_again(self) -> Proof:
        """Whether it gives the same numbers for the same input: the first sample, asked twice."""
        arrays = self._taken(self._arrays, np.zeros(1, int))
        try:
            first = self._run(arrays) if self._samples > 1 else self._scores
        except NetworkError:  # it takes this number of samples alone
            arrays, first = self._arrays, self._scores
        again = self._run(arrays)
        # half precision may be inside, and shows no more of itself than that
        if agree([*first.values()], [*again.values()], "float32"):
            return Proof(f"{self._box.said}, asked again,")
        said = (
            f"{self._box.said} gives other numbers for the same input when it is asked again: it "
            "draws random numbers, or changes; each call explains another of its answers"
        )
        warnings.warn(said, stacklevel=caller_level())
        return Proof("", said)

    # -- samples -----------------------------------------------------------------------------------

    @property
    def samples(self) -> int:
        """How many samples the explained input holds."""
        return self._samples

    @property
    def sample_axes(self) -> tuple[int | None, ...]:
        """See `Traced.sample_axes`; an output with another axis 0 was refused."""
        return (0,) * len(self.outputs)

    def rows_of(self, where: Map) -> np.ndarray:
        """See `Traced.rows_of`."""
        return np.arange(self._samples)

    def together(self, where: Map) -> Together:
        """See `Traced.together`; it is found by calling it, once for inputs of such shapes."""
        if self.one_at_a_time or not self.proof.by:
            return Together.ALONE if self.one_at_a_time else Together.ANY
        shapes = tuple(tuple(one.shape) for one in self._arrays)
        points = tuple(one.point for one in self.outputs)
        key = where.point, points, shapes, str(self._context), Called.__name__
        return self._graph.cache(Looks).get(key, lambda: self._looked(where))

    def _looked(self, where: Map) -> Together:
        try:
            return Together.ALONE if self._touch(where, False) else Together.ANY
        except NetworkError:  # it takes this number of samples alone
            return Together.ALONE if self._touch(where, True) else Together.BATCHES

    def _touch(self, where: Map, is_fixed: bool) -> bool:
        """Whether what a sample gives changes with what runs beside it."""
        value, axes = self.value(where.point), [[0]] * len(self.outputs)
        found = self.values(), axes, self._samples, "float32", is_fixed
        return rows.touch(rows.Behind(where.name, value, self.behind(where), *found))

    # -- a recording -------------------------------------------------------------------------------

    def values(self, outputs: Sequence[Output] | None = None) -> list[Any]:
        """The value of each of the explained outputs, or of others; see `Traced.values`."""
        chosen = self.outputs if outputs is None else outputs
        return [self._placed(self._scores[one.name]) for one in chosen]

    def value(self, point: Entry) -> Any:
        """The value of an input."""
        return self._values[point]

    def at(self, where: Map, value: Any, repeats: int, points: Sequence[Map]) -> Called:
        """A run with another value of an input; see `Traced.at`."""
        arrays = self._taken(self._arrays, np.tile(np.arange(self._samples), repeats))
        arrays[self._place] = value.asnumpy()
        return Called(self._graph, tuple(arrays), self._wanted._replace(checks=(), also=()))

    def behind(self, where: Map) -> Any:
        """What calls it with many other values of the input; see `Traced.behind`."""

        def forward(given: Any, samples: np.ndarray) -> list[Any]:
            arrays = self._taken(self._arrays, samples)
            arrays[self._place] = given.asnumpy()
            found = self._run(arrays)
            return [self._placed(found[one.name]) for one in self.outputs]

        return forward

    def input_of(self, where: Map | None) -> Map:
        """The input that a map is of."""
        return self.input

    def centres(self, where: Map) -> None:
        """There are no maps of layers."""
        return

    def origin(self) -> str:
        """Where the first NaN or infinity is: nobody knows, as nobody sees inside."""
        return ""

    def memory(self) -> int:
        """How many bytes the values of one sample fill inside, as nets of this size of input do."""
        return _WITHIN * sum(one.nbytes for one in self._arrays) // self._samples

    @property
    def quick_sizes(self) -> dict[Any, Any]:
        """See `Traced.quick_sizes`."""
        return self._graph.cache(QuickSizes)

    # -- what is not to be had ---------------------------------------------------------------------

    def pooled(self) -> NoReturn:
        """Refused, as all that follows."""
        self._graph.refuse("layers")

    def backward(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        self._graph.refuse("gradients")

    def check_zeros(self, *_: Any) -> NoReturn:
        """Refused."""
        self._graph.refuse("gradients")

    def report(self, rule: Rule) -> NoReturn:
        """Refused."""
        self._graph.refuse("gradients")

    # -- arrays ------------------------------------------------------------------------------------

    def _placed(self, numbers: np.ndarray) -> Any:
        dtype = "float64" if numbers.dtype == np.float64 else "float32"
        return mx.nd.array(numbers, ctx=self._context, dtype=dtype)

    def _taken(self, arrays: Sequence[np.ndarray], samples: np.ndarray) -> list[np.ndarray]:
        return [one[samples] if len(one) == self._samples else one for one in arrays]


def _prepared(graph: Sealed, x: inputs.Input) -> list[np.ndarray]:
    """The arrays that it is called with.

    Raises:
        InputError: they are no input of it.
    """
    arrays = inputs.as_tuple(x)
    for array in arrays:
        inputs.check(array)
    found = [
        numbers.astype("float64" if numbers.dtype == np.float64 else "float32", copy=False)
        for numbers in map(numbers_of, arrays)
    ]
    graph.box.check(found)
    graph.box.check_numbers(found)
    return found


def _are_probabilities(value: np.ndarray) -> bool:
    """Whether an output holds the probabilities of classes: of each sample they add up to one."""
    if not holds_classes(value.shape) or value.shape[1] < 2 or value.min() < 0:
        return False
    sums = value.reshape(value.shape[:2]).sum(axis=1, dtype=np.float64)
    return bool(np.all(abs(sums - 1) <= _OF_ONE))


def _no_layer(layer: Any) -> NoReturn:
    raise LayerError(
        f"there is no layer {layer!r} that is known: nothing is known of a black box but its "
        "outputs"
    )


def _check_quantity(name: str, value: np.ndarray, said: str) -> None:
    """Refuse whole numbers, one for each sample: they name classes, and measure nothing."""
    if value.dtype.kind in "iub" and value[0].size == 1:
        raise TargetError(
            f"{said} gives whole numbers of shape {value.shape} as {name!r}, one for each sample: "
            "if they are class ids, nothing is more or less of them; let it give the scores of all "
            "classes, or choose another output. If they are counts, let it give them as floats"
        )
