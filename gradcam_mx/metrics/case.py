"""What measures draw on: explanations of one input, what they say of each position, and the net."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Callable, Hashable, Iterable, Sequence, TypeVar

import numpy as np

from ..engine.chunks import AUTO, BatchSize, Variant
from ..engine.inputs import as_tuple
from ..engine.order import arranged
from ..errors import InputError, MetricError, TargetError
from ..explanation.explanation import Explanation
from ..explanation.relevant import positions_in, relevance
from ..graph.graph import Graph
from ..graph.trace import trace
from ..methods.baselines import positions_of
from ..methods.needs import Needs
from ..methods.plan import Plan
from ..methods.register import find_method
from ..methods.run import Run
from ..methods.view import View

T = TypeVar("T")

_SAME_SCORE = 1e-3
"""How far the score of an explanation may be from that of the net, as a share of the largest
output: more than rounding in other sizes of batch, and less than any other target."""


class Case:
    """Explanations of the same input and target, to be measured.

    Args:
        explanations: of the same samples.
        net: what they are of; None for measures that need none.
        x: the input that they are of; None for measures that need none.
        target: what they explain; by default the classes that they name.
        output: which of several outputs, as it was explained.
        checks: of options, called with the shape of x before anything is computed.

    Raises:
        InputError: they are of other samples.
        MetricError: nothing is to be measured.
    """

    def __init__(
        self,
        explanations: Sequence[Explanation],
        net: Any = None,
        x: Any = None,
        target: Any = None,
        *,
        output: Any = None,
        checks: Sequence[Callable[[Sequence[int]], None]] = (),
    ) -> None:
        self.explanations = list(explanations)
        _check_alike(self.explanations)
        self._net, self._x, self._target, self._output = net, x, target, output
        self._checks = checks
        self._kept: dict[Hashable, Any] = {}

    @cached_property
    def positions(self) -> tuple[int, ...]:
        """The size of the input along its positions; of vectors the number of their values."""
        return positions_in(self.explanations[0])

    @cached_property
    def relevance(self) -> np.ndarray:
        """(E, N, *positions) float64: what each explanation says of each position, signed.

        Maps lie on the input as they are drawn. Attributions are added up over the channels where
        they are shares of the score; of those that are not, such as gradients, it is the absolute
        values.
        """
        return np.stack([relevance(one) for one in self.explanations])

    @cached_property
    def run(self) -> View:
        """The net, run on the input, for the target.

        Raises:
            InputError: it says something else than what was explained.
            LayerError, TargetError, NetworkError: what they say, before anything is computed.
        """
        if self._net is None or self._x is None:
            raise InputError("this measure needs the net and the input that were explained")
        run = self._ran[0]
        self._check_scores(run)
        return run

    @cached_property
    def _ran(self) -> tuple[Run, Any]:
        """The net, run; and which of its outputs is explained, as a call takes it."""
        named = self.explanations[0].output
        if self._output is not None or named is None:
            return self._run(self._output), self._output
        try:
            return self._run(named), named
        except TargetError:  # of a net made anew, whose output has another name
            return self._run(None), None

    def _run(self, output: Any) -> Run:
        return Run(
            self._net,
            self._x,
            self.target,
            None,
            [Needs(perturbs=True)],
            output=output,
            input=self._input,
            checks=[self._check_positions, *self._checks],
        )

    @cached_property
    def graph(self) -> Graph:
        """The net's graph.

        Raises:
            NetworkError: the net cannot be traced.
        """
        return trace(self._net, len(as_tuple(self._x)))

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of each of the net's inputs."""
        return [tuple(one.shape) for one in as_tuple(self._x)]

    @property
    def output(self) -> Any:
        """Which of several outputs is explained, as a call takes it."""
        return self._ran[1]

    @property
    def _input(self) -> str | None:
        return self.explanations[0].input if isinstance(self._x, (tuple, list)) else None

    @property
    def target(self) -> Any:
        """What is explained, as a call takes it: what was given, or the classes that were
        explained; of what is no class the net's own default, which has to give the same scores."""
        if self._target is not None or not self._are_of_classes:
            return self._target
        return [int(one) for one in self.explanations[0].target]

    @property
    def _are_of_classes(self) -> bool:
        known = self.explanations[0].target
        return isinstance(known, list) and all(isinstance(one, (int, np.integer)) for one in known)

    def scores(
        self,
        values: Iterable[Sequence[Variant]],
        total: int,
        what: str,
        *,
        probability: bool = False,
        batch_size: BatchSize = AUTO,
        progress: bool = True,
    ) -> np.ndarray:
        """(total, N) float64: the score, or the probability, of the target for changed inputs.

        Args:
            values: each with a variant of each sample, as `View.perturbed` takes them.
            total: how many.
            what: the progress bar's title.
            probability: whether it is that of the class.
            batch_size: how many variants run at once, or "auto".
            progress: whether to show a bar if it takes longer than two seconds.

        Raises:
            TargetError: a probability, of what is no class.
        """
        run = self.run
        if probability and not run.is_of_classes:
            raise TargetError(
                f"there is no probability of {run.target!r}, which is no class; leave "
                "probability out"
            )
        found = run.perturbed(
            values,
            batch_size=batch_size,
            progress=progress,
            total=total,
            what=what,
            probability=probability,
        )
        return np.stack([one[:, 0] for one in found]) if total else np.empty((0, len(run.x)))

    def again(
        self, number: int, x: np.ndarray | None = None, net: Any = None, target: Any = None
    ) -> Explanation:
        """What the method of an explanation finds for another input, net or target.

        Layer and options are the same.

        Args:
            number: of the explanation.
            x: in the input's place, with the channels at axis 1, where it is another one.
            net: in the net's place, where it is another one.
            target: in the target's place, where it is another one.
        """
        own = self.explanations[number]
        method = find_method(own.method)
        plan = Plan(
            [method],
            own.layer,
            output=self.output,
            input=self._input,
            options={own.method: _of_call(own.options)},
            inside=own.layer is not None and method.needs.inside,
        )
        explained = plan.run(
            self._net if net is None else net,
            self._x if x is None else self._placed(x),
            self.target if target is None else target,
        )
        return explained.first(own.method)

    def _placed(self, x: np.ndarray) -> Any:
        """Another value of the input that is explained, as the net is called with it."""
        where = self.run.input_map
        placed = arranged(x, where)
        if not isinstance(self._x, tuple):
            return placed
        names = self.graph.input_names
        return tuple(
            placed if name == where.name else one for name, one in zip(names, as_tuple(self._x))
        )

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """What several measures share: made when it is first asked for.

        Args:
            key: of what it is, with all that it depends on.
            make: makes it.
        """
        if key not in self._kept:
            self._kept[key] = make()
        found: T = self._kept[key]
        return found

    def ranks(self, seed: int) -> np.ndarray:
        """(E, N, *positions) the place of each position in the order of its relevance, from 0 for
        the most relevant.

        Args:
            seed: of the order of those that are equally relevant, which no measure shall gain by.
        """
        return self.kept(("ranks", seed), lambda: _ranks(self.relevance, len(self.positions), seed))

    def _check_positions(self, shape: Sequence[int]) -> None:
        if positions_of(shape) != self.positions:
            raise InputError(
                f"the input has the shape {tuple(shape)}; the explanations are of one with the "
                f"positions {self.positions}"
            )

    def _check_scores(self, run: View) -> None:
        for one in self.explanations:
            scale = max(float(np.abs(run.output).max()), float(np.abs(run.score).max()))
            if len(run.score) != len(one.score) or not np.allclose(
                run.score, one.score, rtol=0, atol=_SAME_SCORE * scale
            ):
                if self._target is None and not self._are_of_classes:
                    raise TargetError(
                        f"these explanations are of {one.target!r}, which is no class: pass the "
                        "target that they explain once more, target=…"
                    )
                raise InputError(
                    f"the explanation by {one.method} is of scores {_few(one.score)}, and for "
                    f"{_few(run.target)} the net gives {_few(run.score)} for this input: pass the "
                    "net, x, target and output that were explained"
                )


