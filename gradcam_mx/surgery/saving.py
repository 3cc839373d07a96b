"""A changed net as files."""

from __future__ import annotations

import json
from pathlib import Path

from .._mxnet import mx
from ..errors import NetworkError
from ..graph.graph import Graph
from ..graph.save import Saved, arrays_of
from ..graph.save import save as save_files
from ..support.boundary import told


@told
def save(graph: Graph, prefix: str | Path) -> Saved:
    """Write a net, such as `gm.surgery.suppress` gives, as MXNet's own files. Experimental.

    They run in Module, in `SymbolBlock.imports`, and wherever else MXNet's networks do; `gm.load`
    reads them.

    Args:
        graph: the net.
        prefix: the files are PREFIX-symbol.json and PREFIX-0000.params.

    Returns:
        Where they are: (symbol_file, params_file).

    Raises:
        NetworkError: it is no Graph, or has casts of mixed precision, which are no part of it.
        OutputError: they cannot be written there.

    Example:
        >>> import tempfile, gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1(classes=10)
        >>> net.initialize()
        >>> changed = gm.surgery.suppress(
        ...     net, {"features.7": [57, 58]}, input_shape=(1, 3, 64, 64)
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     gm.surgery.save(changed, f"{folder}/changed").symbol_file.name
        'changed-symbol.json'
    """
    if not isinstance(graph, Graph):
        raise NetworkError(
            f"cannot write a {type(graph).__name__}: pass the Graph that gm.surgery.suppress or "
            "gm.trace gives"
        )
    description, _ = graph.own.whole
    if description.get("is_mixed"):
        raise NetworkError(
            "the net computes in mixed precision, and its casts are no part of the graph: change "
            "the net before mx.contrib.amp does"
        )
    heads = description["heads"][: len(graph.outputs)]
    whole = {key: description[key] for key in ("nodes", "arg_nodes") if key in description}
    attributes = description.get("attrs", {})
    symbol = mx.sym.load_json(json.dumps({**whole, "heads": heads, "attrs": attributes}))
    return save_files(prefix, symbol, arrays_of(graph, set(symbol.list_inputs())))
