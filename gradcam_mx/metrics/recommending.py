"""Which method, at which layer, is worth looking at on this net."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Mapping, Sequence

import numpy as np

from ..boxes.box import BlackBox
from ..engine.inputs import as_tuple
from ..errors import InputError, LayerError, MetricError, NetworkError, RuleError
from ..graph.graph import Graph
from ..graph.layers import find_map
from ..graph.node import Shapes
from ..graph.outputs import OutputChoice
from ..graph.sealed import Sealed
from ..graph.trace import Net, trace
from ..methods.plan import Plan
from ..methods.register import METHODS, Method
from ..support.boundary import told
from .evaluating import CONTROLS, Evaluator, Samples, Way, is_of_each, part_of
from .register import find_metric
from .table import ERRORS, Evaluation

MEASURES = ("srg", "road", "mprt")
"""What the best few are measured by, `road` on pictures alone."""

_FIRST, _SECOND = 4, 16
"""How many samples a rough and a finer choice take at most."""
_KEPT, _FINALISTS = 6, 3
"""How many are left after each."""
_ROUGH, _FINER, _FINE = 4, 6, 10
"""The steps of SRG in each, and in the end."""
_OF_ROAD = 3
"""The steps of ROAD, whose imputation takes longer than the net."""
_ALIKE = 0.5
"""A map whose SSIM with that of a net that knows nothing is higher is no map of the net. Measured:
Grad-CAM and saliency 0.1 to 0.4, guided backprop 0.5 to 0.8. eMPRT does not tell them apart: it is
around 0, or below, for all of them, and its sign changes with the order of the numbers."""
_LEAST = 8
"""With fewer samples, choosing and measuring are not done on different ones."""
_COARSEST = 3
"""A layer whose maps have fewer cells along an axis says too little of where."""
_FINEST = 4
"""A layer's cells are at least so many pixels wide: finer ones are no summary of the input."""


@dataclass(frozen=True)
class Recommendation:
    """What `recommend` found. It prints as a few sentences.

    Args:
        method: the name of the method; None if none is better than chance on this net.
        layer: the layer whose map it makes; None for the default, or where it makes none.
        margin: by how much its SRG is higher than that of the best control, in the mean.
        interval: the 95 % interval of that.
        control: the name of that control.
        cost: the passes through the net that it takes.
        table: what was measured in the end, on samples that were not used to choose.
        choice: what was measured to choose.
        rejected: what was tried and is not recommended → why.
    """

    method: str | None
    layer: Any
    margin: float
    interval: tuple[float, float]
    control: str
    cost: str
    table: Evaluation
    choice: Evaluation
    rejected: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.method is not None

    def __repr__(self) -> str:
        lines = [f"{name}: {why}" for name, why in self.rejected.items()]
        if self.method is None:
            return "\n".join(
                [
                    f"No method is better than chance on this net, of {len(self.table)} samples",
                    *lines,
                ]
            )
        low, high = self.interval
        return "\n".join(
            [
                _label(self.method, self.layer)
                + f": its SRG is higher than that of {self.control}, the best control, by "
                f"{self.margin:.3g} (95 %: {low:.3g} to {high:.3g}), of {len(self.table)} samples; "
                f"it takes {self.cost}",
                *lines,
            ]
        )


