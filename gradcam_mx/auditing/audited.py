"""What an audit found: the verdict, and what it rests on."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import picture
from ..errors import InputError
from ..support import files, html
from ..support.boundary import told
from ..support.equality import equal_by_fields
from ..support.text_tables import ruled
from .layers import Finding, Place, Row
from .looks import Look
from .outputs import Output, PhotoRow
from .preprocessing import Preparing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FORMAT = "gradcam_mx audit 1"
_OLD, _NEW, _PICTURES = "old maps of ", "new maps of ", "pictures"
SHORT = {True: "the same network", False: "not the same network", None: "cannot be told"}
"""Whether two nets are the same → in words."""


@equal_by_fields
@dataclass(frozen=True, eq=False, repr=False)
class Audit:
    """Whether two nets are the same network, and where they part if they are not.

    It is true if they are the same; it prints as a table, and shows itself in a notebook.
    """

    old: str
    """What the old net is called."""
    new: str
    is_same: bool | None
    """Whether they are; None if it cannot be told."""
    reason: str
    """Why, in a sentence."""
    outputs: list[Output]
    """What they return, an entry for each output."""
    photos: list[PhotoRow]
    """What they say of each photo."""
    layers: list[Row]
    """The layers of the old net, and which of them the new one has; empty where either shows
    none."""
    new_values: int
    """How many values the new net makes; 0 where it shows none."""
    findings: list[Finding]
    """The places where they part."""
    preparing: Preparing | None
    """What is wrong with how photos are made ready."""
    looks: list[Look]
    """What they look at, an entry for each method."""
    notes: list[str]
    """What could not be done, and what has to be known of the rest."""
    mapped: list[str]
    """The names of the photos that have maps."""
    pictures: np.ndarray = field(default_factory=lambda: np.zeros((0, 1, 1, 3), np.uint8))
    """(N, H, W, 3) uint8: those photos, as the nets saw them."""

    def __bool__(self) -> bool:
        return self.is_same is True

    @property
    def verdict(self) -> str:
        """What was found, in a sentence."""
        return f"{SHORT[self.is_same]}: {self.reason}"

    @property
    def shared(self) -> int:
        """How many layers of the old net the new one has."""
        return sum(bool(row.new) for row in self.layers)

    @property
    def worst(self) -> list[int]:
        """The numbers of the photos that have maps, those whose maps are least alike first."""
        if not self.looks:
            return []
        mean = np.mean([one.agreements for one in self.looks], axis=0)
        return [int(place) for place in np.argsort(mean, kind="stable")]

    # -- as text -----------------------------------------------------------------------------------

    def __repr__(self) -> str:
        lines = ruled([_HEADER, *self._cells()])
        return "\n".join([*lines, *self._below()])

    def _cells(self) -> list[list[str]]:
        return [
            [
                one.name,
                f"{one.largest:.3g}",
                f"{one.mean:.3g}",
                f"{one.noise:.2g}",
                f"{one.times_noise:.3g}",
                _share(one.top1),
                _share(one.top5),
                {True: "same", False: "differs", None: "?"}[one.is_same],
            ]
            for one in self.outputs
        ]

    def _below(self) -> list[str]:
        lines = [self.verdict]
        if self.layers:
            lines.append(f"layers: {self.shared} of {len(self.layers)} are the same")
        for number, one in enumerate(self.findings):
            lines += finding_lines(one, is_first=number == 0)
        if self.preparing is not None:
            gaps = f"{self.preparing.before:.2g} of the outputs to {self.preparing.after:.2g}"
            lines.append(f"preprocessing: {self.preparing.sentence} (from {gaps})")
        for look in self.looks:
            floor = f", {np.mean(look.floor):.2f} by other masks" if look.floor else ""
            lines.append(f"maps: {look.method} agree by {look.mean:.2f}{floor} (rank correlation)")
        return [*lines, *(f"note: {one}" for one in self.notes)]

    def _repr_html_(self) -> str:
        return html.table(_HEADER, self._cells(), self._below())

    # -- figures and files -------------------------------------------------------------------------

    def plot(self, heading: str | None = None) -> Figure:
        """The photos whose maps are least alike, with the maps of both nets beside them.

        Args:
            heading: above the figure.

        Raises:
            InputError: the audit looked at no maps.
        """
        return picture.show(self.figure(heading))

    def figure(self, heading: str | None = None) -> Any:
        """The figure of `plot`, which no notebook shows of itself.

        Args:
            heading: above it.

        Raises:
            InputError: the audit looked at no maps.
        """
        if not self.looks:
            raise InputError("this audit looked at no maps; audit with masks=200, or more")
        look = self.looks[0]
        chosen = self.worst[:_ROWS]
        panels = [
            [
                self.pictures[place],
                picture.overlay(self.pictures[place], look.old[place]),
                picture.overlay(self.pictures[place], look.new[place]),
            ]
            for place in chosen
        ]
        titles = [["", look.method, f"agree by {look.agreements[place]:.2f}"] for place in chosen]
        rows = [self.mapped[place] for place in chosen]
        columns = ("photo", self.old, self.new)
        return picture.grid(panels, titles, rows=rows, columns=columns, heading=heading)

    @told
    def save(self, path: str | Path) -> Path:
        """Write all of it to a file that `load` reads.

        Args:
            path: of the file, `*.npz`.

        Raises:
            OutputError: it cannot be written.
        """
        record = {"format": _FORMAT, **_listed(asdict(self))}
        record.pop("pictures")
        arrays = {_PICTURES: self.pictures}
        for look, made in zip(self.looks, record["looks"]):
            arrays[_OLD + look.method], arrays[_NEW + look.method] = look.old, look.new
            made.update(old=None, new=None)
        with files.whole(path) as part, part.open("wb") as file:
            text = np.array(json.dumps(record))
            np.savez_compressed(file, record=text, **arrays)
        return Path(path)

    @classmethod
    @told
    def load(cls, path: str | Path) -> Audit:
        """Read what `save` wrote.

        Args:
            path: of the file.

        Raises:
            InputError: there is no such file, or it holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            record = json.loads(str(arrays["record"]))
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"cannot read {path}: {error}") from error
        if not isinstance(record, dict) or record.pop("format", None) != _FORMAT:
            raise InputError(f"{path} holds no audit; expected a file that save() wrote")
        looks = []
        for one in record.pop("looks"):
            method = one["method"]
            maps = {"old": arrays[_OLD + method], "new": arrays[_NEW + method]}
            looks.append(Look(**{**one, **maps}))
        prepared = record.pop("preparing")
        return cls(
            outputs=[Output(**_shaped(one)) for one in record.pop("outputs")],
            photos=[PhotoRow(**one) for one in record.pop("photos")],
            layers=[Row(**_shaped(one)) for one in record.pop("layers")],
            findings=[_finding(one) for one in record.pop("findings")],
            preparing=None if prepared is None else Preparing(**prepared),
            looks=looks,
            pictures=arrays[_PICTURES],
            **record,
        )


