"""The target of one detected box."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Sequence

import numpy as np

from ..errors import TargetError
from ..graph.outputs import OutputChoice
from ..support.arrays import flat, is_whole, like
from .checks import ClassIds, each
from .protocol import BaseTarget


@dataclass(frozen=True)
class Detection(BaseTarget):
    """The score of one detected box, of a net with outputs for classes, scores and boxes.

    GluonCV's detection nets give ids (N, B, 1), scores (N, B, 1) and boxes (N, B, 4) as corners
    (x0, y0, x1, y1); a detection that was suppressed has the id -1. Which box is meant is found out
    from ids and boxes; the gradient goes to its score alone. Methods that change the input look for
    the box that was found in x itself, and where it is gone, its score is 0.

    Args:
        index: which detection.
        box: (x0, y0, x1, y1) instead: the detection that overlaps most with it.
        class_id: with `box`: among the detections of this class, or one for each sample.
        min_iou: with `box`: the intersection over union that it has to reach.
        outputs: the numbers or names of the net's outputs for ids, scores and boxes.
        lost: the score where there is no such detection; an error by default.
    """

    index: int | None = None
    box: Sequence[float] | None = None
    class_id: ClassIds | None = None
    min_iou: float = 0.5
    outputs: Sequence[int | str] = (0, 1, 2)
    lost: float | None = None

    class_fields = ("class_id",)
    classes_are_scored = False
    takes = 3

    @property
    def reads(self) -> OutputChoice:
        """The outputs for ids, scores and boxes."""
        return tuple(self.outputs)

    def __post_init__(self) -> None:
        if (self.index is None) == (self.box is None):
            raise TargetError("Detection takes either an index or a box")
        if self.index is not None and not is_whole(self.index):
            raise TargetError(f"the index of a detection is a whole number; got {self.index!r}")
        if self.box is not None:
            box = np.asarray(self.box, np.float64)
            if box.shape != (4,) or not (box[:2] < box[2:]).all():
                raise TargetError(
                    f"the box {self.box!r} has no area; expected its corners, (x0, y0, x1, y1)"
                )
        if not (isinstance(self.min_iou, (int, float, np.number)) and 0 <= self.min_iou <= 1):
            raise TargetError(f"min_iou is {self.min_iou!r}; expected 0 to 1")

    def __call__(self, ids: Any, scores: Any, boxes: Any) -> Any:
        rows = scores.shape[:2]
        if (ids.shape, scores.shape, boxes.shape) != ((*rows, 1), (*rows, 1), (*rows, 4)):
            raise TargetError(
                f"the outputs {tuple(self.outputs)} have shapes {ids.shape}, {scores.shape}, "
                f"{boxes.shape}; expected ids (N, B, 1), scores (N, B, 1) and boxes (N, B, 4)"
            )
        wanted = [None] * len(ids) if self.class_id is None else each(self.class_id, len(ids))
        weights, rest = np.zeros(rows), np.zeros(rows[0])
        for sample, one in enumerate(zip(ids.asnumpy()[..., 0], boxes.asnumpy(), wanted)):
            try:
                weights[sample, self._choose(*one)] = 1
            except TargetError:
                if self.lost is None:
                    raise
                rest[sample] = self.lost
        chosen = flat(scores * like(weights[..., None], scores)).sum(axis=1)
        return chosen + like(rest, scores)

    def of_variants(self, *values: Any) -> Any:
        """The same detection of each sample, in outputs for variants of it.

        Args:
            values: ids (N, B, 1), the class of each box, -1 for none; scores (N, B, 1); boxes
                (N, B, 4), the corners: the net's outputs for the samples.
        """
        if self.lost is not None:
            return self
        ids, _, boxes = values
        wanted = [None] * len(ids) if self.class_id is None else each(self.class_id, len(ids))
        found = []
        for kinds, places, class_id in zip(ids.asnumpy()[..., 0], boxes.asnumpy(), wanted):
            one = replace(self, class_id=class_id, lost=0.0)
            if self.index is not None:
                # their order changes with their scores
                place = places[self.index].astype(np.float64)
                if (place[:2] < place[2:]).all():
                    one = replace(
                        one, index=None, box=tuple(place.tolist()), class_id=int(kinds[self.index])
                    )
            found.append(one)
        return found

    def _choose(self, ids: np.ndarray, boxes: np.ndarray, class_id: int | None) -> int:
        if self.index is not None:
            if not 0 <= self.index < len(ids) or ids[self.index] < 0:
                raise TargetError(
                    f"there is no detection {self.index}: index out of range or "
                    f"suppressed; there are {np.flatnonzero(ids >= 0).tolist()}"
                )
            return self.index
        allowed = ids >= 0 if class_id is None else ids == class_id
        overlaps = np.where(allowed, _iou(np.asarray(self.box, np.float64), boxes), -1.0)
        best = int(overlaps.argmax())
        if overlaps[best] < self.min_iou:
            kind = "" if class_id is None else f" of class {class_id}"
            raise TargetError(
                f"no detection{kind} overlaps the box {self.box!r} by {self.min_iou} or more "
                f"(intersection over union); the best does by {max(overlaps[best], 0):.2f}"
            )
        return best


def _iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box with each of several (B, 4)."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    areas = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1)
    return shared / ((box[2:] - box[:2]).prod() + areas - shared)