def _ranks(relevant: np.ndarray, axes: int, seed: int) -> np.ndarray:
    flat = relevant.reshape(*relevant.shape[: relevant.ndim - axes], -1)
    chance = np.random.RandomState(seed).permutation(flat.shape[-1])
    found = np.empty(flat.shape, np.int32)
    for index in np.ndindex(flat.shape[:-1]):
        order = np.lexsort((chance, -flat[index]))
        found[index][order] = np.arange(len(order), dtype=np.int32)
    return found.reshape(relevant.shape)


def _check_alike(explanations: Sequence[Explanation]) -> None:
    if not explanations:
        raise MetricError("no explanation was given; expected one or more")
    first = explanations[0]
    for one in explanations:
        if not isinstance(one, Explanation):
            raise InputError(f"{type(one).__name__} is no Explanation, which is what is measured")
        if len(one) != len(first) or positions_in(one) != positions_in(first):
            raise InputError(
                f"{first.method} explains {len(first)} samples of {positions_in(first)}, and "
                f"{one.method} {len(one)} of {positions_in(one)}: measure those of one input "
                "together"
            )
        if one.target != first.target:
            raise InputError(
                f"{first.method} explains {_few(first.target)}, and {one.method} "
                f"{_few(one.target)}: measure those of one target together"
            )


def _of_call(options: dict[str, Any]) -> dict[str, Any]:
    """Options of an explanation, without a bar for each of many."""
    return {**options, "progress": False} if "progress" in options else dict(options)


def _few(values: Any) -> str:
    listed = values if isinstance(values, str) else list(values)
    shown = [f"{one:.4g}" if isinstance(one, float) else str(one) for one in listed[:4]]
    if isinstance(listed, str):
        return listed
    return ", ".join(shown) + (" …" if len(listed) > 4 else "")
