"""A store as the HDF5 files that ViRelAy reads, a page for looking at clusters of attributions.

The layout is that of its documentation, "Database Specification" and "Project File Format":
`input.h5` has what the net saw, `attribution.h5` the maps, `label-map.json` the classes, and
`project.yaml` names them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import numpy as np

from .. import picture
from ..errors import InputError, OutputError
from ..support.optional import optional
from .columns import traits_in
from .manifest import Manifest
from .parts import Part, rows_of
from .rows import Row

Seen = Callable[[int], np.ndarray]
"""Gives (H, W, 3) uint8, what the net saw of the sample of that number."""


def write(
    parts: list[Part],
    about: Manifest,
    columns: list[str],
    folder: Path,
    method: str,
    seen: Seen,
    called: str,
) -> Path:
    """Write the files of a project; the path of the one that ViRelAy is started with.

    Args:
        parts: the shards.
        about: what they were made of.
        columns: the names of all.
        folder: a new one.
        method: whose maps are written.
        seen: gives what the net saw.
        called: the name of the project.

    Raises:
        InputError: the maps are of something else than pictures, or there is none.
        OutputError: there is something in the folder, or it cannot be written.
    """
    if len(about.input_size) != 2:
        raise InputError(
            f"the net's inputs are of {about.input_size}; ViRelAy shows pictures alone"
        )
    if folder.exists() and any(folder.iterdir()):
        raise OutputError(f"there is something in {folder}: give a new folder")
    h5py = optional("h5py", "HDF5 files are written", "fleet")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with h5py.File(folder / "input.h5", "w") as inputs, h5py.File(
            folder / "attribution.h5", "w"
        ) as maps:
            count = _rows(parts, about, columns, method, seen, inputs, maps)
        names = about.class_names or [str(one) for one in range(_classes(about, parts))]
        labels = [
            {"index": number, "word_net_id": None, "name": name}
            for number, name in enumerate(names)
        ]
        (folder / "label-map.json").write_text(json.dumps(labels), encoding="utf-8")
        project = folder / "project.yaml"
        # what is JSON is YAML too
        project.write_text(json.dumps(_project(about, method, called), indent=1), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error}") from error
    if not count:
        raise InputError(f"there is no map of {method} in the store")
    return project


def _rows(
    parts: list[Part],
    about: Manifest,
    columns: list[str],
    method: str,
    seen: Seen,
    inputs: Any,
    maps: Any,
) -> int:
    """Write all samples of which there is a map; how many there are."""
    height, width = about.input_size
    classes = _classes(about, parts)
    shapes = {
        "data": (inputs, (3, height, width), np.uint8),
        "label": (inputs, (), np.uint16),
    }
    made = {name: _grown(file, name, shape, kind) for name, (file, shape, kind) in shapes.items()}
    index = _grown(maps, "index", (), np.uint32)
    label = _grown(maps, "label", (), np.uint16)
    prediction = _grown(maps, "prediction", (classes,), np.float32)
    attribution = None
    count = 0
    for part in parts:
        traits = traits_in(part.schema)
        for cells in rows_of(part.read(columns)):
            if cells.get(f"{method}.map") is None:
                continue
            row = Row(about, cells, traits)
            values = _values(row, method, height, width)
            if attribution is None:
                attribution = _grown(maps, "attribution", values.shape, np.float32)
            _add(made["data"], seen(row.number).transpose(2, 0, 1))
            _add(made["label"], _label(row))
            _add(index, count)
            _add(label, _label(row))
            _add(attribution, values)
            chances = np.zeros(classes, np.float32)
            chances[cells["top"] or []] = cells["top_probability"] or []
            _add(prediction, chances)
            count += 1
    return count


def _values(row: Row, method: str, height: int, width: int) -> np.ndarray:
    """(C, H, W), at the size of the net's input."""
    found = row.explanation(method)
    if not found.is_map and found.values.shape[2:] == (height, width):
        return found.values[0]
    return picture.resize(found.values[:1], (height, width))


def _label(row: Row) -> int:
    """The true class, or the top one where that is not known."""
    known = row.predicted if row.label is None else row.label
    return 0 if known is None else known


def _classes(about: Manifest, parts: list[Part]) -> int:
    """How many there are, as far as the store tells."""
    if about.class_names is not None:
        return len(about.class_names)
    highest = 0
    for part in parts:
        for row in rows_of(part.read(["top", "label"])):
            highest = max(highest, row["label"] or 0, *(row["top"] or [0]))
    return highest + 1


def _grown(file: Any, name: str, shape: tuple[int, ...], kind: Any) -> Any:
    """A data set that rows are added to."""
    return file.create_dataset(
        name, (0, *shape), maxshape=(None, *shape), dtype=kind, chunks=(1, *shape)
    )


def _add(dataset: Any, row: Any) -> None:
    dataset.resize(len(dataset) + 1, axis=0)
    dataset[-1] = row


def _project(about: Manifest, method: str, called: str) -> dict[str, Any]:
    height, width = about.input_size
    return {
        "project": {
            "name": called,
            "model": about.net["structure"][:12],
            "label_map": "label-map.json",
            "dataset": {
                "name": called,
                "type": "hdf5",
                "path": "input.h5",
                "input_width": width,
                "input_height": height,
                "up_sampling_method": "none",
                "down_sampling_method": "none",
            },
            "attributions": {
                "attribution_method": method,
                "attribution_strategy": (
                    "true_label" if about.target == "label" else "predicted_label"
                ),
                "sources": ["attribution.h5"],
            },
            "analyses": [],
        }
    }
