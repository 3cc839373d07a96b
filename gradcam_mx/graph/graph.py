"""The graph of a net: its nodes, and pieces of it compiled to run on their own.

The graph is *frozen*: batch normalisation uses its running statistics and dropout is gone, also in
train mode. Train mode it must be: the max pooling of MXNet 1.9.1 leaves its backward workspace
unwritten in predict mode on CPU (measured: input gradients wrong by 100 % on every net that has
one), and its batch normalisation is wrong in predict mode on GPU (apache/mxnet#18209).
"""

from __future__ import annotations

import itertools
import json
import threading
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import (
    Any,
    Callable,
    Container,
    Iterable,
    Mapping,
    NamedTuple,
    Sequence,
    Tuple,
    TypeVar,
)

from .._mxnet import mx
from ..engine import rules
from ..errors import InputError, reason
from . import layers, outputs
from .outputs import Output
from .parameters import Parameters
from .rewrite import INTERNAL, rewrite

Entry = Tuple[int, int]
"""One value in the graph: (index of the node that makes it, which of the node's outputs)."""

Shape = Tuple[int, ...]
Result = TypeVar("Result")

INDEX_SLOTS = {
    "Embedding": {0},
    "take": {1},
    "batch_take": {1},
    "pick": {1},
    "gather_nd": {1},
    "one_hot": {0},
    "SequenceMask": {1},
}
"""Which inputs of an operator are numbers of things: whole ones, without a derivative."""

# What a gradient does not get past. MXNet cannot run a backward pass in which nothing else is left.
# box_decode has a derivative, but MXNet's backward pass gives zeros (measured).
_GRADIENT_STOPS = frozenset(
    {
        "BlockGrad",
        "stop_gradient",
        "zeros_like",
        "ones_like",
        "argmax",
        "argmin",
        "argsort",
        "one_hot",
        "sign",
        "round",
        "rint",
        "ceil",
        "floor",
        "trunc",
        "fix",
        "shape_array",
        "size_array",
        "_contrib_arange_like",
        "_contrib_box_decode",
        "_contrib_box_iou",
        "_equal_scalar",
        "_not_equal_scalar",
        "_greater_scalar",
        "_greater_equal_scalar",
        "_lesser_scalar",
        "_lesser_equal_scalar",
        "broadcast_equal",
        "broadcast_not_equal",
        "broadcast_greater",
        "broadcast_greater_equal",
        "broadcast_lesser",
        "broadcast_lesser_equal",
    }
)

BATCH_NORMS = {"BatchNorm", "_contrib_SyncBatchNorm"}


@dataclass(frozen=True)
class Node:
    """One operator of the graph, or one variable (`op` is "null")."""

    index: int
    op: str
    name: str
    attrs: Mapping[str, str]
    inputs: tuple[Entry, ...]
    subgraphs: Sequence[Any] = ()
    role: str = ""
    """The operator that it stands for: the net's own, where the engine runs another."""

    @property
    def is_variable(self) -> bool:
        return self.op == "null"

    @property
    def is_internal(self) -> bool:
        """Whether it is a step of the engine rather than an operator of the net."""
        return self.role == INTERNAL


class TracedBlock(NamedTuple):
    """A block that ran during the trace."""

    path: str
    name: str
    kind: str
    identity: int
    output: Entry = (0, 0)
    """The value it returned, as traced; `Graph.frozen` gives the one that stands for it."""


class Operator:
    """A compiled piece of the graph: values at its leaves in, values at its outputs out."""

    def __init__(
        self, symbol: Any, leaves: Mapping[str, Entry], keeps_memory: bool = False
    ) -> None:
        # without inlining, a piece of one or two operators is as quick as any other (measured)
        self._op = mx.nd.CachedOp(
            symbol,
            [("inline_limit", 0), ("static_alloc", keeps_memory), ("static_shape", keeps_memory)],
        )
        self._arguments: list[str | Entry] = [
            leaves.get(name, name) for name in symbol.list_inputs()
        ]

    def __call__(self, values: Mapping[Entry, Any], parameters: Mapping[str, Any]) -> list[Any]:
        results = self._op(
            *(parameters[key] if isinstance(key, str) else values[key] for key in self._arguments)
        )
        return results if isinstance(results, list) else [results]


