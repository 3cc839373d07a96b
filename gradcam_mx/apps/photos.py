"""Photos on the command line: what is done with each, where they are, what they are called."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from .. import picture, zoo
from ..graph.digest import Digest, digest_of
from ..graph.graph import Graph
from ..methods import METHODS, Plan
from ..methods.options import Options
from ..support.paths import base_of, source_of
from .outputs import CLASSES, Given
from .run_folder import RunFolder


@dataclass(frozen=True)
class Job:
    """What is done with each photo."""

    graph: Graph
    preprocess: zoo.Preprocess
    methods: list[str]
    given: Given
    """What the network gives."""
    options: Options = field(default_factory=dict)
    target: Any = None
    layer: str | None = None
    output: int | str | None = None
    labels: Any = None
    """The classes' names, a `zoo.labels.Labels`; None if they have none."""
    top_k: int = 5
    bits: int | None = None
    """How many bits the numbers have in photos of 16 bits; None for all."""
    at_a_time: int = 1
    """How many photos are explained in one call of the net, where that changes nothing."""
    chosen: Mapping[str, Any] = field(default_factory=dict)
    """What the target was made of: "class", "box", "detection", and whether there was a "mask"."""

    @cached_property
    def sheet(self) -> picture.Sheet:
        """What the figures are drawn on, one after the other."""
        return picture.Sheet()

    @cached_property
    def digest(self) -> Digest:
        """The hashes of the network."""
        return digest_of(self.graph)

    @cached_property
    def plan(self) -> Plan:
        """How each photo is explained."""
        return Plan(self.methods, self.layer, output=self.output, options=self.options)

    @property
    def in_a_call(self) -> int:
        """How many photos run in one call: one, unless each is explained as it is alone."""
        are_alone = any(METHODS[name].is_alone for name in self.methods)
        return 1 if are_alone or self.given.what != CLASSES else self.at_a_time

    def said(self, class_id: int) -> str:
        """What a class is called, with its number.

        Args:
            class_id: the number.
        """
        known = self.labels is not None and 0 <= class_id < len(self.labels)
        return f"{self.labels.name(class_id)} ({class_id})" if known else f"class {class_id}"

    def files(self, name: str) -> list[str]:
        """What is written for one photo: its figure, its values, a picture for each method.

        Args:
            name: what the photo is called in the folder of the run.
        """
        return [f"{name}.png", f"{name}.npz", *(f"{name}_{one}.png" for one in self.methods)]


@dataclass(frozen=True)
class Source:
    """A photo that is explained: where it is from, and what it is called in results."""

    path: str
    """As it was given, or where else it is from."""
    place: str
    """Its whole path, which results name it by."""
    name: str
    """Of its files, relative to the folder of the run, without what tells them apart."""
    read: Callable[[], np.ndarray]
    """Gives (H, W, 3) uint8."""
    sha256: Callable[[], str]
    """Of the file."""


def sources(given: Sequence[str], photos: Sequence[Path], job: Job, out: RunFolder) -> list[Source]:
    """The photos, each with a name of its own in the folder of the run.

    Args:
        given: the arguments that the photos were found by.
        photos: their paths.
        job: what is done with them.
        out: the folder of the run.
    """
    names = out.names(photos, base_of_all(given, photos), job.files)
    return [from_file(path, job.bits, name) for path, name in zip(photos, names)]


def base_of_all(given: Sequence[str], photos: Sequence[Path]) -> Path:
    """The deepest folder that holds all photos, and the folders among the arguments.

    Args:
        given: the arguments that the photos were found by.
        photos: their paths.
    """
    folders = [one for one in (Path(text).expanduser() for text in given) if one.is_dir()]
    return base_of(photos, folders)


def from_file(path: Path, bits: int | None, name: str = "") -> Source:
    """A photo in a file.

    Args:
        path: of the file.
        bits: how many the numbers have in photos of 16 bits; None for all.
        name: of its own files, if it gets some.
    """
    return Source(
        str(path),
        source_of(path),
        name,
        lambda: zoo.read_photo(path, bits=bits),
        lambda: hashlib.sha256(path.expanduser().read_bytes()).hexdigest(),
    )


def from_array(photo: np.ndarray, path: str, place: str, name: str) -> Source:
    """A photo in memory.

    Args:
        photo: (H, W, 3) uint8.
        path: what messages call it.
        place: what results name it by.
        name: of its files.
    """
    return Source(
        path, place, name, lambda: photo, lambda: hashlib.sha256(photo.tobytes()).hexdigest()
    )


def in_memory(photos: Mapping[str, np.ndarray]) -> list[Source]:
    """Photos that come with scikit-image.

    Args:
        photos: name → (H, W, 3) uint8.
    """
    return [from_array(photo, name, f"skimage.data.{name}", name) for name, photo in photos.items()]
