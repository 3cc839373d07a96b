"""The options of the command that writes a network with its map; nothing here imports what
computes."""

from __future__ import annotations

from typing import Any

from .._names import CARRIED
from . import values
from .option_groups import LAYER_HELP, SIZE_HELP, add_network_with_weights


def add_export_explained(commands: Any) -> None:
    """The command `export-explained`.

    Args:
        commands: it becomes one of them.
    """
    command = commands.add_parser(
        "export-explained",
        help="write a network that gives its heat map as one more output",
        usage="%(prog)s [--model NAME | --symbol FILE] --out PREFIX [--method METHOD] [options]",
        description="Write a network with one more output, the heat map of its top class, made of "
        "MXNet's own operators: it runs wherever the network does, also without Python. Before "
        "anything is written the map is held against the one that `explain` makes.",
    )
    command.add_argument(
        "--out",
        type=values.path,
        required=True,
        metavar="PREFIX",
        help="what the names of the files begin with: PREFIX-symbol.json, PREFIX-0000.params",
    )
    add_network_with_weights(command)
    group = command.add_argument_group("the map")
    group.add_argument(
        "--method",
        choices=CARRIED,
        default=CARRIED[0],
        metavar="METHOD",
        help=f"{', '.join(CARRIED)} (default: {CARRIED[0]}, of networks that end in a global "
        "average pool and one Dense layer; recipro_cam goes with any)",
    )
    group.add_argument("--layer", metavar="NAME", help=LAYER_HELP)
    group.add_argument("--size", type=values.size, metavar="N", help=SIZE_HELP)
    group.add_argument(
        "--cells",
        action="store_true",
        help="the map as its layer has it, not at the size of the network's input",
    )
    group.add_argument(
        "--class-input",
        action="store_true",
        help="one more input, NAME_class: the class that the map is of, where -1 is the top class",
    )
    group.add_argument(
        "--name",
        default="heatmap",
        metavar="NAME",
        help="of the new output, NAME_output (default: heatmap)",
    )
    command.set_defaults(
        parser=command, gpu=None, preprocess=None, channels=None, mean=None, std=None
    )
