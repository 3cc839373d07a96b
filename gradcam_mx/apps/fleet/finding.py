"""What is found of samples: the cells of their rows."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, Sequence

import cv2
import numpy as np

from ... import picture
from ...errors import GradCamError, MethodError, NetworkError, reason
from ...explanation.explanation import Explanation
from ...metrics import METRICS
from ...store.columns import Cells, Traits, packed
from ..outputs import chances_of
from ..writing import are_apart
from .asked import LABEL, Asked

CELLS = 32
"""The longest side of the strength of attributions, which is kept in their place."""


class Finder:
    """Explains samples, some at a time.

    Args:
        asked: what is asked of each.
    """

    def __init__(self, asked: Asked) -> None:
        self.traits: dict[str, Traits] = {}
        """Method → what all its maps have in common."""
        self._asked = asked
        self._at_once = asked.in_a_call
        self._plans = {asked.methods: asked.plan}

    @property
    def at_once(self) -> int:
        """How many samples run in one call."""
        return self._at_once

    def find(
        self, inputs: Sequence[np.ndarray], labels: Sequence[int | None], methods: tuple[str, ...]
    ) -> list[Cells | GradCamError]:
        """The cells of each sample, or why there are none.

        All that go into a call of several are as many as go into the others: what is missing is
        made up by copies, so that the net is compiled for one shape.

        Args:
            inputs: (1, C, H, W) each.
            labels: the true class of each, where it is known.
            methods: what is found besides what the net says.
        """
        if self._at_once > 1:
            try:
                return [*self._filled(inputs, labels, methods)]
            except GradCamError:  # of one of them, or as they touch each other
                pass
        found: list[Cells | GradCamError] = []
        for x, label in zip(inputs, labels):
            try:
                found += self._filled([x], [label], methods)
            except GradCamError as error:
                found.append(error)
        return found

    def _filled(
        self, inputs: Sequence[np.ndarray], labels: Sequence[int | None], methods: tuple[str, ...]
    ) -> list[Cells]:
        """The cells of samples that run in a call that is made up to its size."""
        fill = self._at_once - len(inputs)
        x = np.concatenate([*inputs, *[inputs[-1]] * fill])
        with failures_of_others("the sample cannot be explained"):
            return self._found(x, [*labels, *[labels[-1]] * fill], methods)[: len(inputs)]

    def _found(
        self, x: np.ndarray, labels: Sequence[int | None], methods: tuple[str, ...]
    ) -> list[Cells]:
        asked = self._asked
        target = list(labels) if asked.target == LABEL else asked.target
        plan = self._plans.setdefault(methods, asked.plan_of(methods))
        recorded = plan.record(asked.placed, x, target)
        if len(x) > 1 and not are_apart(recorded):
            self._at_once = 1  # from now on each is alone in its call
            raise NetworkError("samples change what the net gives for each other")
        done = plan.explain(recorded, target)
        rows = _said(chances_of(recorded), len(x), asked.top)
        for number, row in enumerate(rows):
            row["score"] = float(done.run.score[number])
        for method in methods:
            explanation = done.first(method)
            self._keep(explanation, rows)
            for name, options in asked.options_of_metrics.items():
                of_map = METRICS[name].function(asked.placed, x, explanation, target, **options)
                for row, value in zip(rows, of_map.values):
                    row[f"{method}.{name}"] = float(value)
        return rows

    def _keep(self, explanation: Explanation, rows: Sequence[Cells]) -> None:
        """Write what a method found into the rows."""
        method = explanation.method
        for number, row in enumerate(rows):
            alone = explanation[number]
            is_strength = not alone.is_map
            values = _strength(alone) if is_strength else alone.values
            shown = values[0] if alone.views == 1 else values
            row.update({f"{method}.{name}": one for name, one in packed(shown).items()})
            if isinstance(alone.target, list) and not isinstance(alone.target[0], str):
                row["target"] = int(alone.target[0])
            if method in self._asked.full:
                kept = np.ascontiguousarray(alone.values[0], "<f4")
                row[f"{method}.values"] = kept.tobytes()
                row[f"{method}.values_shape"] = list(kept.shape)
        self.traits[method] = Traits(
            explanation.title, explanation.layer, explanation.signed, is_strength
        )


def _said(chances: np.ndarray | None, count: int, top: int) -> list[Cells]:
    """What the net says of each sample."""
    if chances is None:
        return [{} for _ in range(count)]
    order = np.argsort(-chances, axis=1, kind="stable")[:, :top]
    return [
        {
            "predicted": int(classes[0]),
            "probability": float(of_sample[classes[0]]),
            "top": classes.tolist(),
            "top_probability": of_sample[classes].tolist(),
        }
        for classes, of_sample in zip(order, chances)
    ]


def _strength(explanation: Explanation) -> np.ndarray:
    """How strong attributions are at each place, the mean of a cell where there are many places."""
    strength = picture.strength(explanation.values)
    sides = strength.shape[1:]
    if len(sides) != 2 or max(sides) <= CELLS:
        return strength
    height, width = (max(1, round(side * CELLS / max(sides))) for side in sides)
    return np.stack(
        [cv2.resize(one, (width, height), interpolation=cv2.INTER_AREA) for one in strength]
    )


@contextmanager
def failures_of_others(what: str) -> Iterator[None]:
    """What the code of somebody else raises, of a data set, a method or a measure, as an error of
    ours.

    Args:
        what: has failed.

    Raises:
        MethodError: it has raised something.
    """
    try:
        yield
    except (GradCamError, MemoryError):
        raise
    except Exception as error:
        raise MethodError(f"{what} ({type(error).__name__}: {reason(error)})") from error
