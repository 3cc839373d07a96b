"""Attributes in the spellings of C++, Scala, Python 2 and hand-written files (DESIGN, fact Q)."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from gradcam_mx._mxnet import mx

TUPLE = re.compile(r"\((-?\d+(, ?-?\d+)*),?\)")
NUMBER = re.compile(r"-?\d+\.\d+")


def respelled(symbol: Any, rng: np.random.RandomState) -> Any:
    """The same net with its attributes spelled otherwise, as far as MXNet reads the spelling."""
    graph = json.loads(symbol.tojson(remove_amp_cast=False))
    for node in graph["nodes"]:
        for key, value in list(node.get("attrs", {}).items()):
            if not key.startswith("__"):
                node["attrs"][key] = otherwise(value, rng)
    found = mx.sym.load_json(json.dumps(graph))
    return found if same_shapes(symbol, found) else symbol


def otherwise(value: str, rng: np.random.RandomState) -> str:
    """One attribute's value in another spelling of the same."""
    if value in ("True", "False"):
        number = str(int(value == "True"))
        return [value, value.lower(), number][rng.randint(3)]
    tuple_ = TUPLE.fullmatch(value)
    if tuple_:
        parts = re.findall(r"-?\d+", value)
        spelled = [
            f"({', '.join(parts)}{',' if len(parts) == 1 else ''})",
            f"[{','.join(parts)}]",
            f"({','.join(part + 'L' for part in parts)}{',' if len(parts) == 1 else ''})",
            f"[{', '.join(parts)}]",
        ]
        return spelled[rng.randint(len(spelled))]
    if NUMBER.fullmatch(value):
        exact = f"{float(value):e}"
        return exact if float(exact) == float(value) and rng.rand() < 0.5 else value
    return value


def same_shapes(one: Any, other: Any) -> bool:
    """Whether MXNet reads the other spelling at all: its outputs are known from the same shapes."""
    try:
        return one.list_arguments() == other.list_arguments() and bool(other.list_outputs())
    except mx.MXNetError:
        return False
