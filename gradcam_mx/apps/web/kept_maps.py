"""The map that a run kept of a photo, so that it can be drawn like any other."""

from __future__ import annotations

from typing import Any

from .album import Photo
from .captions import caption
from .explaining import told_of
from .found_by_run import FoundByRun
from .nets import HeldNet
from .store import key_of
from .workspace import Map, Workspace


def kept_map(
    workspace: Workspace, run: FoundByRun, net: HeldNet, photo: Photo, method: str
) -> dict[str, Any] | None:
    """What the page is told of it; None where the run kept none for this photo and this input.

    Args:
        workspace: that draws it.
        run: the store.
        net: the network that is looked at.
        photo: of the album.
        method: its name.

    Raises:
        Refused: the store has changed.
    """
    place = run.place_of(photo)
    row = None if place is None else run.row_of(place, method)
    if row is None:
        return None
    found = row.explanation(method)
    if found.input_size != net.preprocess.shape[1:]:
        return None
    map_id = key_of("run", place, net.id, photo.id, method)
    told = {
        **told_of(found, map_id),
        "net": net.id,
        "photo": photo.id,
        "caption": caption(None, found, net),
        "options": found.options,
    }
    workspace.maps.put(map_id, Map(found, told))
    return told
