"""The options of the command that compares two stores; nothing here imports what computes."""

from __future__ import annotations

from typing import Any

from . import values
from .arguments import Collect
from .completion import STORES


def add_drift(commands: Any) -> None:
    """The command `drift`.

    Args:
        commands: it becomes one of them.
    """
    command = commands.add_parser(
        "drift",
        help="compare two stores: has anything changed?",
        usage="%(prog)s REFERENCE CURRENT [--alpha X] [--out drift.html] [--prometheus FILE] "
        "[options]",
        description="Compare predictions, scores and maps of two stores, by permutation tests that "
        "are corrected for how many there are. The exit code is 0 if nothing has drifted, 1 if "
        "something has, and 2 if the stores cannot be compared.",
    )
    for name, said in zip(STORES, ("what is held to be right", "what is compared with it")):
        command.add_argument(name.lower(), type=values.path, metavar=name, help=f"a store: {said}")
    command.add_argument(
        "--alpha",
        type=values.level,
        default=0.01,
        metavar="X",
        help="the probability of an alarm where nothing has changed (default: 0.01)",
    )
    command.add_argument(
        "--method",
        nargs="+",
        action=Collect,
        metavar="METHOD",
        help="one or several methods whose maps are compared (default: all that both stores have)",
    )
    command.add_argument(
        "--concepts",
        dest="columns",
        action="append",
        default=[],
        metavar="COLUMN",
        help="another column of numbers that both stores have, such as the share of a concept",
    )
    command.add_argument(
        "--permutations",
        type=values.positive,
        default=999,
        metavar="N",
        help="how many are drawn, 1 / alpha at least (default: 999)",
    )
    command.add_argument(
        "--at-most",
        type=values.positive,
        default=20_000,
        metavar="N",
        help="how many samples of each store are compared, drawn of more (default: 20000)",
    )
    command.add_argument(
        "--seed", type=values.place, default=0, metavar="N", help="of what is drawn (default: 0)"
    )
    group = command.add_argument_group("what is written, beside the table that is printed")
    group.add_argument("--out", type=values.path, metavar="FILE", help="a page, such as drift.html")
    group.add_argument(
        "--csv", type=values.path, metavar="FILE", help="the table, a line for each quantity"
    )
    group.add_argument(
        "--prometheus",
        type=values.collected,
        metavar="FILE",
        help="a file *.prom that Prometheus's node exporter collects",
    )
    command.set_defaults(parser=command)
