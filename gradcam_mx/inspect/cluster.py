"""A cluster of a class's maps, and what came of hiding and pasting the region that they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import picture
from ..support.equality import equal_by_fields
from .hidden_and_pasted import Effect, Proof


@equal_by_fields
class Representative(NamedTuple):
    """A sample whose map is like the mean of its cluster."""

    number: int
    """Of the data set."""
    place: str
    map: np.ndarray
    """(h, w)."""
    photo: np.ndarray | None
    """What the net saw, (H, W, 3) uint8; None where the samples were not given."""

    def picture(self) -> np.ndarray:
        """The map over the photo, or alone: (H, W, 3) uint8."""
        warm = heat(self.map)
        return picture.colorize(warm) if self.photo is None else picture.overlay(self.photo, warm)


@equal_by_fields
@dataclass(frozen=True, eq=False, repr=False)
class Cluster:
    """Samples of a class whose maps are alike."""

    class_id: int
    """The class that the maps explain."""
    class_name: str
    """What people call it."""
    number: int
    """Which cluster of the class it is, from 0 on, the largest first."""
    members: tuple[int, ...]
    """The numbers of its samples, of those that were drawn."""
    share: float
    """Of the maps that were drawn of the class."""
    mean_map: np.ndarray
    """(h, w), of maps of length 1."""
    region: np.ndarray
    """(H, W) bool, of the net's input: the part that the maps share."""
    distance: float
    """Of the mean map from that of the class, less what chance makes of so many maps."""
    representatives: tuple[Representative, ...] = ()
    """Some of its samples, those nearest to the mean map."""
    proof: Proof | None = None
    """What came of hiding and pasting; None where that could not be done."""
    corrected_p: float = float("nan")
    """The p of the proof, corrected for all clusters that were tested."""
    is_finding: bool = False
    """Whether the proof stands: the class is recognised by this region alone."""

    def __repr__(self) -> str:
        finding = ", a shortcut" if self.is_finding else ""
        return (
            f"<Cluster {self.number} of class {self.class_name}: {len(self.members)} maps, "
            f"{self.share:.0%}{finding}>"
        )

    def _repr_png_(self) -> bytes | None:
        return picture.png(self.region_picture())

    def region_picture(self) -> np.ndarray:
        """The first representative, grey but for the region that the maps share; without a photo
        the region alone."""
        photo = self.representatives[0].photo if self.representatives else None
        if photo is None:
            return np.repeat((self.region * np.uint8(255))[..., None], 3, axis=2)
        return picture.veiled(photo, ~self.region)

    def cells(self) -> list[str]:
        """What a table says of it."""
        proof = self.proof
        p = "" if proof is None else f"{self.corrected_p:.2g}"
        return [
            self.class_name,
            str(self.number),
            f"{len(self.members)} ({self.share:.0%})",
            f"{self.distance:.2f}",
            f"{self.region.mean():.1%}",
            "" if proof is None else _said(proof.hidden),
            "" if proof is None else _said(proof.pasted_probability),
            p,
            "shortcut" if self.is_finding else "",
        ]

    def to_record(self) -> dict[str, Any]:
        """Its numbers, as JSON and data frames hold them."""
        found: dict[str, Any] = {
            "class": self.class_id,
            "class_name": self.class_name,
            "cluster": self.number,
            "maps": len(self.members),
            "share": self.share,
            "distance": self.distance,
            "region": float(self.region.mean()),
            "is_finding": self.is_finding,
        }
        if self.proof is not None:
            for name, effect in zip(self.proof._fields, self.proof):
                if isinstance(effect, Effect):
                    found[name] = effect.change
                    found[f"{name}_control"] = effect.control
                    found[f"{name}_error"] = effect.error
            found.update(p=self.proof.p, corrected_p=self.corrected_p)
        return found


def heat(values: np.ndarray) -> np.ndarray:
    """A map in [0, 1], what speaks against the class being 0.

    Args:
        values: (h, w).
    """
    positive = np.maximum(values, 0)
    return np.asarray(positive / (positive.max() or 1))


def _said(effect: Effect) -> str:
    return f"{effect.change:+.2f} ({effect.control:+.2f}) ± {effect.error:.2f}"
