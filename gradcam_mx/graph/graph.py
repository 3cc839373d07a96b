"""The graph of a net: its structure, its parameters, and pieces of it compiled to run.

The graph is *frozen*: batch normalisation uses its running statistics and dropout is gone, also in
train mode. Train mode it must be: the max pooling of MXNet 1.9.1 leaves its backward workspace
unwritten in predict mode on CPU (measured: input gradients wrong by 100 % on every net that has
one), and its batch normalisation is wrong in predict mode on GPU (apache/mxnet#18209).
"""

from __future__ import annotations

import itertools
import math
import threading
import weakref
from typing import Any, Callable, Iterable, Mapping, Sequence

import numpy as np

from .._mxnet import mx
from ..errors import Advice, InputError, reason
from ..support.caches import Cache
from . import layers, shape_advice
from .convolutions import convolutions
from .kinds import Fault, Kind
from .loops import steps_of
from .node import Entry, Node, Shape, Shapes, TracedBlock
from .own import Own, no_block
from .parameters import IS_DOUBLE, Parameters, brought_to, in_double, is_double
from .piece import Piece, symbol_of
from .rewrite import rewrite
from .structure import Structure
from .subgraphs import fixed_gammas
from .twins import followed, paired, through, values_of
from .unfuse import unfused
from .unroll import unroll

SIZES_KEPT = 8
"""How many shapes of the input a graph remembers the shapes of all values for."""
PIECES_KEPT = 2048
"""How many compiled pieces a graph keeps: several runs of the deepest nets."""


class _Parts(Cache["tuple[Entry, ...]", "Graph"]):
    def __init__(self) -> None:
        super().__init__(SIZES_KEPT)


