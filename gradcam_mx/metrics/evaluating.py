"""Measures of methods over the samples of a data set, beside the controls."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Iterable, Iterator, Mapping, NamedTuple, Sequence

import numpy as np

from ..engine.inputs import as_tuple
from ..errors import GradCamError, InputError, LayerError, MethodError, MetricError
from ..explanation.explanation import Explanation
from ..graph.outputs import OutputChoice
from ..graph.trace import Net
from ..methods.options import Options
from ..methods.plan import Plan
from ..methods.register import find_method
from ..support.boundary import told
from ..support.callers import caller_level
from ..support.labels import Names
from ..support.progress import bar
from .case import Case
from .functions import check_options, measured
from .masks import masks_of
from .measured import Measured
from .register import CHANGED, Metric, find_metric
from .table import Column, Evaluation

CONTROLS = ("random_map", "centre_map", "edge_map")
"""What methods have to beat."""


class Way(NamedTuple):
    """A row of a table: a method, at a layer."""

    label: str
    method: str
    layer: Any = None


@told
def evaluate(
    net: Net,
    x: Any,
    methods: str | Sequence[str],
    metrics: str | Sequence[str],
    target: Any = None,
    layer: Any = None,
    *,
    masks: Any = None,
    labels: Sequence[Any] | None = None,
    controls: Sequence[str] = CONTROLS,
    output: OutputChoice = None,
    names: Names | None = None,
    options: Options = MappingProxyType({}),
    metric_options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    seed: int = 0,
    at_a_time: int = 4,
    progress: bool = True,
) -> Evaluation:
    """Measures of methods over samples: means, standard errors, and the controls beside them.

    The samples run a few at a time, methods on one forward pass, and changed inputs of all maps in
    the same chunks; the memory that it takes does not grow with the number of samples. A sample
    that cannot be measured, such as one with an empty mask, is left out, and the table says so.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        x: (N, C, H, W), preprocessed; or batches of them, one after another, of any length.
        methods: names out of `gm.METHODS`.
        metrics: names out of `gm.metrics.METRICS`.
        target: what is explained: one for all samples, or a list with one for each; by default each
            sample's label, or its top class where there are no labels.
        layer: for the methods that explain a layer; by default the last before the global pool.
        masks: where the object is in each sample, for measures of localisation: (N, H, W), or for
            each sample a box (left, top, right, bottom) or several.
        labels: the true class of each sample, which is explained where no target is given.
        controls: methods that know nothing, for comparison; by default all three.
        output: which of several outputs is explained, by number or name; or "probability".
        names: of the classes, as targets ask for them.
        options: name of a method → its own options.
        metric_options: name of a measure → its own options.
        seed: of the controls, another for each sample, and of measures that take one.
        at_a_time: how many samples are explained at once.
        progress: whether to show a bar if it takes longer than two seconds.

    Raises:
        MethodError, MetricError: there is none of that name, or it has no such option.
        InputError: no samples, or not as many masks, labels or targets.
        LayerError, TargetError, NetworkError: what they say.

    Example:
        >>> table = gm.metrics.evaluate(net, x, ["grad_cam", "saliency"], ["srg", "road"])
        ... # doctest: +SKIP
        >>> print(table["grad_cam", "srg"].mean, table["grad_cam", "srg"].no_better_than)
        ... # doctest: +SKIP
    """
    chosen = [methods] if isinstance(methods, str) else list(methods)
    ways = [Way(one, one, layer) for one in dict.fromkeys(chosen)]
    known = [Way(one, one, layer) for one in controls if one not in chosen]
    measures = [find_metric(one) for one in ([metrics] if isinstance(metrics, str) else metrics)]
    evaluator = Evaluator(
        net,
        ways,
        known,
        measures,
        output=output,
        names=names,
        options=options,
        metric_options=metric_options,
        seed=seed,
    )
    given = Samples(x, target if target is not None else labels, masks, at_a_time)
    return evaluator.run(given, progress)


@dataclass
class Samples:
    """The samples of a data set, some at a time.

    Args:
        x: an array (N, …), a tuple of them for a net of several inputs, or batches of either.
        targets: one for all of them, or a list with one for each.
        masks: where the object is in each, or None.
        at_a_time: how many.
    """

    x: Any
    targets: Any
    masks: Any
    at_a_time: int

    def __post_init__(self) -> None:
        if not isinstance(self.at_a_time, (int, np.integer)) or self.at_a_time < 1:
            raise InputError(f"at_a_time is {self.at_a_time!r}; expected 1 or more")
        self.count = None if not _is_array(self.x) else len(as_tuple(self.x)[0])
        """How many there are, if that is known."""
        for what, of_each in (("targets or labels", self._each_target), ("masks", self.masks)):
            if of_each is not None and self.count is not None and len(of_each) != self.count:
                raise InputError(
                    f"{len(of_each)} {what} for {self.count} samples; expected as many"
                )

    @property
    def _each_target(self) -> Any:
        """One target for each sample; None if there is one for all."""
        return self.targets if is_of_each(self.targets) else None

    def __iter__(self) -> Iterator[tuple[int, Any, Any, Any]]:
        """The number of the first sample, samples, their target and their masks."""
        start = 0
        for x in self._parts():
            end = start + len(as_tuple(x)[0])
            yield start, x, self._of(self._each_target, start, end), self._mask(start, end)
            start = end
        if not start:
            raise InputError("there are no samples; expected at least one")

    def _parts(self) -> Iterator[Any]:
        for batch in [self.x] if _is_array(self.x) else self.x:
            for start in range(0, len(as_tuple(batch)[0]), self.at_a_time):
                yield part_of(batch, start, start + self.at_a_time)

    def _of(self, of_each: Any, start: int, end: int) -> Any:
        if of_each is None:
            return self.targets
        if len(of_each) < end:
            raise InputError(f"{len(of_each)} targets or labels for more samples; expected as many")
        return list(of_each[start:end])

    def _mask(self, start: int, end: int) -> Any:
        if self.masks is None:
            return None
        if len(self.masks) < end:
            raise InputError(f"{len(self.masks)} masks for more samples; expected as many")
        return self.masks[start:end]


def part_of(x: Any, start: int, end: int) -> Any:
    """Some samples of an array, or of each of a tuple of arrays."""
    if isinstance(x, (tuple, list)):
        return tuple(one[start:end] for one in x)
    return x[start:end]


class Evaluator:
    """Measures that are taken of methods, on any samples.

    Args:
        net: what is explained.
        ways: the rows of the table.
        controls: those of the controls.
        metrics: its columns.
        output: which of several outputs is explained.
        names: of the classes.
        options: name of a method → its own options.
        metric_options: name of a measure → its own options.
        seed: of what is random.

    Raises:
        MethodError, MetricError: there is none of that name, or it has no such option.
    """

    def __init__(
        self,
        net: Net,
        ways: Sequence[Way],
        controls: Sequence[Way],
        metrics: Sequence[Metric],
        *,
        output: OutputChoice = None,
        names: Names | None = None,
        options: Options = MappingProxyType({}),
        metric_options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
        seed: int = 0,
    ) -> None:
        if not ways or not metrics:
            raise MetricError("no method or no metric was given; expected one or more of each")
        self._net, self._output, self._names, self._seed = net, output, names, seed
        self._metrics = list({one.name: one for one in metrics}.values())
        self._options = dict(options)
        _check_known(self._options, [one.method for one in (*ways, *controls)])
        self._metric_options = _quiet(self._metrics, metric_options, seed)
        self._ways, self._controls = list(ways), list(controls)

    def run(self, samples: Samples, progress: bool = True) -> Evaluation:
        """Take them of all samples.

        Args:
            samples: them.
            progress: whether to show a bar if it takes longer than two seconds.
        """
        kept = self.kept()
        needs_masks = [one.name for one in self._metrics if one.wants.masks]
        if needs_masks and samples.masks is None:
            raise InputError(f"{', '.join(needs_masks)}: expected masks=…, where the object is")
        with bar(what="measuring", total=samples.count, show=progress) as done:
            for start, x, target, masks in samples:
                count = len(as_tuple(x)[0])
                if not start:
                    self.leave_out_what_does_not_fit(x, target)
                try:
                    kept.add(start, self.measure(start, x, target, masks))
                except GradCamError as error:
                    if count == 1:
                        kept.add_error(start, len(self.rows), error)
                    else:
                        self._one_by_one(kept, start, x, target, masks)
                done.update(count)
        if len(kept.errors) == kept.count:
            raise next(iter(kept.errors.values()))
        return self.table(kept)

    def kept(self) -> Kept:
        """Where the numbers of samples go, as they come."""
        return Kept([one.name for one in self._metrics])

    def table(self, kept: Kept) -> Evaluation:
        """What is known so far.

        Args:
            kept: of at least one sample.
        """
        return Evaluation(
            [one.label for one in self._ways],
            [one.label for one in self._controls],
            [
                Column(one.name, one.title, one.better, kept.along.get(one.name, CHANGED))
                for one in self._metrics
            ],
            kept.values(),
            kept.curves(),
            {number: str(error) for number, error in kept.errors.items()},
        )

    @property
    def rows(self) -> list[Way]:
        """The methods and, after them, the controls."""
        return [*self._ways, *self._controls]

    def _one_by_one(self, kept: Kept, start: int, x: Any, target: Any, masks: Any) -> None:
        """Samples of which one cannot be measured."""
        for number in range(len(as_tuple(x)[0])):
            own = slice(number, number + 1)
            of_one = (
                part_of(x, number, number + 1),
                target[own] if is_of_each(target) else target,
                None if masks is None else masks[own],
            )
            try:
                kept.add(start + number, self.measure(start + number, *of_one))
            except GradCamError as error:
                kept.add_error(start + number, len(self.rows), error)

    def measure(self, start: int, x: Any, target: Any, masks: Any) -> list[list[Measured]]:
        """For each measure what it says of each row.

        Args:
            start: the number of the first of these samples.
            x: them.
            target: of each, or of all.
            masks: where the object is in each, or None.
        """
        explanations = self._explained(start, x, target)
        case = Case(
            explanations,
            self._net,
            x,
            target,
            output=self._output,
            checks=[self._check(one) for one in self._metrics],
        )
        if any(one.wants.masks for one in self._metrics):
            masks = masks_of(masks, len(explanations[0]), case.positions)
        return [
            measured(one, case, self._metric_options[one.name], masks if one.wants.masks else None)
            for one in self._metrics
        ]

    def check(self, shape: Sequence[int]) -> None:
        """Refuse options of measures that do not fit an input.

        Args:
            shape: of the input, channels first.

        Raises:
            MetricError: what it says.
        """
        for one in self._metrics:
            self._check(one)(shape)

    def _check(self, metric: Metric) -> Any:
        return lambda shape: check_options(metric, shape, self._metric_options[metric.name])

    def _explained(self, start: int, x: Any, target: Any) -> list[Explanation]:
        """Of each row; those of one layer on one run."""
        found: dict[str, Explanation] = {}
        for layer in dict.fromkeys(_hashable(one.layer) for one in self.rows):
            rows = [one for one in self.rows if _hashable(one.layer) == layer]
            methods = [one.method for one in rows]
            plan = Plan(
                methods,
                rows[0].layer,
                output=self._output,
                options={one: self._options_of(one, start) for one in methods},
                names=self._names,
            )
            explained = plan.run(self._net, x, target)
            found.update({one.label: explained.first(one.method) for one in rows})
        return [found[one.label] for one in self.rows]

    def _options_of(self, method: str, start: int) -> dict[str, Any]:
        own = dict(self._options.get(method, {}))
        takes = find_method(method).options
        if "progress" in takes:
            own.setdefault("progress", False)
        if method in [one.method for one in self._controls] and "seed" in takes:
            own.setdefault("seed", self._seed)
        if "start" in takes:
            own.setdefault("start", start)  # another map for each sample of the data set
        return own

    def leave_out_what_does_not_fit(self, x: Any, target: Any) -> None:
        """Say which of the controls there is none of for such inputs, as vectors have no middle.

        Args:
            x: samples.
            target: of each, or of all.
        """
        first, of_first = part_of(x, 0, 1), target[:1] if is_of_each(target) else target
        for one in list(self._controls):
            try:
                Plan([one.method], one.layer, output=self._output, names=self._names).run(
                    self._net, first, of_first
                )
            except (MethodError, LayerError) as error:
                self._controls.remove(one)
                warnings.warn(f"without {one.method}: {error}", stacklevel=caller_level())


class Kept:
    """The numbers of the samples so far; of curves no more than their sums.

    Args:
        metrics: the names of the measures.
    """

    def __init__(self, metrics: Sequence[str]) -> None:
        self._metrics = list(metrics)
        self._values: list[np.ndarray] = []
        self._curves: dict[str, list[Any]] = {}
        self.along: dict[str, str] = {}
        self.errors: dict[int, GradCamError] = {}
        self.count = 0

    def add(self, start: int, found: Sequence[Sequence[Measured]]) -> None:
        """Those of some samples.

        Args:
            start: the number of the first.
            found: for each measure what it says of each row.
        """
        self._values.append(np.array([[one.values for one in rows] for rows in found]))
        self.count = start + self._values[-1].shape[-1]
        for rows in found:
            if rows[0].curve is None:
                continue
            self.along[rows[0].metric] = rows[0].along
            curves = np.array([one.curve for one in rows], float)  # (rows, N, K)
            sums = [curves.sum(axis=1), (curves**2).sum(axis=1), curves.shape[1]]
            before = self._curves.get(rows[0].metric)
            if before is None:
                self._curves[rows[0].metric] = [rows[0].at, *sums]
            else:
                before[1:] = [one + other for one, other in zip(before[1:], sums)]

    def add_error(self, number: int, rows: int, error: GradCamError) -> None:
        """A sample that could not be measured.

        Args:
            number: of the sample.
            rows: how many there are.
            error: why.
        """
        self._values.append(np.full((len(self._metrics), rows, 1), np.nan))
        self.errors[number], self.count = error, number + 1

    def values(self) -> np.ndarray:
        """(metrics, rows, N)."""
        return np.concatenate(self._values, axis=-1)

    def curves(self) -> dict[str, np.ndarray]:
        """(3, rows, K): where, mean, standard error."""
        found = {}
        for name, (at, sums, squares, count) in self._curves.items():
            mean = sums / count
            with np.errstate(invalid="ignore", divide="ignore"):
                variance = np.maximum(squares - count * mean**2, 0) / np.float64(count - 1)
                error = np.sqrt(variance / count)
            found[name] = np.stack([np.broadcast_to(at, mean.shape), mean, error])
        return found


def _is_array(x: Any) -> bool:
    return hasattr(x, "shape") or (isinstance(x, tuple) and all(hasattr(one, "shape") for one in x))


def is_of_each(target: Any) -> bool:
    """Whether it is a list with a target for each sample."""
    return isinstance(target, (list, tuple)) or (hasattr(target, "shape") and target.ndim == 1)


def _hashable(layer: Any) -> Any:
    return layer if isinstance(layer, (str, type(None))) else id(layer)


def _check_known(options: Options, methods: Iterable[str]) -> None:
    known = set(methods)
    for name in options:
        if name not in known:
            raise MethodError(
                f"options for {name!r}, which is not evaluated; the methods are "
                f"{', '.join(sorted(known))}"
            )


def _quiet(
    metrics: Sequence[Metric], given: Mapping[str, Mapping[str, Any]], seed: int
) -> dict[str, dict[str, Any]]:
    """Name of each measure → its options; one bar is enough.

    Raises:
        MetricError: options of another measure, or that the measure does not take.
    """
    takes = {one.name: one.options for one in metrics}
    for name, own in given.items():
        unknown = sorted(set(own) - set(takes.get(name, {})))
        if name not in takes or unknown:
            raise MetricError(
                f"options for {name!r} that nothing takes: {unknown or sorted(own)}; the metrics "
                f"are {', '.join(takes)}"
                + (
                    f", and {name} takes {', '.join(takes[name]) or 'none'}"
                    if name in takes
                    else ""
                )
            )
    usual = {"progress": False, "seed": seed}
    return {
        name: {**{one: value for one, value in usual.items() if one in of}, **given.get(name, {})}
        for name, of in takes.items()
    }
