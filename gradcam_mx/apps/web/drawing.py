"""From maps and what else was found to pictures."""

from __future__ import annotations

import threading
from dataclasses import astuple, dataclass
from typing import Any, Mapping

import cv2
import numpy as np

from ... import picture
from ...errors import GradCamError
from ...explanation import drawing
from ...picture.legends import of_signs
from ...picture.overlays import SIGNED_ALPHA
from . import forms, looking
from .looking import Found
from .refused import Refused
from .workspace import Map, Workspace

FIGURES = threading.Lock()
"""Held while matplotlib draws, which is not made for several threads."""

_TRUE = ("1", "true", "yes", "on")


@dataclass(frozen=True)
class Look:
    """How maps are drawn; what is None is as usual for its kind of map."""

    opacity: float | None = None
    colormap: str | None = None
    signed_colormap: str | None = None
    threshold: float | None = None
    crop: bool = False
    whole: bool = False
    view: str = "overlay"

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Look:
        """Read from the address of a picture.

        Args:
            given: name → text.

        Raises:
            Refused: a value is out of its range.
        """
        choices = {one["name"]: one["choices"] for one in forms.drawing() if one["choices"]}
        for name in ("colormap", "signed_colormap"):
            known = [color for one in choices.values() for color in one]
            if given.get(name) and given[name] not in known:
                raise Refused(f"there are no colours {given[name][:40]!r}")
        signed = given.get("signed_colormap") or given.get("colormap")
        heat = given.get("colormap")
        return cls(
            _share(given, "opacity"),
            heat if heat in choices["colormap"] else None,
            signed if signed in choices["signed_colormap"] else None,
            _share(given, "threshold"),
            given.get("crop") in _TRUE,
            given.get("whole") in _TRUE,
            "heat" if given.get("view") == "heat" else "overlay",
        )

    @property
    def key(self) -> list[Any]:
        """What tells it from others."""
        return list(astuple(self))


def _share(given: Mapping[str, str], name: str) -> float | None:
    text = given.get(name)
    if not text:
        return None
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise Refused(f"{name} is {text[:40]!r}; expected a number from 0 to 1")
    return round(found, 4)


def of_map(workspace: Workspace, one: Map, look: Look, minus: Map | None = None) -> np.ndarray:
    """A map over its photo, (H, W, 3) uint8.

    Args:
        workspace: that has the photo.
        one: the map.
        look: how it is drawn.
        minus: another, which is taken off.

    Raises:
        Refused: what is gone, or cannot be drawn.
    """
    found = one.explanation
    net, photo = workspace.net(one.told["net"]), workspace.photo(one.told["photo"])
    seen = workspace.prepared(net, photo).crop
    shown = workspace.whole(photo) if look.whole else seen
    order = net.preprocess.order
    try:
        if minus is not None:
            drawn = _difference(
                found, minus.explanation, None if look.view == "heat" else seen, look
            )
        else:
            is_signed = found.signed and found.is_map
            drawn = found.pictures(
                None if look.view == "heat" else shown,
                order,
                colormap=look.signed_colormap if is_signed else look.colormap,
                alpha=look.opacity,
            )[0]
        if look.threshold is None:
            return np.asarray(drawn)
        return _cut(found, np.asarray(drawn), look)
    except GradCamError as error:
        raise Refused(str(error), 422) from error


def _difference(one: Any, other: Any, photo: np.ndarray | None, look: Look) -> np.ndarray:
    """What the one shows more than the other, and less, of the same photo."""
    if one.input_size != other.input_size:
        raise Refused("the two maps are of inputs of different sizes", 422)
    gap = strength(one) - strength(other)
    largest = float(np.abs(gap).max()) or 1.0
    alpha = SIGNED_ALPHA if look.opacity is None else look.opacity
    colors = look.signed_colormap or picture.SIGNED
    return picture.signed_overlay(photo, gap / largest, alpha=alpha, colormap=colors)


def strength(found: Any) -> np.ndarray:
    """(H, W) a map as it is compared: from 0 to 1, or from -1 of a signed one.

    Args:
        found: an explanation.
    """
    return (found.signed_heatmap() if found.signed and found.is_map else found.heatmap())[0]


