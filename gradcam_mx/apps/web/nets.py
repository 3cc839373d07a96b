"""The networks that the app shows, and what the page is told of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Iterator, Sequence

import numpy as np

from ... import zoo
from ...errors import GradCamError, TargetError
from ...graph.graph import Graph
from ...graph.kinds import WEIGHTED
from ...graph.operators import operator
from ...support.labels import Labels, plain
from ...targets.names import ClassNames, class_count
from ..outputs import CLASSES, Given, given_by
from ..settings import fingerprint
from .store import key_of

MOST_VALUES = 2**28
"""The most numbers that a value inside a network may have: a gigabyte of them."""


@dataclass(frozen=True)
class HeldNet:
    """A network, how photos are prepared for it, and how people got it."""

    name: str
    graph: Graph
    preprocess: zoo.Preprocess
    given_names: Labels | None = None
    """Those of the classes, where they were given."""
    python: Sequence[str] = ()
    """Lines of code that make `net` and `preprocess`."""
    command: Sequence[str] = ()
    """The options of the command line that name it."""
    before: Sequence[str] = ()
    """Lines of code that run first, as those of plugins."""

    @cached_property
    def id(self) -> str:
        """By its operators and numbers, and by how photos are prepared."""
        return key_of(fingerprint(self.graph), repr(self.preprocess))[:16]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the input for one photo."""
        return (1, *self.preprocess.shape)

    @cached_property
    def given(self) -> Given:
        """What it gives for a photo."""
        return given_by(self.graph, None, self.preprocess)

    @cached_property
    def problem(self) -> str | None:
        """Why it cannot be explained; None if nothing is known against it."""
        try:
            self.graph.layers(self.shape)
            self.given  # noqa: B018 - it refuses what it does not know
            largest = max(self._sizes(), default=0)
        except GradCamError as error:
            return str(error)
        if largest > MOST_VALUES:
            return (
                f"one of its values has {largest:,} numbers for a photo, more than the "
                f"{MOST_VALUES:,} that the app computes with"
            )
        return None

    def _sizes(self) -> Iterator[int]:
        shapes = self.graph.shapes(self.shape)
        return (math.prod(map(int, shapes[one])) for one in shapes)

    @cached_property
    def classes(self) -> int | None:
        """How many classes it tells apart; None if it gives none."""
        if self.problem is not None or self.given.what != CLASSES:
            return None
        point = self.graph.outputs[0].point
        return class_count(self.graph.shapes(self.shape)[point])

    @cached_property
    def labels(self) -> Labels | None:
        """The names of its classes, where they are known."""
        try:
            return ClassNames.of(self.graph, self.given_names).labels(self.classes)
        except TargetError:
            return None

    def said(self, class_id: int) -> str:
        """What a class is called, with its number.

        Args:
            class_id: the number.
        """
        known = self.labels is not None and 0 <= class_id < len(self.labels)
        return f"{self.labels.name(class_id)} ({class_id})" if known else f"class {class_id}"  # type: ignore[union-attr]

    @cached_property
    def layers(self) -> list[dict[str, Any]]:
        """The layers as the rows of a tree, parents before their children."""
        if self.problem is not None:
            return []
        table = self.graph.layers(self.shape)
        own = {one.name: one for one in table}
        tree: dict[str, list[str]] = {"": []}
        for name in own:
            parts = name.split(".")
            for depth in range(1, len(parts) + 1):
                path, above = ".".join(parts[:depth]), ".".join(parts[: depth - 1])
                if path not in tree:
                    tree[path] = []
                    tree.setdefault(above, []).append(path)
        rows: list[dict[str, Any]] = []
        waiting = tree[""][::-1]
        while waiting:
            path = waiting.pop()
            waiting += tree[path][::-1]
            rows.append(_row(path, own.get(path), bool(tree[path])))
        return rows

    @cached_property
    def told(self) -> dict[str, Any]:
        """It in words of the interface."""
        default = next((one["name"] for one in self.layers if one["is_default"]), None)
        contexts = self.graph.parameters.contexts()
        held = self.graph.parameters.on(contexts[0]).values() if contexts else ()
        return {
            "id": self.id,
            "name": self.name,
            "input": list(self.shape),
            "classes": self.classes,
            "has_names": self.labels is not None,
            "gives": "nothing" if self.problem else self.given.what,
            "default_layer": default,
            "layers": sum(one["can_choose"] for one in self.layers),
            "parameters": int(sum(np.prod(one.shape) for one in held)),
            "problem": self.problem,
        }

    def classes_like(self, text: str, limit: int) -> list[dict[str, Any]]:
        """Classes whose name holds a text, or whose number begins with it.

        Args:
            text: as it was typed so far.
            limit: the most that are told.
        """
        wanted = plain(text)
        found: list[dict[str, Any]] = []
        for number in range(self.classes or 0):
            name = None if self.labels is None else self._whole_name(number)
            begins = str(number).startswith(text.strip()) if text.strip().isdecimal() else False
            if not wanted or begins or (name is not None and wanted in plain(name)):
                found.append({"class": number, "name": name})
        is_start = {
            one["class"]: plain(str(one["name"] or "")).startswith(wanted)
            or str(one["class"]) == text.strip()
            for one in found
        }
        found.sort(key=lambda one: not is_start[one["class"]])
        return found[:limit]

    def _whole_name(self, number: int) -> str:
        assert self.labels is not None
        return ", ".join(self.labels.names[number])


def _row(path: str, layer: Any, has_children: bool) -> dict[str, Any]:
    """A layer in words of the interface; `layer` is None for one that only holds others."""
    parent, _, label = path.rpartition(".")
    known = layer is not None
    return {
        "name": path,
        "label": label,
        "depth": path.count("."),
        "parent": parent or None,
        "op": layer.op if known else "",
        "block": layer.block if known else "",
        "shape": list(layer.shape) if known else None,
        "is_default": known and layer.is_default,
        "has_positions": known and len(layer.shape) == 4,
        "has_weights": known and not has_children and _has_weights(layer.op),
        "can_choose": known,
    }


def _has_weights(op: str) -> bool:
    """Whether a layer of that kind may have a weight to look at."""
    names = {op, {"Conv2D": "Convolution", "Dense": "FullyConnected"}.get(op, op)}
    return any(operator(name).kind in WEIGHTED for name in names)
