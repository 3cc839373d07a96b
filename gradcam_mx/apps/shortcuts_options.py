"""The options of `gradcam-mx shortcuts`; nothing here imports what computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import values
from .arguments import Collect
from .choices import METHODS
from .option_groups import add_gpu, add_network


def add_shortcuts(commands: Any) -> None:
    """Add the command.

    Args:
        commands: those of the command line.
    """
    command = commands.add_parser(
        "shortcuts",
        help="look in a store for what a network knows a class by that is not the class",
        usage="%(prog)s STORE [--model NAME | --symbol FILE] [options]",
        description="Part the maps of each class of a store into clusters, and rank them by how "
        "far they lie from their class. With the network, the region that the maps of a cluster "
        "share is hidden in its photos and pasted into others: it is a shortcut if the network "
        "goes by it alone. The exit code is 0 if no shortcut was found, 1 if one was.",
    )
    command.add_argument("store", type=values.path, metavar="STORE", help="what `run` has written")
    command.add_argument(
        "--out",
        type=values.path,
        default=Path("shortcuts.html"),
        metavar="FILE",
        help="the page of what was found (default: shortcuts.html)",
    )
    command.add_argument(
        "--data",
        metavar="DATA",
        help="the data set, where it is not any more where the store says, as `run` takes it",
    )
    command.add_argument(
        "--method",
        type=values.method,
        metavar="METHOD",
        help=f"whose maps are compared, one of {', '.join(METHODS)} (default: the store's first)",
    )
    command.add_argument(
        "--class",
        dest="classes",
        nargs="+",
        action=Collect,
        metavar="CLASS",
        help="classes to look at, by id or name (default: all)",
    )
    command.add_argument(
        "--samples-per-class",
        type=values.positive,
        default=500,
        metavar="N",
        help="samples that are drawn of a class at most (default: 500)",
    )
    command.add_argument(
        "--photos",
        dest="hidden",
        type=values.positive,
        default=64,
        metavar="N",
        help="photos of a cluster in which its region is hidden at most (default: 64)",
    )
    command.add_argument(
        "--seed", type=values.place, default=0, metavar="N", help="of all draws (default: 0)"
    )
    add_gpu(command)
    add_network(command, default="none: clusters are ranked, and nothing is proved")
    command.set_defaults(parser=command, weights=None)
