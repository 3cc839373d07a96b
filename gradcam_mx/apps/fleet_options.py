"""The options of `gradcam-mx run`; nothing here imports what computes."""

from __future__ import annotations

import argparse
from typing import Any

from . import values
from .arguments import Collect
from .choices import METRICS
from .option_groups import add_gpu, add_method_options, add_trained_network, add_what

BY_DEFAULT = ["grad_cam"]


def add_run(commands: Any) -> None:
    """Add the command.

    Args:
        commands: those of the command line.
    """
    command = commands.add_parser(
        "run",
        help="explain a data set of any size, and keep what is found in a store",
        usage="%(prog)s DATA --out STORE [--model NAME | --symbol FILE] [options]",
        description="Explain a data set. What is found is kept in files of a shard each; a run "
        "that was ended, by whatever, goes on where it was when it is started again, and computes "
        "what has changed since. A sample that cannot be read is a row with its error, and one "
        "that crashes or hangs is left out and named; the exit code is 1 then.",
    )
    command.add_argument(
        "data",
        metavar="DATA",
        help="a folder of photos, a list of them (.csv, .tsv, .txt, .lst), or RecordIO (.rec)",
    )
    command.add_argument(
        "--out", type=values.path, required=True, metavar="STORE", help="the folder of the store"
    )
    command.add_argument(
        "--labels",
        metavar="FILE",
        help='the true classes: "folders" for the names of the folders that photos are in, or a '
        "file with lines of a photo, a comma or tab, and its class; lists and records have theirs",
    )
    command.add_argument(
        "--label-target",
        action="store_true",
        help="explain the true class of each sample (default: the top one)",
    )
    command.add_argument(
        "--metric",
        nargs="+",
        type=values.metric,
        action=Collect,
        default=[],
        metavar="METRIC",
        help=f"measures of each map, out of {', '.join(METRICS)} (default: none)",
    )
    command.add_argument(
        "--full",
        nargs="+",
        type=values.method,
        action=Collect,
        default=[],
        metavar="METHOD",
        help="methods of which all values are kept, not only the map at the layer's size",
    )
    _add_workers(command)
    add_gpu(command)
    add_trained_network(command)
    what = add_what(command, BY_DEFAULT)
    what.add_argument(
        "--top-k",
        type=values.positive,
        default=5,
        metavar="N",
        help="how many classes to keep of what the network says (default: 5)",
    )
    add_method_options(command)
    command.set_defaults(parser=command)


def _add_workers(command: argparse.ArgumentParser) -> None:
    """Who does the work."""
    group = command.add_argument_group("the work")
    group.add_argument(
        "--workers",
        type=values.place,
        default=1,
        metavar="N",
        help="how many processes work (default: 1; 0 for this process alone)",
    )
    group.add_argument(
        "--ray",
        metavar="ADDRESS",
        help='the Ray cluster that works, such as auto; "local" for one that lasts as long as '
        "the run",
    )
    group.add_argument(
        "--gpus-per-worker",
        type=values.number,
        default=0.0,
        metavar="X",
        help="how many GPUs of the cluster each worker gets (default: 0)",
    )
    group.add_argument(
        "--at-a-time",
        type=values.positive,
        default=8,
        metavar="N",
        help="how many samples run through the net together (default: 8; methods that draw at "
        "random or perturb take one at a time)",
    )
    group.add_argument(
        "--shard-size",
        type=values.positive,
        metavar="N",
        help="how many samples are in a file (default: 256; 16 for methods of many passes)",
    )
    group.add_argument(
        "--timeout",
        type=values.deviation,
        default=600.0,
        metavar="SECONDS",
        help="for how long a worker may give no sign of life (default: 600)",
    )
