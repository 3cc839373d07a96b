"""The first law: what the engine recorded is what the net itself says, or nothing is explained.

Once for a graph and a kind of input, the net itself runs, by a way that shares nothing with the
engine (`graph.own`), and what it says is held against the recorded values.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any, Callable, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np

from .._mxnet import mx
from ..errors import NetworkError, reason
from ..graph.graph import Graph
from ..graph.kinds import Fault
from ..graph.node import Entry, Shape
from ..graph.outputs import Output
from ..graph.own import Own, numbered, rounding
from ..support.caches import Cache
from ..support.callers import caller_level
from . import inputs

ROUNDINGS = 512
"""So many rounding errors of the largest value are never a difference."""
NOISE, LEVERAGE = 16, 16
"""For a difference beyond that the input is changed by so many rounding errors: no difference is
what is at most so many times the change of the output, as all layers round."""
PARTED, SHARE = 1e-3, 0.01
"""A layer whose values differ by this share of the largest number, or of the largest difference in
the whole net, has surely parted."""


class Proof(NamedTuple):
    """What came of holding a recorded forward pass against the net itself."""

    by: str
    """What the net itself was run by: "the Block", "the Symbol"; empty if neither could be."""
    said: str = ""
    """Why neither could be, or that the net draws random numbers."""


Numbers = List[np.ndarray]

_FAILURES = (
    mx.MXNetError,
    *(ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError),
    *(RuntimeError, TypeError, ValueError),
)


class _Witness(NamedTuple):
    """One way to ask the net itself."""

    name: str
    ask: Callable[[Sequence[Any]], Numbers]
    """From the inputs to the outputs that are explained."""
    recorded: Numbers
    """What it should say."""
    is_enough: bool
    coarsest: str
    """The coarsest floating-point type that it computes in."""


class _Proofs(Cache[Tuple[Any, ...], Proof]):
    def __init__(self) -> None:
        super().__init__(64)


def forward(
    graph: Graph, x: inputs.Input, outputs: Sequence[Output], values: Sequence[Any]
) -> Proof:
    """Hold what was recorded against what the net itself says; once for each kind of input.

    Args:
        graph: the graph that was recorded.
        x: its input, as the caller gave it.
        outputs: those that are explained.
        values: what was recorded of each.

    Raises:
        NetworkError: they differ by more than rounding.
    """
    arrays = inputs.as_tuple(x)
    key = (
        tuple((tuple(array.shape), np.dtype(array.dtype).name) for array in arrays),
        str(values[0].context),
        tuple(output.point for output in outputs),
    )
    return graph.cache(_Proofs).get(key, lambda: _proof(graph, arrays, outputs, values))


def _proof(
    graph: Graph, arrays: Sequence[Any], outputs: Sequence[Output], values: Sequence[Any]
) -> Proof:
    drawing = [node for node in graph.live_nodes if node.operator.draws(node)]
    if drawing:
        return _random(f" in {drawing[0].name!r} ({drawing[0].op})")
    own = [inputs.place(array, values[0].context, graph.own.dtype) for array in arrays]
    failed = []
    # half precision fails on a CPU, and not only in the outputs that are read
    is_half = graph.own.coarsest == "float16" and values[0].context.device_type == "cpu"
    is_safe = not (is_half or _may_end_the_process(graph, arrays))
    for witness in _witnesses(graph, outputs, values):
        if not (is_safe or witness.name == _DOUBLE):
            continue
        try:
            says = witness.ask(own)
        except _FAILURES as error:  # of the user's own code too: it is told, and another is asked
            failed.append(reason(error))
            continue
        if not agree(says, witness.recorded, witness.coarsest) and not _rounded(witness, own, says):
            if not agree(witness.ask(own), says, witness.coarsest):
                return _random("")
            raise NetworkError(_told(graph, outputs, own, says, witness.recorded))
        if witness.is_enough:
            return Proof(witness.name)
    said = "what is explained cannot be held against the net itself, which does not run here: " + (
        failed[0] if failed else "its outputs are steps of the engine's own"
    )
    warnings.warn(said, stacklevel=caller_level())
    return Proof("", said)


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
        yield _Witness("the Block", called, linked, is_enough, graph.own.coarsest)
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
            yield _Witness(name, asked, expected, True, coarsest)


_DOUBLE = "the Symbol in double precision"
_TYPES = {
    "the Symbol": None,
    "the Symbol in single precision": "float32",
    _DOUBLE: "float64",
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
    """The values of the graph → the same values before anything was rewritten."""
    own, live = graph.own.names(), {node.index for node in graph.live_nodes}
    operators = [node for node in graph.nodes if not (node.is_variable or node.is_internal)]
    return {
        (index, which): (own[key], which)
        for key, index in numbered((node.name, node.index) for node in operators).items()
        if index in live and key in own
        for which in graph.outputs_read.get(index, [0])
    }


def _random(where: str) -> Proof:
    said = (
        f"the net draws random numbers at inference{where}: each call explains another draw, and "
        "what the net itself says cannot be compared"
    )
    warnings.warn(said, stacklevel=caller_level())
    return Proof("", said)


# -- rows ------------------------------------------------------------------------------------------


def another(row: np.ndarray) -> np.ndarray:
    """Another sample of about the same size, to run beside one."""
    draws = np.random.RandomState(0)
    return 0.5 * row[..., ::-1] + draws.normal(scale=row.std() or 1, size=row.shape)


def touches(own: Any, beside: Any, axes: Sequence[int], samples: int, coarsest: str) -> bool:
    """Whether the last sample's part of an output is another beside other samples.

    Args:
        own: the output.
        beside: the same where all samples but the last are others.
        axes: those that may hold the samples; none where they are folded into axis 0, or in none.
        samples: how many there are.
        coarsest: the type whose rounding is no difference.
    """
    own, beside = own.asnumpy(), beside.asnumpy()
    if axes:
        parts = [(own.take(-1, axis), beside.take(-1, axis)) for axis in axes]
        return not any(agree([one], [other], coarsest) for one, other in parts)
    if samples == 1 or own.shape != beside.shape or own.shape[0] % samples:
        return False
    # which rows are of the last sample is not known; so many there are that stay the same
    off = abs(own - beside).reshape(len(own), -1).max(axis=1)
    same = off <= ROUNDINGS * rounding(coarsest) * abs(own).max()
    return int(same.sum()) < len(own) // samples


def say_that_samples_touch() -> None:
    """Warn that samples cannot share a call of the net."""
    warnings.warn(
        "what a sample gives in this net depends on what runs beside it, as the samples of a batch "
        "touch each other or their places count: each is explained by itself, beside the others as "
        "they are, which is right and slow",
        stacklevel=caller_level(),
    )


# -- gradients -------------------------------------------------------------------------------------


def check_finite(gradients: Iterable[np.ndarray]) -> None:
    """Refuse gradients that hold no numbers.

    Raises:
        NetworkError: some do.
    """
    if not all(np.isfinite(one).all() for one in gradients):
        raise NetworkError(
            "the gradient of what is explained holds NaN or infinity: an operator has no "
            "derivative where it is (a root or a logarithm at zero, a product over a zero). "
            "Methods that change the input need none: occlusion, rise, lime, kernel_shap …"
        )


# -- what is a difference --------------------------------------------------------------------------


def _difference(own: np.ndarray, recorded: np.ndarray) -> float:
    """The largest difference of two arrays of numbers, as a share of the largest number."""
    own, recorded = (one.astype("float64").ravel() for one in (own, recorded))
    if own.shape != recorded.shape:
        return np.inf
    same = (own == recorded) | (np.isnan(own) & np.isnan(recorded))
    if same.all():
        return 0.0
    finite = np.isfinite(own) & np.isfinite(recorded)
    if not (same | finite).all():
        return np.inf
    return float(abs(own - recorded)[finite].max() / max(abs(own[finite]).max(), 1e-300))


def agree(own: Numbers, recorded: Numbers, coarsest: str) -> bool:
    """Whether numbers are the same, but for rounding to some floating-point type."""
    largest = ROUNDINGS * rounding(coarsest)
    return all(_difference(a, b) <= largest for a, b in zip(own, recorded))


def _rounded(witness: _Witness, arrays: Sequence[Any], says: Numbers) -> bool:
    """Whether rounding explains a difference: a net may enlarge it."""
    noise = NOISE * rounding(witness.coarsest)
    signs = np.random.RandomState(0)
    changed = [
        mx.nd.array(
            array.asnumpy() * (1 + noise * signs.choice([-1, 1], array.shape)),
            array.context,
            array.dtype,
        )
        for array in arrays
    ]
    return all(
        _difference(own, recorded) <= LEVERAGE * _difference(own, other)
        for own, recorded, other in zip(says, witness.recorded, witness.ask(changed))
    )


# -- where they part -------------------------------------------------------------------------------


def _told(
    graph: Graph,
    outputs: Sequence[Output],
    arrays: Sequence[Any],
    own: Numbers,
    recorded: Numbers,
) -> str:
    worst = int(np.argmax([_difference(*pair) for pair in zip(own, recorded)]))
    says, instead = _farthest(own[worst], recorded[worst])
    return (
        f"the net itself gives {says} where the graph that would be explained gives {instead}, in "
        f"its output {outputs[worst].name!r}: it would be an explanation of another net. "
        f"{_first_parted(graph, arrays)}"
    )


def _farthest(own: np.ndarray, recorded: np.ndarray) -> tuple[str, str]:
    """The two numbers that differ most."""
    if own.size != recorded.size:
        return f"shape {own.shape}", f"shape {recorded.shape}"
    gap = abs(own.astype("float64").ravel() - recorded.astype("float64").ravel())
    place = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
    return f"{own.ravel()[place]:.6g}", f"{recorded.ravel()[place]:.6g}"


def _first_parted(graph: Graph, arrays: Sequence[Any]) -> str:
    """The first layer where the net itself and the graph part, in words."""
    pairs = list(_untouched(graph).items())
    live = [array for name, array in zip(graph.input_names, arrays) if name in graph.variables]
    try:
        dtype = "float64" if _may_end_the_process(graph, arrays) else None
        own = graph.own.values([point for _, point in pairs], arrays, dtype)
        given = [array.astype(graph.parameters.dtype) for array in live]
        found = graph.forward(given, [entry for entry, _ in pairs], train_mode=True)
        numbers = [(a.asnumpy(), b.asnumpy()) for a, b in zip(own, found)]
    except (mx.MXNetError, KeyError) as error:
        return f"Where they part cannot be told ({reason(error)})"
    gaps = [_difference(*pair) for pair in numbers]
    least = max(ROUNDINGS * rounding(graph.own.coarsest), min(PARTED, SHARE * max(gaps)))
    first = next((place for place, gap in enumerate(gaps) if gap > least), None)
    if first is None:
        return (
            "Its Symbol agrees with the graph: the Python code of the net does something else "
            "with arrays than when it is traced. Built from the drop-in layers (from gradcam_mx "
            "import nn), it is explained as it runs"
        )
    node = graph.nodes[pairs[first][0][0]]
    says, instead = _farthest(*numbers[first])
    return (
        f"The first layer where they part is {node.name!r} ({node.op}, {dict(node.attrs)}): "
        f"{says} in the net itself, {instead} in the graph. Please report that"
    )