class Graph(Structure):
    """The frozen graph of a net; every function of the package takes it in the net's place.

    Get one from `gradcam_mx.trace(net)`. It reads the net's parameters afresh at each use; it holds
    neither the net nor copies of its parameters. One from `gradcam_mx.load` can be copied and
    pickled, with its parameters.
    """

    def __init__(
        self,
        description: Mapping[str, Any],
        output_names: Sequence[str],
        sources: Mapping[str, Any],
        input_names: Sequence[str] = (),
        blocks: Sequence[TracedBlock] = (),
        points: Sequence[Entry] = (),
        block: Callable[[], Any] = no_block,
    ) -> None:
        """
        Args:
            description: a Symbol's JSON as Python has it: the net's outputs and, after them, what
                each of the blocks returned.
            output_names: the names of the net's outputs.
            sources: name of a variable → the gluon Parameter, or the array, that it stands for;
                variables that are not in it are the net's inputs, or labels of its loss heads.
            input_names: the inputs in the order in which the net is called with them; by default
                all that there are, in the order in which the graph comes to them.
            blocks: those that the trace saw, without their outputs.
            points: the values that are explained, if they are not all that the outputs are.
            block: gives the Block that was traced; None if there is none any more.
        """
        self._made_of = description, output_names, sources, input_names, blocks, points
        every = Parameters(sources, is_double=is_double(description))
        count = len(description["heads"])
        rewritten = rewrite(unfused(followed(description)), every.dtype, len(output_names))
        self.twins = paired(rewritten["heads"][count:], values_of(description))
        """Its values → those of the net itself, before anything of it was rewritten."""
        rewritten["heads"] = rewritten["heads"][:count]
        super().__init__(rewritten, output_names, sources, input_names, blocks, points)
        fixed = list(fixed_gammas(rewritten["nodes"]))
        self.parameters = every.of(self.variables, fixed)
        self._before = {value: value for value in values_of(description)}
        self.own = Own(description, sources, self.input_names, block, fixed)
        """The net itself, which the graph is held against."""
        self.lock = threading.RLock()
        """Held while compiled pieces run: MXNet's are not made for several threads at a time."""
        self._pieces: Cache[tuple[tuple[Entry, ...], frozenset[Entry]], Piece] = Cache(PIECES_KEPT)
        self._shapes: Cache[tuple[Shape, ...], Shapes] = Cache(SIZES_KEPT)
        self._unrolled: Cache[tuple[tuple[int, int], ...], Graph | None] = Cache(SIZES_KEPT)
        self._plain: Cache[tuple[Shape, ...] | None, frozenset[int]] = Cache(SIZES_KEPT)

    def taking(self, count: int, points: Sequence[Entry] = ()) -> Graph:
        """The graph that takes so many inputs: this one, or what of it `points` are computed from.

        Args:
            count: how many arrays are given.
            points: the values that are explained; what the first output is by default.

        Raises:
            InputError: neither takes so many.
        """
        if count == len(self.input_names):
            return self
        points = tuple(dict.fromkeys(points or self.heads[:1]))
        part = self.cache(_Parts).get(points, lambda: Graph(*self._made_of[:5], points))
        if count == len(part.input_names):
            return part
        said = f"the net has {len(self.input_names)} inputs ({', '.join(self.input_names)})"
        if len(part.input_names) < len(self.input_names):
            said += f", and what is explained depends on {', '.join(part.input_names) or 'none'}"
        raise InputError(f"{said}, got {count}", advice=Advice.GIVE_ALL_INPUTS)

    def __reduce__(self) -> Any:
        # compiled pieces and locks are made anew where it is copied to
        return Graph, self._made_of

    def in_double(self) -> Graph:
        """The same graph in double precision, on copies of the parameters."""
        description, output_names, sources, input_names, blocks, points = self._made_of
        marked, doubled = {**description, IS_DOUBLE: True}, in_double(sources)
        return Graph(marked, output_names, doubled, input_names, blocks, points)

    def on(self, context: Any) -> Graph:
        """The same graph on another device, on copies of the parameters that are elsewhere.

        Args:
            context: the device, `mx.cpu(i)` or `mx.gpu(i)`.
        """
        description, output_names, sources, input_names, blocks, points = self._made_of
        placed = brought_to(sources, context)
        return Graph(description, output_names, placed, input_names, blocks, points)

    def with_numbers(self, numbers: Mapping[str, np.ndarray]) -> Graph:
        """The same graph with other numbers in some of its parameters, which are then its own.

        The others are those of this graph, in their memory.

        Args:
            numbers: name of a parameter → numbers of its shape.
        """
        description, output_names, sources, input_names, blocks, points = self._made_of
        context = self.parameters.contexts()[0]
        arrays = self.parameters.on(context)
        for name, one in numbers.items():
            arrays[name] = mx.nd.array(one, ctx=context, dtype=arrays[name].dtype)
        known = {**sources, **arrays}
        graph = Graph(description, output_names, known, input_names, blocks, points)
        # no Block has these numbers, but one may name the classes
        graph.own.named = self.own.named
        return graph

    @property
    def wants_plain(self) -> frozenset[int]:
        """The operators whose backward pass needs a gradient in the plain memory layout.

        They are local response normalisations, which are wrong else, and concatenations whose parts
        begin within oneDNN's blocks of 8 or 16 channels: there MXNet's backward pass raises or ends
        the process (measured, with parts of 8 + 8 channels). As long as no shape is known, all of
        them.
        """
        shapes = self._shapes.newest()
        known = None if shapes is None else shapes.of_inputs
        return self._plain.get(known, lambda: self._find_plain(shapes))

    def _find_plain(self, shapes: Shapes | None) -> frozenset[int]:
        return frozenset(
            node.index
            for node in self.live_nodes
            if Fault.BLOCKED_GRADIENT in node.operator.faults
            or (
                Fault.MISALIGNED_PARTS in node.operator.faults
                and (shapes is None or _is_misaligned(node, shapes))
            )
        )

    # -- running -----------------------------------------------------------------------------------

    def unrolled(self, *input_shapes: Shape) -> Graph:
        """The graph in which the steps of loops and the branches of conditions are nodes, for
        gradients and layers in there; this one if it has none, or all would become too large.

        Args:
            input_shapes: of each input: how many steps a loop has may depend on them.
        """
        if not self.loops:
            return self
        description, output_names, sources, _, blocks, points = self._made_of
        if points:  # they are numbered as in this graph
            return self
        steps = steps_of(self, description["nodes"], self.shapes(*input_shapes))

        def make() -> Graph | None:
            if not steps:
                return None
            found = unroll(followed(description), len(output_names), blocks, steps, sources)
            graph = Graph(found.description, output_names, sources, self.input_names, found.blocks)
            graph.lock, graph.own = self.lock, self.own
            graph._before = through(paired(found.others, values_of(description)), self._before)
            graph.twins = through(graph.twins, graph._before)
            return graph

        graph = self._unrolled.get(tuple(steps.items()), make)
        return self if graph is None else graph.unrolled(*input_shapes)

    def compile(self, outputs: Sequence[Entry], leaves: Iterable[Entry]) -> Piece:
        """The piece of the graph that computes `outputs` from `leaves` and parameters; kept.

        Args:
            outputs: the values to compute.
            leaves: the values that are given.
        """
        key = (tuple(outputs), frozenset(leaves))
        return self._pieces.get(key, lambda: Piece(*symbol_of(self, *key)))

    def compile_to_repeat(self, outputs: Sequence[Entry], leaves: Iterable[Entry]) -> Piece:
        """As `compile`, for many runs on inputs of one shape: it keeps its memory between them.

        That saves a tenth to a third of the time in batches of 8 and more (measured); the memory
        is given back with the operator, which the graph does not keep.

        Args:
            outputs: the values to compute.
            leaves: the values that are given.
        """
        return Piece(*symbol_of(self, tuple(outputs), frozenset(leaves)), keeps_memory=True)

    def forward(
        self,
        values: Sequence[Any],
        outputs: Sequence[Entry] = (),
        leaves: Sequence[Entry] = (),
        train_mode: bool = False,
    ) -> list[Any]:
        """The net's outputs (or others) for arrays at its inputs (or at other `leaves`).

        It runs as one compiled op and is not recorded.

        Args:
            values: an array for each of the leaves.
            outputs: the values to compute; the net's outputs by default.
            leaves: the values that are given; the net's inputs by default.
            train_mode: whether it runs as what is recorded does; the numbers should be the same.
        """
        leaves = leaves or self.inputs
        operator = self.compile(outputs or self.heads, leaves)
        with self.lock, mx.autograd.pause(train_mode=train_mode):
            return operator(dict(zip(leaves, values)), self.parameters.on(values[0].context))

    def finish_parameters(self, shapes: Mapping[Entry, Shape]) -> None:
        """Initialise the parameters that wait for their shapes, as a first forward pass would.

        Args:
            shapes: of every value, as `shapes` gives them.
        """
        if not self.parameters.wait:
            return
        self.parameters.finish(
            {
                self.nodes[entry[0]].name: shape
                for entry, shape in shapes.items()
                if self.nodes[entry[0]].is_variable
            }
        )

    # -- shapes and layers -------------------------------------------------------------------------

    def shapes(self, *input_shapes: Shape) -> Shapes:
        """The shape of every value, for inputs of the given shapes.

        Args:
            input_shapes: of each input, (N, C, H, W), or of those that the first output depends
                on; then the values are those that it is computed from.

        Raises:
            InputError: the net does not take inputs of these shapes.
        """
        part = self.taking(len(input_shapes))
        return part._shapes.get(input_shapes, lambda: part._infer(input_shapes))

    def known_shape(self, entry: Entry) -> Shape:
        """The shape of a value, for the inputs that shapes were last asked for.

        Args:
            entry: the value.
        """
        shapes = self._shapes.newest()
        assert shapes is not None, "a net runs on inputs whose shapes are known"
        return shapes[entry]

    def _infer(self, input_shapes: tuple[Shape, ...]) -> Shapes:
        live = {self.nodes[index].name for index, _ in self.inputs}
        entries = [
            (node.index, which)
            for node in self.live_nodes
            for which in self.outputs_read.get(node.index, [0])
        ]
        symbol, _ = symbol_of(self, entries, ())
        known = {name: shape for name, shape in zip(self.input_names, input_shapes) if name in live}
        try:
            # the public infer_shape prints to standard output when it fails
            _, shapes, _ = symbol._infer_shape_impl(True, **known, **self.parameters.shapes())
        except mx.MXNetError as error:
            raise InputError(self._shape_advice(input_shapes, error)) from error
        found = dict(zip(entries, shapes))
        self._check_reshaping(found, input_shapes)
        # weakly, or a graph that nobody uses any more would wait for the garbage collector
        again = weakref.WeakMethod(self._shapes_or_none)
        return Shapes(
            found,
            input_shapes,
            lambda others: again()(others),  # type: ignore[misc]
        )

    def _check_reshaping(
        self, shapes: Mapping[Entry, Shape], input_shapes: tuple[Shape, ...]
    ) -> None:
        """Refuse what MXNet takes: (6, 4) for an input of a reshape to (3, 4). When that runs, it
        reads or writes past the end of memory, or leaves values out (measured)."""
        for node in self.live_nodes:
            if node.operator.kind is not Kind.RESHAPING:
                continue
            before, after = shapes.get(node.inputs[0]), shapes.get((node.index, 0))
            if not before or not after or 0 in (*before, *after):
                continue
            if math.prod(before) != math.prod(after):
                given = ", ".join(map(str, input_shapes))
                raise InputError(
                    f"the net does not take an input of shape {given}: {node.name!r} would make "
                    f"{after} of {before}, which is another number of values. It was made for "
                    "another size of input or batch: give it samples as it got them there, such as "
                    "one at a time"
                )

    def _shapes_or_none(self, input_shapes: tuple[Shape, ...]) -> Shapes | None:
        try:
            return self._infer(input_shapes)
        except InputError:
            return None

    def _shape_advice(self, input_shapes: tuple[Shape, ...], error: Exception) -> str:
        given = ", ".join(map(str, input_shapes))
        said = f"the net does not take an input of shape {given}"
        for found in convolutions(self, self.parameters.shapes()):
            if found.node.inputs[0] in self.inputs and found.channels:
                axes = ("W", "H, W", "D, H, W")[found.axes - 1]
                said += f"; its first layer {found.node.name!r} expects "
                said += f"(N, {found.channels}, {axes})"
                hint = shape_advice.advice(input_shapes[0], found.channels, found.axes)
                said += f": {hint}" if hint else ""
                break
        return f"{said}. MXNet says: {reason(error)}"

    def layers(self, *input_shapes: Shape) -> layers.LayerTable:
        """Name, operator and output shape of every addressable layer, in the order they run.

        Args:
            input_shapes: of each input, (N, C, H, W).

        >>> graph.layers((1, 3, 224, 224))            # doctest: +SKIP
        """
        part = self.taking(len(input_shapes)).unrolled(*input_shapes)
        return layers.table(part, part.shapes(*input_shapes))


def _is_misaligned(node: Node, shapes: Mapping[Entry, Shape]) -> bool:
    if node.whole("dim", 1) != 1 or len(shapes[node.inputs[0]]) < 2:
        return False
    ends = list(itertools.accumulate(shapes[entry][1] for entry in node.inputs))
    return ends[-1] % 8 == 0 and any(end % 16 for end in ends[:-1])