_HEADER = (
    "output",
    "largest difference",
    "mean",
    "noise",
    "times noise",
    "top 1",
    "top 5",
    "",
)
_ROWS = 3


def finding_lines(one: Finding, is_first: bool = True) -> list[str]:
    """What a finding says, a line each for both nets and for the cause.

    Args:
        one: it.
        is_first: whether it is the first of its audit.
    """
    which = "first difference" if is_first else "then"
    lines = [f"{which}: {one.old}"]
    if one.new is not None:
        lines.append(f"  in the new net: {one.new}")
    if not one.cause:
        lines.append("  no cause that is known explains it")
        return lines
    many = f", at {one.places} places" if one.places > 1 else ""
    gone = f"from {one.before:.2g} to {one.after:.2g}"
    lines.append(
        f"  likely cause: {one.cause}: {one.said}{many} (with it the difference goes {gone})"
    )
    return lines


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1%}"


def _listed(value: Any) -> Any:
    """A value as JSON has it; named tuples become mappings."""
    if hasattr(value, "_asdict"):
        return _listed(value._asdict())
    if isinstance(value, dict):
        return {name: _listed(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_listed(one) for one in value]
    if isinstance(value, np.generic):
        return value.item()
    return None if isinstance(value, np.ndarray) else value


def _shaped(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "shape": tuple(record["shape"])}


def _finding(record: dict[str, Any]) -> Finding:
    places = {
        name: None if record[name] is None else Place(**_shaped(record[name]))
        for name in ("old", "new")
    }
    return Finding(**{**record, **places})