@told
def recommend(
    net: Net,
    x: Any,
    target: Any = None,
    *,
    layers: Sequence[Any] | None = None,
    methods: Sequence[str] | None = None,
    labels: Sequence[Any] | None = None,
    output: OutputChoice = None,
    seed: int = 0,
    progress: bool = True,
) -> Recommendation:
    """Which method for my net: one that beats what knows nothing of it, and what it costs.

    All cheap methods, at the last layer of each stage, are measured by SRG on the first half of the
    samples, roughly at first and the best of them more finely. The best few are measured on the
    other half, by SRG and ROAD, beside the controls: choosing and measuring on the same samples
    would flatter what was chosen. A method is recommended if it beats every control by more than
    two standard errors of the paired differences in SRG, is not worse than one by that in ROAD, and
    its map is not the same when all that the net has learned is shuffled: SSIM with that is below a
    half (`mprt` in one stage). Of those that do, it is the one with the highest SRG. The answer is
    the same for the same seed, its numbers but for rounding.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        x: (N, C, H, W), preprocessed; fifty samples or so. With less than eight, choosing and
            measuring are done on the same ones.
        target: what is explained, as `evaluate` takes it.
        layers: those that are tried; by default the last of each stage.
        methods: those that are tried; by default all of a forward pass and one backward or two.
        labels: the true class of each sample, which is explained where no target is given.
        output: which of several outputs is explained.
        seed: of what is random.
        progress: whether to show a bar if it takes longer than two seconds.

    Raises:
        InputError: less than two samples, which have no standard error.
        MethodError, LayerError, TargetError, NetworkError: what they say.

    Example:
        >>> gm.metrics.recommend(net, x)                                 # doctest: +SKIP
        layer_cam at features.7: its SRG is higher than that of edge_map, the best control, by 4.1 …
    """
    count = len(as_tuple(x)[0])
    if count < 2:
        raise InputError(f"{count} samples: an error needs two, and a choice some more")
    targets = target if target is not None else labels
    half = count // 2 if count >= _LEAST else count
    searched = _Search(net, output, seed, progress)
    ways = _ways(net, x, layers, methods)
    rejected: dict[str, str] = {}
    if methods is None:
        rejected = _refused(net, part_of(x, 0, 1), ways, output)
        ways = [one for one in ways if one.label not in rejected]
    controls = [Way(one, one) for one in CONTROLS]
    first = _part(x, targets, 0, min(half, _FIRST))
    ways = _best(searched.measure(ways, [], ["srg"], first, _ROUGH), ways, _KEPT)
    second = _part(x, targets, 0, min(half, _SECOND))
    choice = searched.measure(ways, controls, ["srg"], second, _FINER)
    finalists = _best(choice, ways, _FINALISTS)
    last = _part(x, targets, count - half if half < count else 0, count)
    is_of_pictures = len(as_tuple(x)[0].shape) == 4
    metrics = [one for one in MEASURES if one != "road" or is_of_pictures]
    table = searched.measure(finalists, controls, metrics, last, _FINE)
    return _decided(finalists, table, choice, rejected)


class _Search:
    def __init__(self, net: Net, output: OutputChoice, seed: int, progress: bool) -> None:
        self._net, self._output, self._seed, self._progress = net, output, seed, progress

    def measure(
        self,
        ways: Sequence[Way],
        controls: Sequence[Way],
        metrics: Sequence[str],
        samples: Samples,
        steps: int,
    ) -> Evaluation:
        evaluator = Evaluator(
            self._net,
            ways,
            controls,
            [find_metric(one) for one in metrics],
            output=self._output,
            metric_options={
                name: given
                for name, given in {
                    "srg": {"steps": steps},
                    "road": {"steps": _OF_ROAD},
                    "mprt": {"layers": 1},
                }.items()
                if name in metrics
            },
            seed=self._seed,
        )
        return evaluator.run(samples, self._progress)


def _decided(
    finalists: Sequence[Way], table: Evaluation, choice: Evaluation, refused: Mapping[str, str]
) -> Recommendation:
    rejected = dict(refused)
    order = sorted(finalists, key=lambda one: -table[one.label, "srg"].mean)
    for way in order:
        why = _why_not(way, table)
        if why:
            rejected[way.label] = why
            continue
        margin, interval, control = _margin(way, table)
        cost = METHODS[way.method].cost
        return Recommendation(
            way.method, way.layer, margin, interval, control, cost, table, choice, rejected
        )
    margin, interval, control = _margin(order[0], table)
    return Recommendation(None, None, margin, interval, control, "", table, choice, rejected)


def _margin(way: Way, table: Evaluation) -> tuple[float, tuple[float, float], str]:
    """By how much it beats the best control, the interval of that, and which it is."""
    control = max(table.controls, key=lambda one: table[one, "srg"].mean)
    margin, error = table.difference(way.label, control, "srg")
    return margin, (margin - ERRORS * error, margin + ERRORS * error), control


def _why_not(way: Way, table: Evaluation) -> str:
    """Why it is not recommended; nothing if it is."""
    unbeaten = table[way.label, "srg"].no_better_than
    if unbeaten:
        return f"by SRG no better than {', '.join(unbeaten)}"
    names = [one.name for one in table.metrics]
    for control in table.controls if "road" in names else ():
        margin, error = table.difference(way.label, control, "road")
        if margin < -ERRORS * error:
            return f"by ROAD worse than {control}"
    alike = table[way.label, "mprt"]
    if not alike.mean < _ALIKE:
        return (
            "its map hardly depends on what the net has learned: when that is shuffled, SSIM with "
            f"it is {alike.mean:.2g} ± {alike.standard_error:.2g}"
        )
    return ""


