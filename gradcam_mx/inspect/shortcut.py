"""What was found in a store: clusters of maps, ranked, with a table and figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, Sequence

import numpy as np

from .. import picture
from ..errors import InputError
from ..picture.figures import Size
from ..support import html
from ..support.boundary import told
from ..support.equality import equal_by_fields
from ..support.text_tables import ruled
from .class_maps import MapsOfClass
from .cluster import Cluster, heat
from .same_photos import SamePhotos
from .vectors import embed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 4
"""How many clusters a figure has."""
_HEADER = (
    "class", "cluster", "maps", "distance", "region",
    "hidden (elsewhere)", "pasted (of clean photos)", "p", ""
)  # fmt: skip
_LEGEND = (
    "distance: of the mean map from that of the class, less what chance makes of so many maps",
    "hidden: drop of the score; pasted: rise of the probability; ± the standard error of the "
    "difference from what stands in brackets",
)


@equal_by_fields
@dataclass(frozen=True, eq=False, repr=False)
class Shortcuts(picture.Shows):
    """Clusters of the maps of a store, shortcuts first, then those farthest from their class.

    It prints as a table, and shows itself in a notebook."""

    method: str
    """Which found the maps."""
    clusters: list[Cluster]
    """All that were looked at, findings first."""
    maps: Mapping[int, MapsOfClass]
    """Class → its maps, as they were compared."""
    labels: Mapping[int, np.ndarray]
    """Class → the cluster of each of its maps."""
    same_photos: list[SamePhotos] = field(default_factory=list)
    """Samples that are there several times."""
    notes: list[str] = field(default_factory=list)
    """What was not done, and why."""
    alpha: float = 0.05
    """How probable it is at most that any of the findings is none."""

    @property
    def findings(self) -> list[Cluster]:
        """The clusters for which the proof stands."""
        return [one for one in self.clusters if one.is_finding]

    def __bool__(self) -> bool:
        """Whether a shortcut was found."""
        return bool(self.findings)

    def __len__(self) -> int:
        return len(self.clusters)

    def __repr__(self) -> str:
        lines = [*ruled([_HEADER, *(one.cells() for one in self.clusters)]), "", *_LEGEND]
        return "\n".join([*lines, "", *self._lines()])

    def _repr_html_(self) -> str:
        bold = {(row, 0) for row, one in enumerate(self.clusters) if one.is_finding}
        rows = [one.cells() for one in self.clusters]
        return html.table(_HEADER, rows, [*_LEGEND, *self._lines()], bold=bold)

    def _lines(self) -> list[str]:
        return [self.said(), *self.notes]

    def said(self) -> str:
        """What was found, in a line."""
        count, tested = len(self.findings), sum(one.proof is not None for one in self.clusters)
        if not tested:
            found = "no cluster was tested: this is a ranking, and proves nothing"
        elif not count:
            found = f"no shortcut among {tested} clusters that were tested"
        else:
            listed = ", ".join(dict.fromkeys(one.class_name for one in self.findings))
            found = f"{count} of {tested} clusters are shortcuts (alpha {self.alpha:g}): {listed}"
        exact = sum(one.is_exact for one in self.same_photos)
        nearly = len(self.same_photos) - exact
        return f"{found}; {exact} photos are there several times, {nearly} nearly so"

    def to_records(self) -> list[dict[str, Any]]:
        """For each cluster its numbers, as JSON and data frames hold them."""
        return [one.to_record() for one in self.clusters]

    @told
    def embedding(self, class_id: int, method: str = "tsne", *, seed: int = 0) -> np.ndarray:
        """(N, 2): the maps of a class as points in a plane, those that are alike near each other.

        Args:
            class_id: one of `maps`.
            method: as `embed` takes it.
            seed: of what is random.

        Raises:
            InputError: there is no such class, or it has fewer than three maps.
        """
        if class_id not in self.maps:
            raise InputError(
                f"no maps of class {class_id} were compared; there are {_listed(self.maps)}"
            )
        return embed(self.maps[class_id].vectors, method, seed=seed)

    @told
    def plot(self, rows: int = _SHOWN, *, side: float = 1.3, size: Size | None = None) -> Figure:
        """A figure: for each of the first clusters the region that its maps share, their mean, and
        representatives.

        Args:
            rows: how many clusters.
            side: of each picture, in inches.
            size: of the figure in inches, its width or (width, height); by default as it fits.
        """
        return picture.show(self._drawn(self.clusters[:rows], side=side, size=size))

    @told
    def plot_embedding(self, class_id: int | None = None, method: str = "tsne") -> Figure:
        """The maps of a class as points, in a colour for each cluster.

        Args:
            class_id: by default that of the first cluster.
            method: as `embed` takes it.

        Raises:
            InputError: there is no such class, or it has fewer than three maps.
        """
        chosen = self.clusters[0].class_id if class_id is None else class_id
        points = self.embedding(chosen, method)
        groups = [f"cluster {one}" for one in self.labels[chosen]]
        name = next(one.class_name for one in self.clusters if one.class_id == chosen)
        return picture.show(picture.scatter(points, groups, heading=f"maps of {name}"))

    @told
    def save(self, path: str | Path, rows: int = _SHOWN, **look: Any) -> Path:
        """Write the figure of `plot`.

        Args:
            path: of the file; its suffix says the format.
            rows: how many clusters.
            look: what else `plot` takes.

        Raises:
            OutputError: the file cannot be written, or its suffix is of no format.
        """
        return picture.save_figure(self._drawn(self.clusters[:rows], **look), Path(path))

    def _figure(self) -> Any:
        return self._drawn(self.clusters[:_SHOWN]) if self.clusters else None

    def _drawn(self, clusters: Sequence[Cluster], side: float = 1.3, **how: Any) -> Any:
        if not clusters:
            raise InputError("there are no clusters to draw")
        across = 2 + max(len(one.representatives) for one in clusters)
        panels = [
            [
                one.region_picture(),
                picture.colorize(heat(one.mean_map)),
                *(each.picture() for each in one.representatives),
            ]
            for one in clusters
        ]
        titles = [
            ["shortcut" if one.is_finding else "region", f"mean of {len(one.members)}"]
            for one in clusters
        ]
        return picture.grid(
            [row + [None] * (across - len(row)) for row in panels],
            [row + [""] * (across - len(row)) for row in titles],
            rows=[f"{one.class_name}, {one.number}" for one in clusters],
            side=side,
            **how,
        )


def _listed(classes: Mapping[int, Any]) -> str:
    return ", ".join(map(str, classes)) or "none"
