"""What a run was asked for: two runs that were asked for the same write to one folder."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from .._mxnet import mx
from ..graph.graph import Graph
from ..graph.sealed import Sealed

_NO_SETTINGS = {
    "command",
    "parser",
    "usage_error",
    "photos",
    "out",
    "gpu",
    "batch_size",
    "at_a_time",
}
"""What says where results come from and go to, or how they are computed, not what they are."""


def settings(options: argparse.Namespace, graph: Graph) -> dict[str, Any]:
    """The options that results depend on, and the network.

    Args:
        options: of the command line.
        graph: of the network.
    """
    given = {
        name: str(value.absolute()) if isinstance(value, Path) else value
        for name, value in vars(options).items()
        if name not in _NO_SETTINGS and value is not None
    }
    return {**given, "network": fingerprint(graph)}


def fingerprint(graph: Graph) -> str:
    """A hash of a network: of its operators and the numbers of its parameters, not of its names.

    Args:
        graph: of the network.
    """
    if isinstance(graph, Sealed):
        return "".join(graph.box.digest)
    made = hashlib.sha1()
    for node in graph.live_nodes:
        attributes = sorted(item for item in node.attrs.items() if not item[0].startswith("__"))
        made.update(repr((node.op, attributes, node.inputs)).encode())
    contexts = graph.parameters.contexts()
    for name, array in graph.parameters.on(contexts[0] if contexts else mx.cpu()).items():
        made.update(repr((graph.variables[name].index, array.shape)).encode())
        made.update(np.ascontiguousarray(array.asnumpy()).data)
    return made.hexdigest()
