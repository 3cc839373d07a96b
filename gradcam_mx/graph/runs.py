"""The runs of layers, and how they are addressed: a block may run several times, on other values.

`conv#2` is the second run of `conv`, in the order in which the net runs. Siamese and recurrent nets
have such blocks, weights that are shared, and files in which several operators bear one name.
"""

from __future__ import annotations

import re
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Sequence

from ..errors import LayerError
from ..support.caches import Cache
from .node import Entry, Shape
from .structure import Structure

_ADDRESS = re.compile(r"(.*)#(\d+)", re.DOTALL)


class Run(NamedTuple):
    """One run of a layer: its address, and the value that it gave."""

    address: str
    entry: Entry


Named = Dict[str, List[Run]]
"""Name → the runs of the layer that bears it, in order."""


class Runs:
    """All layers of a graph by their names; where blocks share one, the outermost bears it.

    Args:
        graph: the graph.
    """

    def __init__(self, graph: Structure) -> None:
        live = {node.index for node in graph.live_nodes}
        nodes: dict[str, list[Entry]] = {}
        for node in graph.live_nodes:
            if not (node.is_variable or node.is_internal):
                for name in (node.name, f"{node.name}_output"):
                    nodes.setdefault(name, []).append((node.index, 0))
        ran = [(block, graph.frozen(block.output)) for block in graph.blocks]
        owners: dict[str, set[str]] = {}
        for block, _ in ran:
            owners.setdefault(block.name, set()).add(block.path)
        names: dict[str, list[Entry]] = {}
        paths: dict[str, list[Entry]] = {}
        blocks: dict[int, list[Entry]] = {}
        for block, entry in ran:
            if not any(_is_within(block.path, other) for other in owners[block.name]):
                names.setdefault(block.name, []).append(entry)
            blocks.setdefault(block.identity, []).append(entry)
            if block.path:
                paths.setdefault(block.path, []).append(entry)
        called = {block.identity: block.path or block.name for block, _ in ran}
        every = {**nodes, **names, **paths}
        self.named: Named = {name: _runs(name, found, live) for name, found in every.items()}
        for block, _ in ran:
            for path in block.other_paths:
                self.named.setdefault(path, self.named[block.path])
        """Every name of a layer whose value some output depends on, or of one that has none."""
        self.of_blocks = {
            identity: _runs(called[identity], found, live) for identity, found in blocks.items()
        }
        """The identity of a Block → its runs."""

    def addresses(self) -> list[str]:
        """All names and addresses."""
        return [run.address for runs in self.named.values() for run in runs]

    def address(self, name: str, entry: Entry) -> str:
        """The address of the run of a layer that gave a value.

        Args:
            name: of the layer.
            entry: the value.
        """
        found = (run.address for run in self.named.get(name, ()) if run.entry == entry)
        return next(found, name)


class _Kept(Cache[None, Runs]):
    def __init__(self) -> None:
        super().__init__(1)


def runs_of(graph: Structure) -> Runs:
    """The runs of all layers of a graph; kept with it.

    Args:
        graph: the graph.
    """
    return graph.cache(_Kept).get(None, lambda: Runs(graph))


def split(layer: str) -> tuple[str, int | None]:
    """The name and the number in an address; None for a name alone.

    Args:
        layer: "conv#2", or "conv".
    """
    found = _ADDRESS.fullmatch(layer)
    return (found[1], int(found[2])) if found else (layer, None)


def numbered(name: str, number: int, count: int) -> str:
    """The address of a run: the name alone where there is one run.

    Args:
        name: of the layer.
        number: of the run, from 1.
        count: how many there are.
    """
    return name if count == 1 else f"{name}#{number}"


def the_run(
    graph: Structure,
    layer: str,
    runs: Sequence[Run],
    shapes: Mapping[Entry, Shape],
    source: Entry | None,
) -> Run:
    """The one run that is meant where a layer is named without a number.

    Args:
        graph: the graph.
        layer: the name.
        runs: those of the layer.
        shapes: of all values, for the message.
        source: the input that is explained, if the caller named one: of several runs, that which
            depends on this input alone is meant.

    Raises:
        LayerError: it ran several times; the message lists the addresses, with their shapes and
            the inputs that they depend on.
    """
    if len({run.entry for run in runs}) == 1:
        return runs[0]
    inputs = {run: inputs_of(graph, run.entry) for run in runs}
    alone = [run for run in runs if source is not None and inputs[run] == [source]]
    if len(alone) == 1:
        return alone[0]
    listed = "; ".join(
        " ".join((run.address, *([str(shapes[run.entry])] if run.entry in shapes else [])))
        + f" of {_named(graph, inputs[run])}"
        for run in runs
    )
    several = len(graph.inputs) > 1 and source is None
    raise LayerError(
        f"the layer {layer!r} runs {len(runs)} times: {listed}. Name one of these runs in place of "
        f"the layer, such as {runs[0].address!r}"
        + (", or say by input= which input it is to depend on alone" if several else "")
    )


def numbered_run(layer: str, name: str, number: int, runs: Sequence[Run]) -> Run:
    """The run that an address names.

    Args:
        layer: the address.
        name: the layer in it.
        number: the number in it.
        runs: those of the layer.

    Raises:
        LayerError: there is none of that number.
    """
    for run in runs:
        if (split(run.address)[1] or 1) == number:
            return run
    listed = ", ".join(run.address for run in runs)
    raise LayerError(f"there is no run {layer!r} of the layer {name!r}; there are: {listed}")


def inputs_of(graph: Structure, entry: Entry) -> list[Entry]:
    """The net's inputs that a value depends on.

    Args:
        graph: the graph.
        entry: the value.
    """
    return [
        source
        for source in graph.inputs
        if source == entry or entry[0] in graph.descendants([source])
    ]


def _runs(name: str, entries: Sequence[Entry], live: Iterable[int]) -> list[Run]:
    """The runs of a layer that count: of those that no output depends on, none if others do."""
    every = [
        Run(numbered(name, number, len(entries)), entry)
        for number, entry in enumerate(entries, start=1)
    ]
    return [run for run in every if run.entry[0] in live] or every


def _is_within(path: str, other: str) -> bool:
    return path != other and (other == "" or path.startswith(f"{other}."))


def _named(graph: Structure, inputs: Sequence[Entry]) -> str:
    names: list[Any] = [repr(graph.nodes[index].name) for index, _ in inputs]
    return " and ".join(names) or "no input"
