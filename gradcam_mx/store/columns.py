"""The columns of a store: what is kept of each sample.

number, place, sha256       which sample it is; the hash is of it as it is stored
label                       its true class, if that is known
error                       why nothing was found of it; everything below is missing then
key                         of the prediction: what it depends on, as a hash
predicted, probability      the top class, and how probable the net holds it
top, top_probability        the first classes
target, score               what was explained: the class, and the net's number for it
METHOD.key                  what the map and its measures depend on, as a hash
METHOD.shape, METHOD.scale  of the map, and the largest of its absolute values
METHOD.map                  float16, little-endian: the map divided by its scale
METHOD.values               all values in full, float32, of methods that were asked for in full
METHOD.values_shape         their shape
METHOD.measure              a number for each measure
"""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping, NamedTuple, Sequence

import numpy as np

from ..support.optional import optional

Cells = Dict[str, Any]
"""A row: name of a column → what it holds."""

LIGHT = ("number", "place", "label", "error", "predicted", "probability", "target", "score")
"""The columns that tell samples apart."""

OF_METHODS = ("key", "shape", "scale", "map", "values", "values_shape")
"""What a store keeps of a method beside its measures."""

_TRAITS = b"gradcam-mx"
"""The key of a file's metadata under which the traits of its methods are."""


class Traits(NamedTuple):
    """What all maps of a method have in common."""

    title: str | None
    """What people call it."""
    layer: str | None
    """The layer that it explains; None for the input."""
    signed: bool
    """Whether negative values are evidence against the target."""
    is_strength: bool
    """Whether a map is the strength of attributions, summed over the channels."""


def arrow() -> Any:
    """The package that reads and writes tables."""
    return optional("pyarrow", "stores are kept", "fleet")


def parquet() -> Any:
    """The part of it that knows files."""
    return optional("pyarrow.parquet", "stores are kept", "fleet")


def schema(methods: Mapping[str, Sequence[str]], traits: Mapping[str, Traits]) -> Any:
    """The columns and their types.

    Args:
        methods: name → its measures.
        traits: name → those of its maps, where there are some.
    """
    pa = arrow()
    base = {
        "number": pa.int64(),
        "place": pa.string(),
        "sha256": pa.string(),
        "label": pa.int32(),
        "error": pa.string(),
        "key": pa.string(),
        "predicted": pa.int32(),
        "probability": pa.float32(),
        "top": pa.list_(pa.int32()),
        "top_probability": pa.list_(pa.float32()),
        "target": pa.int32(),
        "score": pa.float64(),
    }
    kinds = {
        "key": pa.string(),
        "shape": pa.list_(pa.int32()),
        "scale": pa.float32(),
        "map": pa.binary(),
        "values": pa.binary(),
        "values_shape": pa.list_(pa.int32()),
    }
    of_methods = {
        f"{method}.{name}": kinds.get(name, pa.float64())
        for method, measures in methods.items()
        for name in (*OF_METHODS, *measures)
    }
    told = json.dumps({name: one._asdict() for name, one in traits.items()})
    return pa.schema([*base.items(), *of_methods.items()], metadata={_TRAITS: told.encode()})


def traits_in(schema: Any) -> dict[str, Traits]:
    """Those of the methods of a file.

    Args:
        schema: of the file.
    """
    told = json.loads((schema.metadata or {}).get(_TRAITS, b"{}"))
    return {name: Traits(**one) for name, one in told.items()}


def packed(values: np.ndarray) -> Cells:
    """A map as it is kept, under the names of its columns.

    Args:
        values: finite numbers of any shape.
    """
    scale = float(np.abs(values).max(initial=0.0))
    shares = values / scale if scale > 0 else np.zeros_like(values)
    kept = np.ascontiguousarray(shares, dtype="<f2")
    return {"shape": list(values.shape), "scale": scale, "map": kept.tobytes()}


def unpacked(shape: Sequence[int], scale: float, kept: bytes) -> np.ndarray:
    """The map that was kept, in float32.

    Args:
        shape: of it.
        scale: the largest of its absolute values.
        kept: its bytes.
    """
    return np.frombuffer(kept, "<f2").astype(np.float32).reshape(shape) * np.float32(scale)