def _best(table: Evaluation, ways: Sequence[Way], count: int) -> list[Way]:
    """Those with the highest SRG; of equal ones the first."""
    means = {one.label: table[one.label, "srg"].mean for one in ways}
    return sorted(ways, key=lambda one: -np.nan_to_num(means[one.label], nan=-np.inf))[:count]


def _part(x: Any, targets: Any, start: int, end: int) -> Samples:
    of_part = list(targets[start:end]) if is_of_each(targets) else targets
    return Samples(part_of(x, start, end), of_part, None, at_a_time=4)


# -- what is tried --------------------------------------------------------------------------------


def _label(method: str, layer: Any) -> str:
    return method if layer is None else f"{method} at {layer}"


def _ways(
    net: Net, x: Any, layers: Sequence[Any] | None, methods: Sequence[str] | None
) -> list[Way]:
    usual = _explains_black_boxes if isinstance(net, (BlackBox, Sealed)) else _is_cheap
    chosen = [METHODS[one] for one in methods] if methods else [*filter(usual, METHODS.values())]
    found: list[Way] = []
    stages = list(layers) if layers is not None else _last_of_each_stage(net, x)
    for one in chosen:
        of_layers = stages if one.family == "activation maps" else [None]
        found += [Way(_label(one.name, layer), one.name, layer) for layer in of_layers or [None]]
    if not found:
        raise MetricError("no method was given; expected one or more out of gm.METHODS")
    return found


def _refused(net: Net, x: Any, ways: Sequence[Way], output: OutputChoice) -> dict[str, str]:
    """What this net cannot be explained by, of what was not asked for by name → why."""
    found = {}
    for way in ways:
        try:
            Plan([way.method], way.layer, output=output).record(net, x)
        except (LayerError, NetworkError, RuleError) as error:
            found[way.label] = str(error)
    return found


def _last_of_each_stage(net: Net, x: Any) -> list[Any]:
    """The last layer of each size of map, up to the default layer; that alone of nets that cannot
    be traced, and none where there is no default layer."""
    sizes = [(1, *tuple(one.shape)[1:]) for one in as_tuple(x)]
    try:
        graph = trace(net)
        shapes, heads = graph.shapes(*sizes), graph.heads[:1]
        rows, last = graph.layers(*sizes), find_map(graph, None, shapes, heads)
    except NetworkError:
        return [None]
    except LayerError:
        return []
    positions = sizes[0][2:]
    stages: dict[int, dict[tuple[int, ...], list[str]]] = {}
    for row in rows:
        cells = _cells(row.shape, last.channel_axis)
        is_of_rank = len(row.shape) == len(shapes[last.point])
        if is_of_rank and _is_worth_it(cells, positions) and _is_a_map(graph, row.name, shapes):
            stages.setdefault(_stage(cells, positions), {}).setdefault(cells, []).append(row.name)
        if row.is_default:
            break
    stages.pop(_stage(_cells(shapes[last.point], last.channel_axis), positions), None)
    usual = (max(of_sizes.values(), key=len) for of_sizes in stages.values())
    return [*(names[-1] for names in usual), last.name]


def _cells(shape: Sequence[int], channel_axis: int) -> tuple[int, ...]:
    return tuple(size for axis, size in enumerate(shape) if axis not in (0, channel_axis))


def _stage(cells: Sequence[int], positions: Sequence[int]) -> int:
    """How often the input's size was halved: what is padded for the next layer is of the same."""
    return round(math.log2(max(positions) / max(cells)))


def _is_worth_it(cells: Sequence[int], positions: Sequence[int]) -> bool:
    return min(cells) >= _COARSEST and max(cells) * _FINEST <= max(positions)


def _is_a_map(graph: Graph, layer: str, shapes: Shapes) -> bool:
    try:
        find_map(graph, layer, shapes, graph.heads[:1])
    except LayerError:
        return False
    return True


def _explains_black_boxes(method: Method) -> bool:
    return method.needs.perturbs


def _is_cheap(method: Method) -> bool:
    """Whether it takes a few passes, the same for every input."""
    is_quick = method.family in ("activation maps", "gradients", "relevance")
    return is_quick and "each" not in method.cost and not method.needs.pooled
