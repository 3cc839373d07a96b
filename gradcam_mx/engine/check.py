"""The first law: what the engine recorded is what the net itself says, or nothing is explained.

Once for a graph and a kind of input, the net itself runs, by a way that shares nothing with the
engine (`graph.own`), and what it says is held against the recorded values.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any, Callable, Iterable, Iterator, NamedTuple, Sequence, Tuple

import numpy as np

from .._mxnet import mx
from ..errors import NetworkError, reason
from ..graph.graph import Graph
from ..graph.kinds import Fault
from ..graph.node import Entry, Shape
from ..graph.outputs import Output
from ..graph.own import Own, rounding
from ..support.caches import Cache
from ..support.callers import caller_level
from . import inputs
from .differences import FAILURES, ROUNDINGS, Ask, Numbers, agree, difference, farthest, is_rounding
from .tape import Tape

PARTED, SHARE = 1e-3, 0.01
"""A layer whose values differ by this share of the largest number, or of the largest difference in
the whole net, has surely parted."""


class Proof(NamedTuple):
    """What came of holding a recorded forward pass against the net itself."""

    by: str
    """What the net itself was run by: "the Block", "the Symbol"; empty if neither could be."""
    said: str = ""
    """Why neither could be, or that the net draws random numbers."""


class _Witness(NamedTuple):
    """One way to ask the net itself."""

    name: str
    ask: Ask
    """From the inputs to the outputs that are explained."""
    recorded: Numbers
    """What it should say."""
    is_enough: bool
    coarsest: str
    """The coarsest floating-point type that it computes in."""
    is_double: bool = False
    """Whether all of it runs in double precision, in which oneDNN takes no part."""


class _Proofs(Cache[Tuple[Any, ...], Proof]):
    def __init__(self) -> None:
        super().__init__(64)


def forward(
    graph: Graph,
    x: inputs.Input,
    outputs: Sequence[Output],
    values: Sequence[Any],
    is_recorded: bool,
) -> Proof:
    """Hold what was recorded against what the net itself says; once for each kind of input, and
    again when the net changed.

    Args:
        graph: the graph that was recorded.
        x: its input, as the caller gave it.
        outputs: those that are explained.
        values: what was computed of each.
        is_recorded: whether all on the way was recorded. Else a part ran in predict mode, and what
            the graph gives in train mode, as later gradients find it, is held against too.

    Raises:
        NetworkError: they differ by more than rounding.
    """
    arrays = inputs.as_tuple(x)
    key = (
        tuple((tuple(array.shape), np.dtype(array.dtype).name) for array in arrays),
        str(values[0].context),
        tuple(output.point for output in outputs),
        graph.own.changes,
    )
    return graph.cache(_Proofs).get(
        key, lambda: _proof(graph, arrays, outputs, values, is_recorded)
    )


def _proof(
    graph: Graph,
    arrays: Sequence[Any],
    outputs: Sequence[Output],
    values: Sequence[Any],
    is_recorded: bool,
) -> Proof:
    drawing = [node for node in graph.live_nodes if node.operator.draws(node)]
    if drawing:
        return _random(f" in {drawing[0].name!r} ({drawing[0].op})")
    if not is_recorded:
        points = [one.point for one in outputs]
        try:
            found = _recorded(graph, arrays, values[0].context, points)
            values, outputs = [*values, *found], [*outputs, *outputs[: len(found)]]
        except (mx.MXNetError, NetworkError):  # then no gradient can be recorded either
            pass
    own = [inputs.place(array, values[0].context, graph.own.dtype) for array in arrays]
    failed = []
    # half precision fails on a CPU, and not only in the outputs that are read
    is_half = graph.own.coarsest == "float16" and values[0].context.device_type == "cpu"
    is_safe = not (is_half or _may_end_the_process(graph, arrays))
    for witness in _witnesses(graph, outputs, values):
        if not (is_safe or witness.is_double):
            continue
        try:
            says = witness.ask(own)
        except FAILURES as error:  # of the user's own code too: it is told, and another is asked
            failed.append(reason(error))
            continue
        if not agree(says, witness.recorded, witness.coarsest) and not is_rounding(
            witness.ask, own, says, witness.recorded, witness.coarsest
        ):
            if not agree(witness.ask(own), says, witness.coarsest):
                return _random("")
            raise NetworkError(_told(graph, outputs, own, says, witness))
        if witness.is_enough:
            return Proof(witness.name)
    said = "what is explained cannot be held against the net itself, which does not run here: " + (
        failed[0] if failed else "its outputs are steps of the engine's own"
    )
    warnings.warn(said, stacklevel=caller_level())
    return Proof("", said)


def _recorded(
    graph: Graph, arrays: Sequence[Any], context: Any, points: Sequence[Entry]
) -> list[Any]:
    """What is recorded where gradients go back to the inputs: in segments, as MXNet fails later, at
    any read, where it cannot run the graph in train mode as a whole.

    Raises:
        MXNetError: it cannot run so.
        NetworkError: a loop is in the way.
    """
    heads = {index for index, _ in points}
    explained = [one for one in graph.inputs if heads & graph.differentiable([one])]
    if not explained:
        return []
    tape = Tape(graph, _live(graph, arrays, context), explained, heads=points)
    return _waited([tape.value(point) for point in points])


def _in_train_mode(
    graph: Graph, arrays: Sequence[Any], context: Any, points: Sequence[Entry]
) -> list[Any]:
    """What the graph gives in train mode, as a whole.

    Raises:
        MXNetError: it cannot run so.
    """
    return _waited(graph.forward(_live(graph, arrays, context), points, train_mode=True))


def _live(graph: Graph, arrays: Sequence[Any], context: Any) -> list[Any]:
    """The inputs that the graph reads, as it takes them."""
    live = [array for name, array in zip(graph.input_names, arrays) if name in graph.variables]
    return [inputs.place(array, context, graph.parameters.dtype) for array in live]


def _waited(values: Sequence[Any]) -> list[Any]:
    """The same, computed: what fails does so here."""
    for one in values:
        one.wait_to_read()
    return list(values)


def _witnesses(
    graph: Graph, outputs: Sequence[Output], values: Sequence[Any]
) -> Iterator[_Witness]:
    """The ways to ask the net itself about some outputs, the best first."""
    # by their names too: the scores and their softmax are explained at one point
    places = {(one.name, one.point): place for place, one in enumerate(graph.outputs)}
    asked_for = [places[one.name, one.point] for one in outputs if (one.name, one.point) in places]
    recorded = [value.asnumpy() for value in values]
    linked = [
        output.link.output(value).asnumpy() if output.link else numbers
        for output, value, numbers in zip(outputs, values, recorded)
    ]
    are_outputs = len(asked_for) == len(outputs)
    # over all of a sample, or along the last axis: it depends on the processor (measured)
    is_settled = not any(
        output.link and output.link.axis is None and value.ndim > 2
        for output, value in zip(outputs, values)
    )
    if are_outputs and is_settled and graph.own.has_block:

        def called(arrays: Sequence[Any]) -> Numbers:
            returned = graph.own.called(arrays)
            return [returned[place].asnumpy() for place in asked_for]

        # behind a softmax scores that differ may look alike: the Symbol tells them apart
        is_enough = not any(one.link for one in outputs)
        yield _Witness(_BLOCK, called, linked, is_enough, graph.own.coarsest)
    known = _untouched(graph)
    points = [known[output.point] for output in outputs if output.point in known]
    expected = recorded
    if len(points) < len(outputs) and are_outputs:
        # a step of the engine's own, such as an operator inside of a fused one
        points, expected = [graph.own.heads[place] for place in asked_for], linked
    if len(points) == len(outputs):
        for name, dtype in _TYPES:
            asked = partial(_asked, graph.own, points, dtype)
            coarsest = max(graph.own.coarsest, dtype or graph.own.coarsest, key=rounding)
            yield _Witness(name, asked, expected, True, coarsest, dtype == "float64")


_BLOCK = "the Block"
_TYPES = {
    "the Symbol": None,
    "the Symbol in single precision": "float32",
    "the Symbol in double precision": "float64",
}.items()
"""The floating-point types in which a Symbol is asked: MXNet has no half precision on a CPU, and
oneDNN, which cannot run every net on every processor, takes no part in double precision."""


def _may_end_the_process(graph: Graph, arrays: Sequence[Any]) -> bool:
    """Whether the net itself is not to be run but in double precision: oneDNN ends the process, or
    raises, where channels that fill its blocks of 8 are cut, in a forward pass already (measured).
    """
    shapes = inputs.shapes(graph, tuple(arrays))
    return any(
        Fault.BLOCKED_INPUT in node.operator.faults
        and _cuts_blocks(shapes.get(node.inputs[0], ()), shapes.get((node.index, 0), ()))
        for node in graph.live_nodes
    )


def _cuts_blocks(before: Shape, after: Shape) -> bool:
    return len(before) > 1 and before[1] % 8 == 0 and before[1:2] != after[1:2]


def _asked(own: Own, points: Sequence[Entry], dtype: str | None, arrays: Sequence[Any]) -> Numbers:
    return [one.asnumpy() for one in own.values(points, arrays, dtype)]


def _untouched(graph: Graph) -> dict[Entry, Entry]:
    """The values of the graph → the same values before anything was rewritten, as they run."""
    live, runnable = {node.index for node in graph.live_nodes}, graph.own.runnable
    return {
        entry: twin
        for entry, twin in sorted(graph.twins.items())
        if entry[0] in live and twin[0] in runnable
    }


def _random(where: str) -> Proof:
    said = (
        f"the net draws random numbers at inference{where}: each call explains another draw, and "
        "what the net itself says cannot be compared"
    )
    warnings.warn(said, stacklevel=caller_level())
    return Proof("", said)


# -- gradients -------------------------------------------------------------------------------------


NO_DERIVATIVE = (
    "an operator has no derivative where it is (a root or a logarithm at zero, a product over a "
    "zero). Methods that change the input need none: occlusion, rise, lime, kernel_shap …"
)


def check_finite(
    found: Iterable[np.ndarray],
    origin: Callable[[], str],
    what: str = "the gradient of what is explained",
    otherwise: str = NO_DERIVATIVE,
) -> None:
    """Refuse what holds no numbers.

    Args:
        found: arrays.
        origin: tells where in the net the first number is that is none.
        what: they are.
        otherwise: what is said where all of them are numbers.

    Raises:
        NetworkError: some do; the message says where they came from.
    """
    if not all(np.isfinite(one).all() for one in found):
        raise NetworkError(f"{what} holds NaN or infinity: {origin() or otherwise}")


# -- where they part -------------------------------------------------------------------------------


_OF_CODE = (
    "Its Symbol agrees with the graph: the Python code of the net does something else with arrays "
    "than when it is traced. Built from the drop-in layers (from gradcam_mx import nn), it is "
    "explained as it runs"
)
_OF_OUTPUTS = (
    "All layers agree: what differs is what this output is made of, such as the axis of a softmax. "
    "Please report that"
)
"""What is said where no layer parts: of a Block, and of a Symbol."""


def _told(
    graph: Graph,
    outputs: Sequence[Output],
    arrays: Sequence[Any],
    own: Numbers,
    witness: _Witness,
) -> str:
    worst = int(np.argmax([difference(*pair) for pair in zip(own, witness.recorded)]))
    says, instead = farthest(own[worst], witness.recorded[worst])
    alike = _OF_CODE if witness.name == _BLOCK else _OF_OUTPUTS
    return (
        f"the net itself gives {says} where the graph that would be explained gives {instead}, in "
        f"its output {outputs[worst].name!r}: it would be an explanation of another net. "
        f"{_first_parted(graph, arrays) or alike}"
    )


def _first_parted(graph: Graph, arrays: Sequence[Any]) -> str:
    """The first layer where the net itself and the graph part, in words; empty if none does."""
    pairs = list(_untouched(graph).items())
    try:
        dtype = "float64" if _may_end_the_process(graph, arrays) else None
        own = graph.own.values([point for _, point in pairs], arrays, dtype)
        found = _in_train_mode(graph, arrays, arrays[0].context, [entry for entry, _ in pairs])
        numbers = [(a.asnumpy(), b.asnumpy()) for a, b in zip(own, found)]
    except (mx.MXNetError, LookupError) as error:
        return f"Where they part cannot be told ({reason(error)})"
    gaps = [difference(*pair) for pair in numbers]
    least = max(ROUNDINGS * rounding(graph.own.coarsest), min(PARTED, SHARE * max(gaps)))
    first = next((place for place, gap in enumerate(gaps) if gap > least), None)
    if first is None:
        return ""
    name, op, attributes = graph.own.described(pairs[first][1])
    says, instead = farthest(*numbers[first])
    return (
        f"The first layer where they part is {name!r} ({op}, {dict(attributes)}): {says} in the "
        f"net itself, {instead} in the graph. Please report that"
    )