class Graph:
    """The frozen graph of a net; every function of the package takes it in the net's place.

    Get one from `gradcam_mx.trace(net)`. It reads the net's parameters afresh at each use; it holds
    neither the net nor copies of its parameters.
    """

    def __init__(
        self,
        description: str,
        output_names: Sequence[str],
        sources: Mapping[str, Any],
        input_names: Sequence[str] = (),
        blocks: Sequence[TracedBlock] = (),
    ) -> None:
        """
        Args:
            description: the JSON of a Symbol that groups the net's outputs and, after them, what
                each of the blocks returned.
            output_names: the names of the net's outputs.
            sources: name of a variable → the gluon Parameter, or the array, that it stands for;
                variables that are not in it are the net's inputs, or labels of its loss heads.
            input_names: the inputs in the order in which the net is called with them; by default
                all that there are, in the order in which the graph comes to them.
            blocks: those that the trace saw, without their outputs.
        """
        parameters = Parameters(sources)
        parsed = rewrite(json.loads(description), parameters.dtype)
        self._attributes = parsed.get("attrs", {})
        self.nodes = [
            Node(
                index,
                node["op"],
                node["name"],
                node.get("attrs", {}),
                tuple((entry[0], entry[1]) for entry in node["inputs"]),
                node.get("subgraphs", ()),
                node.get("role", node["op"]),
            )
            for index, node in enumerate(parsed["nodes"])
        ]
        entries = [(head[0], head[1]) for head in parsed["heads"]]
        ends = [self.frozen(entry) for entry in entries[: len(output_names)]]
        self.outputs = [
            Output(name, *outputs.explained(self, end)) for name, end in zip(output_names, ends)
        ]
        self.heads = [output.point for output in self.outputs]
        """What is explained of each output."""
        self.blocks = [
            block._replace(output=entry)
            for block, entry in zip(blocks, entries[len(output_names) :])
        ]
        self.nodes = [self._freeze(node) for node in self.nodes]

        live = self.ancestors(self.heads)
        self.live_nodes = [node for node in self.nodes if node.index in live]
        variables = {node.name: node for node in self.live_nodes if node.is_variable}
        labels = outputs.labels(self.nodes)
        self.input_names = [
            name
            for name in input_names or variables
            if name not in labels and (input_names or name not in sources)
        ]
        """Of all inputs, in the order of the call."""
        self.inputs = [(variables[name].index, 0) for name in self.input_names if name in variables]
        """Of those inputs that the outputs depend on, the values."""
        fixed_gammas = {
            self.nodes[node.inputs[1][0]].name
            for node in self.live_nodes
            if node.op in BATCH_NORMS and node.attrs.get("fix_gamma") != "False"
        }
        self.parameters = parameters.of(variables, fixed_gammas)
        self.lock = threading.RLock()
        """Held while compiled pieces run: MXNet's are not made for several threads at a time."""
        self._kept: dict[Any, Any] = {}
        self._compiled: dict[Any, Operator] = {}
        self._descendants: dict[Any, frozenset[int]] = {}
        self._shapes: dict[Any, dict[Entry, Shape]] = {}

    def _freeze(self, node: Node) -> Node:
        attrs = dict(node.attrs)
        if node.op in BATCH_NORMS:
            attrs["use_global_stats"] = "True"
        elif node.op == "LeakyReLU" and attrs.get("act_type") == "rrelu":
            # In train mode rrelu draws a random slope; at inference it is the mean of its bounds.
            bounds = attrs.get("lower_bound", "0.125"), attrs.get("upper_bound", "0.334")
            attrs = {"act_type": "leaky", "slope": repr(sum(map(float, bounds)) / 2)}
        return replace(node, attrs=attrs, inputs=tuple(self.frozen(entry) for entry in node.inputs))

    def frozen(self, entry: Entry) -> Entry:
        """The value that stands for a traced one in the frozen graph: dropout is passed over.

        Args:
            entry: of the graph as traced.
        """
        node = self.nodes[entry[0]]
        while node.op == "Dropout" and node.attrs.get("mode", "training") != "always":
            entry = node.inputs[0]
            node = self.nodes[entry[0]]
        return entry

    @property
    def output_names(self) -> list[str]:
        """The names of the net's outputs."""
        return [output.name for output in self.outputs]

    def once(self, key: Any, work_out: Callable[[], Result]) -> Result:
        """What `work_out` finds about this graph, kept with it under `key`.

        Args:
            key: tells what is found from all else that is kept.
            work_out: called the first time.
        """
        if key not in self._kept:
            self._kept[key] = work_out()
        return self._kept[key]

    # -- structure ---------------------------------------------------------------------------------

    def ancestors(self, entries: Iterable[Entry], leaves: Container[Entry] = ()) -> set[int]:
        """The nodes that the values in `entries` are computed from, and those that make them.

        Args:
            entries: the values; those that are `leaves` do not count.
            leaves: values that are given; what they are computed from does not count.
        """
        found: set[int] = set()
        waiting = [entry for entry in entries if entry not in leaves]
        while waiting:
            index, _ = waiting.pop()
            if index not in found:
                found.add(index)
                waiting.extend(e for e in self.nodes[index].inputs if e not in leaves)
        return found

    def sides(self, point: Entry, heads: Iterable[Entry]) -> list[Entry]:
        """The values that have to be given beside that at `point` to compute `heads` from it.

        They depend on the net's inputs, but not on the value at `point`.

        Args:
            point: the value that is given.
            heads: the values to compute.
        """
        below = self.descendants([point])
        found: set[Entry] = set()
        seen: set[Entry] = {point}
        waiting = list(heads)
        while waiting:
            entry = waiting.pop()
            if entry in seen:
                continue
            seen.add(entry)
            if entry[0] in below:
                waiting.extend(self.nodes[entry[0]].inputs)
            elif entry in self.inputs or entry[0] in self.data_dependent:
                found.add(entry)
        return sorted(found)

    def descendants(self, entries: Iterable[Entry], differentiably: bool = False) -> frozenset[int]:
        """The live nodes whose values are computed from those in `entries`.

        Args:
            entries: the values.
            differentiably: only those from which a gradient comes back.
        """
        key = (frozenset(entries), differentiably)
        if key not in self._descendants:
            found: set[int] = set()
            for node in self.live_nodes:
                inputs = _differentiable_inputs(node) if differentiably else node.inputs
                if any(entry in key[0] or entry[0] in found for entry in inputs):
                    found.add(node.index)
            self._descendants[key] = frozenset(found)
        return self._descendants[key]

    def differentiable(self, entries: Iterable[Entry]) -> frozenset[int]:
        """The live nodes from which a gradient comes back to one of the values in `entries`.

        Args:
            entries: the values.
        """
        return self.descendants(entries, differentiably=True)

    @cached_property
    def data_dependent(self) -> frozenset[int]:
        """The nodes whose values depend on the net's inputs."""
        return self.descendants(self.inputs)

    @cached_property
    def outputs_read(self) -> dict[int, list[int]]:
        """Node → those of its outputs that are heads or that some node reads."""
        read = defaultdict(set)
        for index, which in [*self.heads, *(e for node in self.live_nodes for e in node.inputs)]:
            read[index].add(which)
        return {index: sorted(which) for index, which in read.items()}

    @cached_property
    def readers(self) -> dict[int, list[int]]:
        """Node → the nodes that read it, once for each time they do."""
        readers = defaultdict(list)
        for node in self.live_nodes:
            for source, _ in node.inputs:
                readers[source].append(node.index)
        return readers

    @cached_property
    def rectifiers(self) -> set[int]:
        """The activations that a rule other than the plain one acts on."""
        return rules.rectifiers(self)

    @cached_property
    def branch_points(self) -> set[int]:
        """The operators that are read more than once; being a head counts as being read."""
        heads = {index for index, _ in self.heads}
        return {
            node.index
            for node in self.live_nodes
            if not node.is_variable and len(self.readers[node.index]) + (node.index in heads) > 1
        }

    @cached_property
    def constants(self) -> set[int]:
        """The operators whose values depend on no variable."""
        varies: set[int] = set()
        for node in self.live_nodes:
            if node.is_variable or any(source in varies for source, _ in node.inputs):
                varies.add(node.index)
        return {node.index for node in self.live_nodes} - varies

    @property
    def concats(self) -> set[int]:
        """The concatenations whose backward pass needs a gradient in the plain memory layout.

        They are those whose parts begin within oneDNN's blocks of 8 or 16 channels: there MXNet's
        backward pass raises or ends the process (measured, with parts of 8 + 8 channels). As long
        as no shape is known, all of them.
        """
        shapes = next(iter(self._shapes.values()), None)
        return {
            node.index
            for node in self.live_nodes
            if node.op == "Concat" and (shapes is None or _is_misaligned(node, shapes))
        }

    # -- running -----------------------------------------------------------------------------------

    def compile(self, outputs: Sequence[Entry], leaves: Iterable[Entry]) -> Operator:
        """The piece of the graph that computes `outputs` from `leaves` and parameters; kept.

        Args:
            outputs: the values to compute.
            leaves: the values that are given.
        """
        key = (tuple(outputs), frozenset(leaves))
        operator = self._compiled.get(key)
        if operator is None:
            symbol, names = self._symbol(*key)
            operator = self._compiled[key] = Operator(symbol, names)
        return operator

    def compile_to_repeat(self, outputs: Sequence[Entry], leaves: Iterable[Entry]) -> Operator:
        """As `compile`, for many runs on inputs of one shape: it keeps its memory between them.

        That saves a tenth to a third of the time in batches of 8 and more (measured); the memory
        is given back with the operator, which the graph does not keep.

        Args:
            outputs: the values to compute.
            leaves: the values that are given.
        """
        return Operator(*self._symbol(tuple(outputs), frozenset(leaves)), keeps_memory=True)

    def _symbol(
        self, outputs: Sequence[Entry], leaves: Iterable[Entry]
    ) -> tuple[Any, dict[str, Entry]]:
        """A Symbol of `outputs` in which each leaf is a variable; and those variables' names."""
        names = {leaf: f"leaf{leaf[0]}_{leaf[1]}" for leaf in leaves}
        rebuilt: list[dict[str, Any]] = []
        places: dict[Entry, tuple[int, int, int]] = {}

        def add(entry: Entry, description: dict[str, Any]) -> None:
            places[entry] = (len(rebuilt), 0, 0)
            rebuilt.append(description)

        def place(entry: Entry) -> tuple[int, int, int]:
            if entry in names and entry not in places:
                add(entry, {"op": "null", "name": names[entry], "inputs": []})
            if entry in places:
                return places[entry]
            at, _, version = places[(entry[0], 0)]
            return (at, entry[1], version)

        for index in sorted(self.ancestors(outputs, names)):
            node = self.nodes[index]
            description = {
                "op": node.op,
                "name": node.name,
                "attrs": dict(node.attrs),
                "inputs": [place(entry) for entry in node.inputs],
            }
            if node.subgraphs:
                description["subgraphs"] = node.subgraphs
            if node.attrs.get("act_type") == "selu":
                description["attrs"] = {"act_type": "elu", "slope": repr(rules.SELU_SLOPE)}
                rebuilt.append(description)
                description = {
                    "op": "_mul_scalar",
                    "name": f"{node.name}_scale",
                    "attrs": {"scalar": repr(rules.SELU_SCALE)},
                    "inputs": [[len(rebuilt) - 1, 0, 0]],
                }
            # Two nodes may bear one name (a block that runs twice); MXNet minds only variables'.
            add((index, 0), description)
        graph = {
            "nodes": rebuilt,
            "arg_nodes": [at for at, node in enumerate(rebuilt) if node["op"] == "null"],
            "heads": [place(entry) for entry in outputs],
            "attrs": self._attributes,
        }
        return mx.sym.load_json(json.dumps(graph)), {name: leaf for leaf, name in names.items()}

    def forward(
        self, values: Sequence[Any], outputs: Sequence[Entry] = (), leaves: Sequence[Entry] = ()
    ) -> list[Any]:
        """The net's outputs (or others) for arrays at its inputs (or at other `leaves`).

        It runs as one compiled op and is not recorded.

        Args:
            values: an array for each of the leaves.
            outputs: the values to compute; the net's outputs by default.
            leaves: the values that are given; the net's inputs by default.
        """
        leaves = leaves or self.inputs
        operator = self.compile(outputs or self.heads, leaves)
        with self.lock, mx.autograd.pause(train_mode=False):
            return operator(dict(zip(leaves, values)), self.parameters.on(values[0].context))

    def finish_parameters(self, shapes: Mapping[Entry, Shape]) -> None:
        """Initialise the parameters that wait for their shapes, as a first forward pass would.

        Args:
            shapes: of every value, as `shapes` gives them.
        """
        self.parameters.finish(
            {
                self.nodes[entry[0]].name: shape
                for entry, shape in shapes.items()
                if self.nodes[entry[0]].is_variable
            }
        )

    # -- shapes and layers -------------------------------------------------------------------------

    def shapes(self, *input_shapes: Shape) -> dict[Entry, Shape]:
        """The shape of every value, for inputs of the given shapes.

        Args:
            input_shapes: of each input, (N, C, H, W).

        Raises:
            InputError: the net does not take inputs of these shapes.
        """
        found = self._shapes.get(input_shapes)
        if found is None:
            found = self._shapes[input_shapes] = self._infer(input_shapes)
        return found

    def _infer(self, input_shapes: tuple[Shape, ...]) -> dict[Entry, Shape]:
        if len(input_shapes) != len(self.input_names):
            raise InputError(
                f"the net has {len(self.input_names)} inputs ({', '.join(self.input_names)}), "
                f"got {len(input_shapes)}: pass a tuple with one array for each"
            )
        live = {self.nodes[index].name for index, _ in self.inputs}
        entries = [
            (node.index, which)
            for node in self.live_nodes
            for which in self.outputs_read.get(node.index, [0])
        ]
        symbol, _ = self._symbol(entries, ())
        known = {name: shape for name, shape in zip(self.input_names, input_shapes) if name in live}
        try:
            # the public infer_shape prints to standard output when it fails
            _, shapes, _ = symbol._infer_shape_impl(True, **known, **self.parameters.shapes())
        except mx.MXNetError as error:
            raise InputError(self._shape_advice(input_shapes, error)) from error
        return dict(zip(entries, shapes))

    def input(self, chosen: int | str | None) -> Entry:
        """An input by its number or name; for None the first that a gradient comes back to.

        Args:
            chosen: its number or name; None for the first that a gradient comes back to.

        Raises:
            InputError: there is no such input, or no output depends on it.
        """
        live = {self.nodes[entry[0]].name: entry for entry in self.inputs}
        if chosen is None and live:
            heads = {index for index, _ in self.heads}
            return next(
                (entry for entry in self.inputs if heads & self.differentiable([entry])),
                self.inputs[0],
            )
        names = self.input_names
        if isinstance(chosen, int) and -len(names) <= chosen < len(names):
            chosen = names[chosen]
        if chosen in live:
            return live[chosen]
        raise InputError(
            f"the net has no input {chosen!r} that its outputs depend on; it has "
            f"{', '.join(f'{names.index(name)} {name!r}' for name in live) or 'none'}"
        )

    def _shape_advice(self, input_shapes: tuple[Shape, ...], error: Exception) -> str:
        given = ", ".join(map(str, input_shapes))
        said = f"the net does not take an input of shape {given}"
        kernels = self.parameters.shapes()
        for node in self.live_nodes:
            if node.op == "Convolution" and node.inputs[0] in self.inputs:
                kernel = kernels.get(self.nodes[node.inputs[1][0]].name)
                if kernel is not None:
                    channels = kernel[1] * int(node.attrs.get("num_group", "1"))
                    axes = ("W", "H, W", "D, H, W")[len(kernel) - 3]
                    said += f"; its first layer {node.name!r} expects (N, {channels}, {axes})"
                    if len(input_shapes[0]) == len(kernel) - 1:
                        said += ": add the batch axis, x.expand_dims(0)"
                    break
        return f"{said}. MXNet says: {reason(error)}"

    def layers(self, *input_shapes: Shape) -> layers.LayerTable:
        """Name, operator and output shape of every addressable layer, in the order they run.

        Args:
            input_shapes: of each input, (N, C, H, W).

        >>> graph.layers((1, 3, 224, 224))            # doctest: +SKIP
        """
        return layers.table(self, self.shapes(*input_shapes))


def _differentiable_inputs(node: Node) -> Sequence[Entry]:
    """The inputs that a gradient comes back to."""
    if node.op in _GRADIENT_STOPS or (
        node.op == "topk" and node.attrs.get("ret_typ", "indices") not in ("value", "both")
    ):
        return ()
    indices = INDEX_SLOTS.get(node.op, ())
    return [entry for slot, entry in enumerate(node.inputs) if slot not in indices]


def _is_misaligned(node: Node, shapes: Mapping[Entry, Shape]) -> bool:
    if int(node.attrs.get("dim", "1")) != 1 or len(shapes[node.inputs[0]]) < 2:
        return False
    ends = list(itertools.accumulate(shapes[entry][1] for entry in node.inputs))
    return ends[-1] % 8 == 0 and any(end % 16 for end in ends[:-1])
