"""What a result depends on, in words that JSON can hold; and back to what makes it again."""

from __future__ import annotations

import argparse
import base64
import math
from dataclasses import asdict, replace
from typing import Any, Dict, Mapping

import numpy as np

from .. import zoo
from ..errors import InputError
from ..graph.graph import Graph
from ..graph.outputs import choose
from ..methods.register import find_method
from ..support.labels import Labels
from .outputs import given_by
from .photos import Job

Record = Dict[str, Any]
"""What JSON can hold."""

_LARGEST = 2**18
"""How many numbers of an option are kept."""


def of_job(job: Job) -> Record:
    """What explanations of photos depend on, besides the photos.

    Args:
        job: what is done with each photo.
    """
    return {
        "net": job.digest._asdict(),
        "preprocess": asdict(job.preprocess),
        "methods": {one: encoded(dict(job.options.get(one, {}))) for one in job.methods},
        "target": dict(job.chosen) or {"class": job.target},
        "layer": job.layer if isinstance(job.layer, (str, type(None))) else str(job.layer.name),
        "output": job.output,
        "gives": job.given.what,
        "top": job.top_k,
    }


def job_of(record: Mapping[str, Any], graph: Graph, labels: Labels | None = None) -> Job:
    """What is done with each photo, as a record says it.

    Methods of which an option was not kept are left out.

    Args:
        record: as `of_job` makes it.
        graph: of the network.
        labels: the names of the classes, if they are known.

    Raises:
        InputError: it asks for what cannot be made again.
    """
    given = record["target"]
    if given.get("mask"):
        raise InputError(
            "what was explained was marked by a mask, which is not kept: it cannot be made again"
        )
    graph = graph.taking(1, [one.point for one in choose(graph.outputs, record["output"])])
    prepare = zoo.Preprocess.of(record["preprocess"])
    gives = given_by(graph, record["output"], prepare)
    options = argparse.Namespace(box=given.get("box"), detection=given.get("detection"), mask=None)
    known = {one: kept for one, kept in record["methods"].items() if not is_lost(kept)}
    return Job(
        graph,
        prepare,
        [find_method(one).name for one in known],
        gives,
        {one: decoded(kept) for one, kept in known.items()},
        gives.target(options, given.get("class")),
        record["layer"],
        record["output"],
        labels,
        record["top"],
        chosen=given,
    )


def of_what_was_seen(prepare: zoo.Preprocess) -> zoo.Preprocess:
    """The same preprocessing, of what was already cut out: every pixel stays.

    Args:
        prepare: of whole photos.
    """
    return replace(prepare, short_side=min(prepare.shape[1:]))


def finite(value: Any) -> float | None:
    """A number as JSON holds it; None for what is none, or is infinite.

    Args:
        value: of Python or numpy.
    """
    return float(value) if math.isfinite(value) else None


# -- options ---------------------------------------------------------------------------------------


def encoded(value: Any) -> Any:
    """An option as JSON holds it, so that `decoded` gives the same; what cannot be kept is told.

    Args:
        value: of any type.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {str(key): encoded(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return {"kind": type(value).__name__, "items": [encoded(one) for one in value]}
    array = value.asnumpy() if hasattr(value, "asnumpy") else value
    if isinstance(array, np.generic):
        return array.item()
    if isinstance(array, np.ndarray) and array.dtype.kind in "biuf" and array.size <= _LARGEST:
        return {"kind": "array", **packed(array, array.dtype)}
    shape = f" of shape {array.shape}" if isinstance(array, np.ndarray) else ""
    return {"kind": "lost", "said": f"{type(value).__name__}{shape}"}


def decoded(value: Any) -> Any:
    """What `encoded` was given.

    Args:
        value: as it made it.
    """
    if not isinstance(value, dict):
        return value
    kind = value.get("kind")
    if kind == "array":
        return unpacked(value)
    if kind in ("tuple", "list"):
        items = [decoded(one) for one in value["items"]]
        return tuple(items) if kind == "tuple" else items
    return {key: decoded(one) for key, one in value.items()}


def is_lost(value: Any) -> bool:
    """Whether something of an option could not be kept.

    Args:
        value: as `encoded` made it.
    """
    if isinstance(value, dict):
        return value.get("kind") == "lost" or any(map(is_lost, value.values()))
    return isinstance(value, list) and any(map(is_lost, value))


def packed(array: np.ndarray, dtype: Any = np.float32) -> Record:
    """Numbers as text: the bytes, little-endian, in base64.

    Args:
        array: of numbers.
        dtype: that they are kept in.
    """
    kept = np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<"))
    text = base64.b64encode(kept.tobytes()).decode("ascii")
    return {"shape": list(kept.shape), "type": kept.dtype.str, "bytes": text}


def unpacked(record: Mapping[str, Any]) -> np.ndarray:
    """The numbers of `packed`.

    Args:
        record: as it made it.

    Raises:
        InputError: it is damaged.
    """
    try:
        dtype = np.dtype(record["type"])
        if dtype.kind not in "biuf":
            raise ValueError(f"of type {dtype}")
        found = np.frombuffer(base64.b64decode(record["bytes"], validate=True), dtype)
        native = found.astype(dtype.newbyteorder("="))
        return native.reshape([int(side) for side in record["shape"]])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"kept numbers are damaged ({error})") from error
