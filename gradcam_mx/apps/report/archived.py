"""An archive of explanations, computed anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping

import numpy as np

from ... import zoo
from ...errors import InputError
from ...explanation import archive
from ...graph.digest import digest_of
from ...graph.graph import Graph
from ...graph.outputs import PROBABILITY
from ...methods.plan import Plan
from .. import provenance
from ..writing import SEEN
from .comparing import MAP, SCORE, Deviation, arrays
from .verdict import Judge, Verified


def of_archive(path: Path, graph: Graph, photos: Mapping[str, Path], preprocess: Any) -> Verified:
    """Hold all that an archive says against what is computed anew.

    Args:
        path: of the archive.
        graph: of the network.
        photos: SHA-256 of a file → its path.
        preprocess: how photos are prepared, where the archive does not say it.

    Raises:
        InputError: it is none, or does not hold what that needs.
    """
    whole, judge = archive.read_whole(path), Judge(path)
    if whole.is_whole is None:
        judge.note(f"version {whole.about.get('version')} wrote no hash into it")
    elif not whole.is_whole:
        judge.changed(path.name)
    source = whole.about.get("source") or {}
    made_of = source.get("made_of")
    if made_of is None:
        judge.note("it does not say of which network it is: its numbers alone can tell")
    else:
        for part, found in digest_of(graph)._asdict().items():
            if made_of["net"][part] != found:
                judge.add(
                    Deviation(f"the net's {part}, SHA-256", made_of["net"][part], found, np.inf)
                )
                return judge.verdict()
    x = _input(path, whole, source, photos, preprocess)
    for name, record in whole.about["explanations"].items():
        _judge(judge, whole, name, record, made_of, graph, x)
        if judge.found:
            break
    judge.photos = len(x)
    return judge.verdict()


def _input(
    path: Path,
    whole: archive.Whole,
    source: Mapping[str, Any],
    photos: Mapping[str, Path],
    preprocess: Any,
) -> np.ndarray:
    """What the network got."""
    made_of = source.get("made_of")
    prepare = preprocess if made_of is None else zoo.Preprocess.of(made_of["preprocess"])
    if not isinstance(prepare, zoo.Preprocess):
        raise InputError(
            f"{path} does not say how its photo was prepared: pass preprocess=, such as "
            "gm.zoo.IMAGENET"
        )
    if SEEN in whole.arrays:
        return np.asarray(provenance.of_what_was_seen(prepare)(whole.arrays[SEEN]))
    wanted = source.get("sha256")
    if wanted is not None and wanted in photos:
        return np.asarray(prepare(photos[wanted]))
    if wanted is None and photos:
        return np.concatenate([np.asarray(prepare(one)) for one in photos.values()])
    known = f", {source.get('path')}" if wanted else ""
    raise InputError(
        f"{path} does not hold what the network saw: give the photo that it is of{known}"
    )


def _judge(
    judge: Judge,
    whole: archive.Whole,
    name: str,
    record: Mapping[str, Any],
    made_of: Mapping[str, Any] | None,
    graph: Graph,
    x: np.ndarray,
) -> None:
    """One explanation of an archive."""
    method = record["method"]
    options = record.get("options", {})
    layer, target = record.get("layer"), record["target"]
    output = record.get("output")
    if output not in (PROBABILITY, *graph.output_names):
        output = None  # the same network from elsewhere calls it otherwise
    if made_of is not None and method in made_of["methods"]:
        kept = made_of["methods"][method]
        if provenance.is_lost(kept):
            judge.note(f"{name} is not computed anew, as an option of it could not be kept")
            return
        job = provenance.job_of({**made_of, "methods": {method: kept}}, graph)
        options, layer, output = dict(job.options.get(method, {})), job.layer, job.output
        target = job.target if isinstance(target, str) else target
        graph = job.graph
    elif isinstance(target, str) or any(map(_is_shortened, options.values())):
        judge.note(f"{name} is not computed anew, as its target or an option is kept as text alone")
        return
    if len(record["target"]) != len(x) and not isinstance(record["target"], str):
        raise InputError(
            f"it is of {len(record['target'])} photos, and {len(x)} were given: give the same"
        )
    plan = Plan([method], layer, output=output, options={method: options})
    found = plan.run(graph, x, target).first(method)
    members = record["arrays"]
    anew = {"values": (found.values, MAP), "score": (found.score, SCORE)}
    for key, (numbers, tolerance) in anew.items():
        judge.add_all(arrays(f"{name}, {key}", whole.arrays[members[key]], numbers, tolerance))


def _is_shortened(option: Any) -> bool:
    """Whether an archive tells an array by its shape alone."""
    return isinstance(option, str) and option.startswith("array (")
