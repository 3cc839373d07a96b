"""Stores that are written without a net, as a run would write them."""

from __future__ import annotations

import hashlib

import numpy as np

from gradcam_mx.store import columns, shards
from gradcam_mx.store.manifest import Manifest, OfMethod

TRAITS = columns.Traits("Grad-CAM", "features.7", False, False)


def row(
    number, map, label=None, predicted=0, score=1.0, probability=0.5, method="grad_cam", **more
):
    """A sample of which a map was found."""
    packed = columns.packed(np.asarray(map, np.float32))
    return {
        "number": number,
        "place": f"class{label}/{number:05d}.png",
        "sha256": hashlib.sha256(str(number).encode()).hexdigest(),
        "label": label,
        "key": f"{number:032x}",
        "predicted": predicted,
        "probability": probability,
        "top": [predicted],
        "top_probability": [probability],
        "target": predicted,
        "score": score,
        f"{method}.key": f"{number:032x}",
        **{f"{method}.{name}": one for name, one in packed.items()},
        **more,
    }


def failed(number, error="the photo is damaged"):
    """A sample of which nothing was found."""
    return {"number": number, "place": f"{number:05d}.png", "sha256": "", "error": error}


def written(
    folder,
    rows,
    shard_size=8,
    methods=("grad_cam",),
    metrics=(),
    traits=TRAITS,
    input_size=(32, 32),
    data=None,
    net="p",
    **more,
):
    """A store of these rows; its folder."""
    asked = {name: OfMethod(metrics=list(metrics)) for name in methods}
    about = Manifest(
        net={"structure": "s", "parameters": net},
        methods=asked,
        data={"kind": "arrays"} if data is None else data,
        samples=len(rows),
        shard_size=shard_size,
        input_size=list(input_size),
        is_done=True,
        **more,
    )
    folder.mkdir(parents=True, exist_ok=True)
    about.write(folder)
    schema = columns.schema(about.columns, dict.fromkeys(methods, traits))
    for number in range(about.shards):
        part = rows[number * shard_size : (number + 1) * shard_size]
        digest = hashlib.sha256(f"{number}".encode()).hexdigest()
        whole = [{name: one.get(name) for name in schema.names} for one in part]
        table = columns.arrow().Table.from_pylist(whole, schema=schema)
        shards.write(shards.place(folder, number, digest), table)
    return folder
