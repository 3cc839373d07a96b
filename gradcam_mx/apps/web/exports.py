"""What people take along: figures, numbers, and how to make them again."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Callable, Sequence

import numpy as np

from ... import picture
from ...explanation.explanation import Explanation
from .drawing import FIGURES, Look, legend_of, of_map
from .workspace import Map, Workspace

FIGURE_KINDS = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
}
"""Ending of a file → what it holds."""

ACROSS = 4
"""How many maps a row of a figure has."""


def figure(workspace: Workspace, maps: Sequence[Map], look: Look, kind: str) -> bytes:
    """A figure of maps beside what the network saw, as a file.

    Args:
        workspace: that has the photos.
        maps: them.
        look: how they are drawn.
        kind: of the file.
    """
    panels: list[np.ndarray] = []
    titles: list[str] = []
    legends: list[picture.Legend | None] = []
    photo = None
    for one in maps:
        place = one.told["net"], one.told["photo"]
        if place != photo:
            photo = place
            net, held = workspace.net(place[0]), workspace.photo(place[1])
            panels.append(workspace.prepared(net, held).crop)
            titles.append(f"what {net.name} saw of {held.name}")
            legends.append(None)
        panels.append(of_map(workspace, one, look))
        titles.append(_title(one))
        legends.append(legend_of(one, look))
    rows = [slice(start, start + ACROSS) for start in range(0, len(panels), ACROSS)]
    with FIGURES:
        drawn = picture.grid(
            [panels[one] for one in rows],
            [titles[one] for one in rows],
            legends=[legends[one] for one in rows],
            side=2.6,
        )
        return _written(lambda path: picture.save_figure(drawn, path), kind)


def _title(one: Map) -> str:
    told = one.told
    said = [f"{told['title']}: {told['caption']}"]
    return "\n".join([*said, *([told["layer"]] if told["layer"] else [])])


def values(maps: Sequence[Map]) -> bytes:
    """The numbers of maps as an archive, which `Explanation.load_all` reads.

    Args:
        maps: them.
    """
    found = {name: one.explanation for name, one in named(maps).items()}
    return _written(lambda path: Explanation.save_all(path, found), "npz")


def named(maps: Sequence[Map]) -> dict[str, Map]:
    """Maps by names of their own: that of the method, with a number from the second on.

    Args:
        maps: them.
    """
    found: dict[str, Map] = {}
    for one in maps:
        method = one.explanation.method
        known = sum(each.explanation.method == method for each in found.values())
        found[f"{method}-{known + 1}" if known else method] = one
    return found


def _written(write: Callable[[Path], object], kind: str) -> bytes:
    folder = Path(tempfile.mkdtemp(prefix="gradcam-mx-out-"))
    try:
        path = folder / f"out.{kind}"
        write(path)
        return path.read_bytes()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
