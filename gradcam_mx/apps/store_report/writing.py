"""A report of a store written: its rows read once, then what is said of them."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from pathlib import PurePath
from typing import Any, Mapping

from tqdm import tqdm

from ..._version import __version__
from ...store.manifest import Manifest
from ..provenance import Record
from ..report.drawn import chart
from ..report.nets import net_record
from ..report.parts import Files
from ..report.rendering import Renderer
from ..report.sealing import FORMAT, PROGRAM, STORE, seal
from ..report.totals import clean
from .answers import Answers
from .brief import StoreBrief
from .examples import Examples
from .failures import Failures
from .masses import Masses
from .measures import Measured
from .photos import Originals
from .reading import read
from .showing import shown

TEMPLATE = "store.html"


def write(brief: StoreBrief, files: Files, renderer: Renderer, progress: bool) -> list[str]:
    """Write a report of a store; what else there is to tell of it.

    Args:
        brief: what is asked for.
        files: where it goes.
        renderer: makes the page.
        progress: whether to show a bar.

    Raises:
        OutputError: it cannot be written.
    """
    store = brief.store
    answers, failures, examples = Answers(brief), Failures(), Examples(brief.examples)
    masses, measured = Masses(store.traits, store.manifest.input_size), Measured(store)
    digest, count = hashlib.sha256(), 0
    with files.writing():
        bar = tqdm(total=len(store), desc="reporting", unit="sample", disable=not progress)
        with bar:
            for rows in read(store):
                for row in rows:
                    failures.add(row)
                    answers.add(row)
                    examples.add(row)
                    digest.update(f"{row.number} {row.cells['sha256']}\n".encode())
                masses.add(rows)
                measured.add(rows)
                count += len(rows)
                bar.update(len(rows))
        originals = Originals(store, brief.samples)
        pictures: dict[str, str] = {}
        groups = shown(brief, originals, examples.chosen(), pictures)
        record = clean(
            {
                **_head(brief),
                "count": count - failures.count,
                "samples": count,
                "labelled": answers.labelled,
                "data_hash": digest.hexdigest(),
                "failures": failures.record(),
                **answers.record(),
                "table": measured.record(),
                "extremes": None,
                **masses.record(answers),
                "groups": groups,
                "has_photos": originals.error is None,
                "is_usual": renderer.is_usual,
            }
        )
        pictures.update(masses.pictures(record))
        if record["table"] is not None:
            pictures["chart"] = chart(record["table"])
        files.finish(seal(renderer.page(record, pictures), record))
    return [] if originals.error is None or not groups else [_alone(originals.error)]


def _alone(error: Exception) -> str:
    return f"the report shows maps alone, without their photos: {error}"


def _head(brief: StoreBrief) -> Record:
    """What is said of the store, before its rows."""
    store, about = brief.store, brief.store.manifest
    surroundings = about.surroundings
    return {
        "program": PROGRAM,
        "format": FORMAT,
        "kind": STORE,
        "unit": "sample",
        "title": brief.title,
        "made": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "version": __version__,
        "net": _net(brief),
        "data": _data(about.data),
        "asked": about.samples,
        "is_done": about.is_done,
        "shards": about.shards,
        "set_aside": [
            {"number": int(number), "said": said} for number, said in about.set_aside.items()
        ],
        "done": _done(brief),
        "how": dict(brief.how),
        "versions": surroundings.get("versions", {}),
        "machine": surroundings.get("machine", {}),
        "methods": [
            {
                "name": name,
                "title": store.traits[name].title or name,
                "layer": store.traits[name].layer,
            }
            for name in store.traits
        ],
        "axes": len(about.input_size),
    }


def _net(brief: StoreBrief) -> Record:
    about = brief.store.manifest
    prepare = about.preprocess
    known: Record = {"name": brief.net, "hashes": about.net, "input_size": about.input_size}
    if brief.graph is None or prepare is None:
        return {**known, "is_known": False}
    shape = (len(prepare["mean"]), *about.input_size)
    return {**known, "is_known": True, **net_record(brief.net, brief.graph, shape)}


def _done(brief: StoreBrief) -> Record:
    about: Manifest = brief.store.manifest
    return {
        "net": about.net,
        "preprocess": about.preprocess,
        "methods": {name: one.options for name, one in about.methods.items()},
        "full": [name for name, one in about.methods.items() if one.is_full],
        "metrics": list(dict.fromkeys(one for of in about.columns.values() for one in of)),
        "target": brief.called(about.target) if isinstance(about.target, int) else about.target,
        "output": about.output,
        "gives": "classes",
    }


_KINDS = {
    "folder": "a folder of photos",
    "image_folder": "a folder of photos for each class",
    "list": "a list of photos",
    "paths": "photos by their paths",
    "records": "records of MXNet (RecordIO)",
    "arrays": "arrays in memory",
    "merged": "several data sets, whose stores were merged",
}


def _data(data: Mapping[str, Any]) -> Record:
    """A data set in words; a report names no folders but the last one."""
    path = data.get("path")
    return {
        "kind": _KINDS.get(str(data.get("kind")), "a data set"),
        "name": None if path is None else PurePath(str(path)).name,
    }
