"""A network into files, as MXNet's own ways to save write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Collection, Mapping, NamedTuple

from .._mxnet import mx
from ..errors import OutputError, reason
from ..support.files import whole
from .graph import Graph
from .parameters import is_gluon


class Saved(NamedTuple):
    """Where a network's files are."""

    symbol_file: Path
    params_file: Path


def places(prefix: str | Path) -> Saved:
    """Where the files of a prefix go: "…-symbol.json" and "…-0000.params".

    Args:
        prefix: a path without these endings, in a folder that exists.

    Raises:
        OutputError: it is no such path.
    """
    path = Path(prefix).expanduser()
    if not str(prefix) or str(prefix).endswith(("/", "\\")) or path.is_dir():
        raise OutputError(
            f"the prefix {str(prefix)!r} is a folder; expected the beginning of the names of two "
            f"files, such as {str(path / 'net')!r}"
        )
    if not path.parent.is_dir():
        raise OutputError(
            f"the prefix {str(prefix)!r} is in no folder that exists: make {path.parent} first"
        )
    found = Saved(*(path.with_name(path.name + end) for end in ("-symbol.json", "-0000.params")))
    for file in found:
        if file.is_dir():
            raise OutputError(f"cannot write {file}, as it is a folder: choose another prefix")
    return found


def save(prefix: str | Path, symbol: Any, arrays: Mapping[str, Any]) -> Saved:
    """Write a Symbol and its parameters under a prefix; both files are whole or not there.

    Args:
        prefix: as `places` takes it.
        symbol: it.
        arrays: name → NDArray of each of its parameters and auxiliary states.

    Raises:
        OutputError: they cannot be written there.
    """
    found = places(prefix)
    states = set(symbol.list_auxiliary_states())
    marked = {
        f"{'aux' if name in states else 'arg'}:{name}": array for name, array in arrays.items()
    }
    # casts that are there are the net's own
    text = symbol.tojson(remove_amp_cast=False)
    with whole(found.symbol_file) as symbol_part, whole(found.params_file) as params_part:
        symbol_part.write_text(text, encoding="utf-8")
        try:
            mx.nd.save(str(params_part), marked)
        except mx.MXNetError as error:
            raise OutputError(f"cannot write {found.params_file}: {reason(error)}") from error
    return found


def arrays_of(graph: Graph, names: Collection[str]) -> dict[str, Any]:
    """Copies of a net's own parameters, beside each other; gammas that are fixed are ones.

    MXNet takes them for ones whatever they hold, but what translates the files to another format
    may not: `mx.onnx` of MXNet 1.9.1 writes what they hold (measured).

    Args:
        graph: of the net.
        names: which, among those that it has.
    """
    _, sources = graph.own.whole
    contexts = graph.parameters.contexts()
    context = contexts[0] if contexts else mx.cpu()
    arrays = {
        name: (one.data(context) if is_gluon(one) else one).as_nd_ndarray().copy()
        for name, one in sources.items()
        if name in names
    }
    for name in graph.parameters.fixed_gammas.intersection(arrays):
        arrays[name][:] = 1
    return arrays
