"""What is found of samples: the cells of their rows."""

from __future__ import annotations

from typing import Any, Sequence

import cv2
import numpy as np

from ... import picture
from ...errors import GradCamError, InputError
from ...explanation.explanation import Explanation
from ...metrics import METRICS
from ...store.columns import Cells, Traits, packed
from ..outputs import chances_of
from ..writing import check_apart
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
        if self._at_once == 1:
            return self._one_by_one(inputs, labels, methods)
        fill = self._at_once - len(inputs)
        try:
            whole = self._found(
                [*inputs, *[inputs[-1]] * fill], [*labels, *[labels[-1]] * fill], methods
            )
            return [*whole[: len(inputs)]]
        except GradCamError:
            return self._one_by_one(inputs, labels, methods)

    def _one_by_one(
        self, inputs: Sequence[np.ndarray], labels: Sequence[int | None], methods: tuple[str, ...]
    ) -> list[Cells | GradCamError]:
        found: list[Cells | GradCamError] = []
        for x, label in zip(inputs, labels):
            try:
                found += self._found([x], [label], methods)
            except GradCamError as error:
                found.append(error)
        return found

    def _found(
        self, inputs: Sequence[np.ndarray], labels: Sequence[int | None], methods: tuple[str, ...]
    ) -> list[Cells]:
        asked = self._asked
        target = self._target(labels)
        plan = self._plans.setdefault(methods, asked.plan_of(methods))
        x = np.concatenate(inputs)
        recorded = plan.record(asked.placed, x, target)
        if len(inputs) > 1:
            check_apart(recorded)
        done = plan.explain(recorded, target)
        rows = _said(chances_of(recorded), len(inputs), asked.top)
        for number, row in enumerate(rows):
            row["score"] = float(done.run.score[number])
        for method in methods:
            explanation = done.first(method)
            self._keep(explanation, rows)
            for name in asked.metrics:
                options = {"progress": False, **asked.metric_options.get(name, {})}
                known = {one: options[one] for one in options if one in METRICS[name].options}
                of_map = METRICS[name].function(asked.placed, x, explanation, target, **known)
                for row, value in zip(rows, of_map.values):
                    row[f"{method}.{name}"] = float(value)
        return rows

    def _target(self, labels: Sequence[int | None]) -> Any:
        if self._asked.target != LABEL:
            return self._asked.target
        if None in labels:
            raise InputError("the true class is to be explained, and this sample has none")
        return list(labels)

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
