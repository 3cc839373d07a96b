"""The options of `gradcam-mx audit`; nothing here imports what computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import values
from .choices import PREPROCESSINGS
from .option_groups import add_gpu, add_photo, add_trained_network


def add_audit(commands: Any) -> None:
    """Add the command.

    Args:
        commands: those of the command line.
    """
    command = commands.add_parser(
        "audit",
        help="is a port, or another variant of a network, the same network?",
        usage="%(prog)s --symbol OLD --against NEW.onnx PHOTO ... [--out audit.html] [options]",
        description="Compare two networks on photos: outputs against the noise of single "
        "precision, layers by their values, what they look at. Where they part, the usual mistakes "
        "of ports are tried. The exit code is 0 if they are the same, 1 if they are not, and 2 if "
        "it cannot be told, or the command cannot be run.",
    )
    add_photo(command)
    command.add_argument(
        "--against",
        type=values.path,
        required=True,
        metavar="FILE",
        help="the new network: an ONNX file, a saved network's *-symbol.json, or its prefix",
    )
    command.add_argument(
        "--out",
        type=values.path,
        default=Path("audit.html"),
        metavar="FILE",
        help="the page of what was found (default: audit.html)",
    )
    command.add_argument(
        "--masks",
        type=values.place,
        default=100,
        metavar="N",
        help="masks of the maps by RISE; 0 for no maps (default: 100)",
    )
    command.add_argument(
        "--tolerance",
        type=values.number,
        metavar="X",
        help="a difference of outputs that is taken for the same, as a share of what they vary by, "
        "such as 0.05 for a network in int8 (default: none but rounding)",
    )
    command.add_argument(
        "--new-preprocess",
        choices=PREPROCESSINGS,
        metavar="NAME",
        help="how photos are prepared for the new network, where that is another way: one of "
        f"{', '.join(PREPROCESSINGS)}",
    )
    add_gpu(command)
    add_trained_network(command)
    command.set_defaults(parser=command, background=None)