def _cut(found: Any, drawn: np.ndarray, look: Look) -> np.ndarray:
    """The region above a threshold: the rest greyed, or cut off."""
    region = found.threshold(look.threshold)[0]
    mask = region.mask
    if drawn.shape[:2] != mask.shape and found.geometry:
        mask = picture.on_photo(mask.astype(np.float32), found.geometry[0], sharp=True) > 0
        mask = cv2.resize(
            mask.astype(np.uint8), drawn.shape[1::-1], interpolation=cv2.INTER_NEAREST
        ).astype(bool)
    if not mask.any():
        return np.asarray(picture.veiled(drawn, np.ones_like(mask)))
    if look.crop:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        return drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.asarray(picture.veiled(drawn, ~mask))


# -- what was found inside a net -------------------------------------------------------------------


def of_found(workspace: Workspace, found: Found, page: int, by: str) -> np.ndarray:
    """What was found inside a net as one picture.

    Args:
        workspace: that has the photo.
        found: it.
        page: of channels or filters.
        by: what channels are sorted by.

    Raises:
        Refused: it makes no picture.
    """
    kind, value = found.told["kind"], found.value
    start = page * looking.CHANNELS
    if kind == "channels":
        chosen = value[looking.order(found, by)[start : start + looking.CHANNELS]]
        return np.asarray(picture.channel_grid(chosen, looking.CHANNELS))
    if kind == "filters":
        return np.asarray(picture.filter_grid(value[start : start + looking.CHANNELS]))
    if kind == "box":
        return _box(workspace, found)
    if kind == "patches":
        with FIGURES:
            return np.asarray(picture.as_array(picture.patch_grid([one for one in value if one])))
    if hasattr(value, "picture"):
        return np.asarray(value.picture)
    if hasattr(value, "_figure"):
        with FIGURES:
            return np.asarray(picture.as_array(value._figure()))
    raise Refused("this makes no picture", 404)


def of_channel(found: Found, channel: int) -> np.ndarray:
    """One channel of a layer as a picture, on the scale of all of them.

    Args:
        found: the channels.
        channel: its number.

    Raises:
        Refused: there is none.
    """
    if found.told["kind"] != "channels" or not 0 <= channel < len(found.value):
        raise Refused(f"there is no channel {channel}", 404)
    low, high = float(found.value.min()), float(found.value.max())
    share = (found.value[channel] - low) / ((high - low) or 1.0)
    drawn = np.asarray(picture.colorize(share, "viridis"))
    larger = max(1, 96 // max(drawn.shape[:2]))
    return drawn.repeat(larger, axis=0).repeat(larger, axis=1)


def of_patch(found: Found, unit: int, place: int) -> np.ndarray:
    """One patch as a picture.

    Args:
        found: the patches.
        unit: which row.
        place: which of it.

    Raises:
        Refused: there is none.
    """
    if found.told["kind"] != "patches" or not 0 <= unit < len(found.value):
        raise Refused("there is no such patch", 404)
    if not 0 <= place < len(found.value[unit]):
        raise Refused("there is no such patch", 404)
    part = found.value[unit][place].picture
    if part.dtype != np.uint8:
        part = picture.of_input(part[None], found.net.preprocess.order)[0]
    if 0 in part.shape:
        return np.full((8, 8, 3), 128, np.uint8)
    return np.asarray(part)


def _box(workspace: Workspace, found: Found) -> np.ndarray:
    """The photo, greyed outside of a box."""
    if found.photo is None:
        raise Refused("load a photo to see it there", 404)
    seen = workspace.prepared(found.net, found.photo).crop
    hidden = np.ones(seen.shape[:2], bool)
    if found.value is not None:
        hidden[tuple(found.value)] = False
    drawn = np.asarray(picture.veiled(seen, hidden))
    if found.value is not None:
        top, left, bottom, right = looking.corners(found.value)
        drawn = np.ascontiguousarray(drawn)
        cv2.rectangle(drawn, (left, top), (right - 1, bottom - 1), (255, 140, 0), 1)
    return drawn


def legend_of(one: Map, look: Look) -> Any:
    """What the colours of a map mean.

    Args:
        one: the map.
        look: how it is drawn.
    """
    signed = one.explanation.signed and one.explanation.is_map
    return drawing.legend(one.explanation, look.signed_colormap if signed else look.colormap)


def bar_of(one: Map, look: Look, *, is_difference: bool = False) -> np.ndarray:
    """The colours of a map from the lowest value to the highest, (1, steps, 3) uint8.

    Args:
        one: the map.
        look: how it is drawn.
        is_difference: whether another map is taken off.
    """
    if is_difference:
        return of_signs(look.signed_colormap or picture.SIGNED).colors[None]
    return np.asarray(legend_of(one, look).colors)[None]
