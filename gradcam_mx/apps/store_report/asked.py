"""From the command line's options to a report of a store."""

from __future__ import annotations

import argparse

from ...graph.digest import digest_of
from ...store import Store
from ...zoo.labels import read_labels
from .. import requested
from ..report.recipe import in_command, net_in_python
from .brief import TITLE, StoreBrief, check_net
from .recipe import in_python

_TAKEN = {
    "store", "out", "examples", "title", "template", "gpu", "classes", "model", "symbol", "params",
    "epoch", "weights",
}  # fmt: skip
"""The options that a report of a store takes."""


def check_usage(options: argparse.Namespace) -> None:
    """Find options that say how photos are explained: a store has what was found; ends the process.

    Args:
        options: of the command line.
    """
    parser = options.parser
    if options.photos:
        parser.error("argument --store: not allowed with photos")
    for action in parser._actions:
        given = getattr(options, action.dest, action.default)
        if action.option_strings and action.dest not in _TAKEN and given != action.default:
            parser.error(
                f"argument {action.option_strings[0]}: not allowed with argument --store, as a "
                "store has what was found"
            )


def brief_of(options: argparse.Namespace) -> StoreBrief:
    """What a report of a store is asked for.

    Args:
        options: of the command line.

    Raises:
        InputError: there is no store, or it is of another network than the one that is given.
    """
    store = Store(options.store)
    is_named = options.model is not None or options.symbol is not None
    graph = requested.network(options) if is_named else None
    if graph is not None:
        check_net(store, digest_of(graph))
    names = None if options.classes is None else read_labels(options.classes)
    called = options.symbol.name if options.symbol else options.model
    return StoreBrief(
        store,
        graph,
        None,
        names,
        options.examples,
        options.title or TITLE,
        options.template,
        {
            "command": in_command(options),
            "python": in_python(store, net_in_python(options) if is_named else "…"),
        },
        called or StoreBrief.net,
    )
