"""What a network gives: classes, detections, or a map of classes; and what of it is explained."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Sequence

import numpy as np
from PIL import Image

from .. import zoo
from ..errors import TargetError
from ..graph.graph import Graph
from ..graph.kinds import Kind
from ..graph.outputs import choose, holds_classes
from ..methods.recorded import Recorded
from ..targets import BestDetection, Detection, Segmentation, WhereFound

CLASSES, DETECTIONS = "classes", "detections"

Said = Callable[[int], str]
"""Gives what a class is called."""


@dataclass(frozen=True)
class Given:
    """What a network gives for a photo.

    Args:
        what: in words.
        options: those that say what of it is explained.
        target: gives what is explained, of the options and the class that is asked for.
        said: gives what it says of a photo, by its number, as lines in the order of what counts
            most.
    """

    what: str
    options: tuple[str, ...]
    target: Callable[[argparse.Namespace, int | None], Any]
    said: Callable[[Recorded, int, Said], list[str]]

    def told(self, predictions: list[str]) -> list[str]:
        """What is printed of a photo: what the network says, and of what kind it is.

        Args:
            predictions: what it says.
        """
        if self.what == CLASSES:
            return predictions
        first, *others = predictions or ["none"]
        return [f"{self.what}: {first}", *others]


def given_by(graph: Graph, output: str | int | None, prepare: zoo.Preprocess) -> Given:
    """What a network gives.

    Args:
        graph: of the network.
        output: which of its outputs is meant.
        prepare: how photos are prepared for it.
    """
    shapes = graph.shapes((1, *prepare.shape))
    # an output that depends on labels has no shape here
    if output is None and _are_boxes([shapes.get(one.point, ()) for one in graph.outputs]):
        return Given(DETECTIONS, ("box", "detection"), _of_boxes, _boxes_said)
    point = choose(graph.outputs, output)[0].point
    if graph.nodes[point[0]].operator.kind is Kind.DETECTION and len(shapes[point]) == 3:
        return Given(DETECTIONS, (), lambda _, class_id: BestDetection(class_id), _rows_said)
    if holds_classes(shapes[point]):
        return Given(CLASSES, (), lambda _, class_id: class_id, _classes_said)
    positions = shapes[point][2:]
    return Given(
        f"a map of {shapes[point][1]} classes",
        ("mask",) if len(positions) == 2 else (),
        lambda options, class_id: _of_map(options, class_id, prepare, positions),
        _map_said,
    )


def target(options: argparse.Namespace, given: Given, class_id: int | None) -> Any:
    """What is explained, as the options say.

    Args:
        options: of the command line.
        given: what the network gives.
        class_id: the class that is asked for.

    Raises:
        TargetError: an option is for networks of another kind.
    """
    for name in ("box", "detection", "mask"):
        if getattr(options, name) is not None and name not in given.options:
            raise TargetError(f"the network gives {given.what}: leave out --{name}")
    return given.target(options, class_id)


# -- boxes in outputs of their own ---------------------------------------------------------------


def _are_boxes(shapes: Sequence[tuple[int, ...]]) -> bool:
    """Whether the first outputs are classes, scores and boxes, as GluonCV's detection nets have
    them: (N, B, 1), (N, B, 1), (N, B, 4)."""
    if len(shapes) < 3 or any(len(one) != 3 for one in shapes[:3]):
        return False
    return [one[2] for one in shapes[:3]] == [1, 1, 4] and len({one[:2] for one in shapes[:3]}) == 1


def _of_boxes(options: argparse.Namespace, class_id: int | None) -> Any:
    if options.box is not None and options.detection is not None:
        raise TargetError("--box and --detection both name a detection: give one of the two")
    if options.box is not None:
        return Detection(box=options.box, class_id=class_id)
    if class_id is not None:
        raise TargetError(
            "the network gives detections, of which a class may have several: give --detection N, "
            "as they are printed, or --box X0,Y0,X1,Y1 with the class"
        )
    return Detection(index=options.detection or 0)


def _boxes_said(recorded: Recorded, sample: int, said: Said) -> list[str]:
    links = recorded.known.links
    ids, scores, boxes = (
        (one if link is None else link(one)).asnumpy()[sample]
        for one, link in zip(recorded.outputs[:3], links)
    )
    return [
        f"{number} {said(int(kind))} {score:.2f} at {_corners(box)}"
        for number, (kind, score, box) in enumerate(zip(ids[:, 0], scores[:, 0], boxes))
        if kind >= 0
    ]


def _corners(box: Any) -> str:
    return ",".join(f"{one:.4g}" for one in box)


# -- rows of detections --------------------------------------------------------------------------


def _rows_said(recorded: Recorded, sample: int, said: Said) -> list[str]:
    rows = recorded.outputs[0].asnumpy()[sample]
    found = rows[rows[:, 0] >= 0]
    return [
        f"{said(int(row[0]))} {row[1]:.2f} at {_corners(row[2:6])}"
        for row in found[np.argsort(-found[:, 1], kind="stable")]
    ]


# -- maps ----------------------------------------------------------------------------------------


def _of_map(
    options: argparse.Namespace,
    class_id: int | None,
    prepare: zoo.Preprocess,
    positions: tuple[int, ...],
) -> Any:
    if options.mask is None:
        return WhereFound(class_id)
    if class_id is None:
        raise TargetError("--mask says where a class is explained: give the class by --class")
    return Segmentation(class_id, _mask(options.mask, prepare, positions))


def _mask(path: Path, prepare: zoo.Preprocess, positions: tuple[int, ...]) -> np.ndarray:
    """Where a picture is white, at the positions of the net's output."""
    seen = Image.fromarray(prepare.crop(path)).convert("L")
    height, width = positions
    white = np.asarray(seen.resize((width, height), Image.Resampling.BOX)) > 127
    if not white.any():
        raise TargetError(
            f"the mask {path} is nowhere white in what the net sees: it has to be white where the "
            "class is explained, and black elsewhere"
        )
    return white


def _map_said(recorded: Recorded, sample: int, said: Said) -> list[str]:
    """The classes by how much of the picture they have."""
    scores = recorded.outputs[0].asnumpy()[sample]
    counts = np.bincount(scores.argmax(axis=0).ravel(), minlength=len(scores))
    shares = counts / counts.sum()
    return [
        f"{said(int(one))} on {shares[one]:.0%}"
        for one in np.argsort(-counts, kind="stable")
        if counts[one]
    ]


# -- classes -------------------------------------------------------------------------------------


def _classes_said(recorded: Recorded, sample: int, said: Said) -> list[str]:
    found = chances_of(recorded)
    if found is None:
        return []
    chances = found[sample]
    return [f"{said(int(one))} {chances[one]:.2f}" for one in np.argsort(-chances)]


def chances_of(recorded: Recorded) -> np.ndarray | None:
    """(N, K) the probabilities of the classes; None if the output is no class scores.

    Args:
        recorded: the net on N photos.
    """
    return recorded.probabilities(0)
