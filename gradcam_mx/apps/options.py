"""The command line's commands and their options; nothing here imports what computes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .._version import __version__
from . import values
from .arguments import Collect
from .audit_options import add_audit
from .completion import PrintCompletion
from .drift_options import add_drift
from .export_options import add_export_explained
from .fleet_options import add_run
from .option_groups import (
    LAYER_HELP,
    OUTPUT_HELP,
    SIZE_HELP,
    add_gpu,
    add_masks,
    add_measures,
    add_method_options,
    add_metrics,
    add_network,
    add_out,
    add_photo,
    add_photos,
    add_preprocessing,
    add_store,
    add_trained_network,
    add_what,
)
from .shortcuts_options import add_shortcuts

_PICTURES = "the pictures and results.csv"


def parser() -> argparse.ArgumentParser:
    """The whole of it; `command` is the name of the command that was given."""
    whole = argparse.ArgumentParser(
        prog="gradcam-mx", description="Show what a convolutional network looked at."
    )
    whole.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    whole.add_argument("--print-completion", action=PrintCompletion)
    commands = whole.add_subparsers(required=True, metavar="COMMAND", dest="command")
    _add_explain(commands)
    _add_evaluate(commands)
    _add_report(commands)
    _add_verify(commands)
    add_run(commands)
    add_shortcuts(commands)
    _add_layers(commands)
    _add_check(commands)
    add_drift(commands)
    add_export_explained(commands)
    add_audit(commands)
    _add_app(commands)
    command = commands.add_parser("demo", help="explain two photos by two trained networks")
    add_gpu(command)
    add_out(command, _PICTURES, Path("gradcam-mx-demo"), "gradcam-mx-demo")
    command.set_defaults(parser=command)
    return whole


def _add_explain(commands: Any) -> None:
    command = commands.add_parser(
        "explain",
        help="explain a network's decisions on photos",
        usage="%(prog)s PHOTO ... [--model NAME | --symbol FILE] [options]",
        description="Explain a network's decisions on photos. The network is one of the zoo's "
        "(--model) or your own, from the files that it was saved to (--symbol).",
    )
    add_photos(command, _PICTURES)
    command.add_argument(
        "--at-a-time",
        type=values.positive,
        default=2,
        metavar="N",
        help="how many photos run through the net together: more is quicker and takes more memory "
        "(default: 2; methods that draw at random or perturb take one photo at a time)",
    )
    add_trained_network(command)
    what = add_what(command)
    what.add_argument(
        "--top-k",
        type=values.positive,
        default=5,
        metavar="N",
        help="how many predictions to print (default: 5)",
    )
    add_method_options(command)
    command.set_defaults(parser=command)


def _add_evaluate(commands: Any) -> None:
    command = commands.add_parser(
        "evaluate",
        help="measure on photos how far methods can be trusted",
        usage="%(prog)s PHOTO ... [--method METHOD ...] [--metric METRIC ... | --recommend] "
        "[options]",
        description="Measure methods on photos: a table of means and standard errors, beside "
        "controls that know nothing of the network.",
    )
    add_photos(command, "evaluation.json, evaluation.csv, samples.csv and figures")
    add_trained_network(command)
    add_what(command)
    add_measures(command)
    add_method_options(command)
    command.set_defaults(parser=command, at_a_time=1, top_k=1, method=None)


def _add_report(commands: Any) -> None:
    command = commands.add_parser(
        "report",
        help="write a report on photos, to be handed over",
        usage="%(prog)s PHOTO ... [--labels FILE] [--out report.html] [options]\n"
        "       %(prog)s --store STORE [--model NAME | --symbol FILE] [--out report.html] "
        "[options]",
        description="Write a page that says what a network looked at in photos, for people who "
        "have none of this: the network and the data by their hashes, what was done, predictions, "
        "maps, measures beside controls, and how to make it again. `verify` computes it anew. With "
        "--store it is of a whole data set, of what `run` has found.",
    )
    add_photo(command)
    command.add_argument(
        "--out",
        type=values.path,
        default=Path("report.html"),
        metavar="FILE",
        help="the page; of many photos further ones go into a folder beside it (default: "
        "report.html)",
    )
    add_gpu(command)
    _add_store_report(command)
    group = command.add_argument_group("the report")
    group.add_argument(
        "--labels",
        type=values.path,
        metavar="FILE",
        help="the true class of each photo: lines of a photo, by path or name, a comma or tab, and "
        "the class, by id or name",
    )
    group.add_argument("--title", metavar="TEXT", help="of the report")
    group.add_argument(
        "--template",
        type=values.path,
        metavar="FILE",
        help="a Jinja2 template of your own (docs/report.md says what it gets)",
    )
    group.add_argument(
        "--top-k",
        type=values.positive,
        default=5,
        metavar="N",
        help="how many classes to list for each photo (default: 5)",
    )
    group.add_argument(
        "--per-page",
        type=values.positive,
        default=40,
        metavar="N",
        help="photos on a page; a report of more is in parts (default: 40)",
    )
    group.add_argument(
        "--measured",
        type=values.place,
        default=100,
        metavar="N",
        help="photos that are measured at most, evenly spread; 0 for none (default: 100)",
    )
    add_trained_network(command)
    add_what(command)
    measures = command.add_argument_group("what is measured")
    add_metrics(measures)
    add_masks(measures)
    add_method_options(command)
    command.set_defaults(parser=command, at_a_time=1)


def _add_store_report(command: argparse.ArgumentParser) -> None:
    """A report of a store."""
    group = command.add_argument_group(
        "a store", "The network is not run again; given, it is checked, and its layers are listed."
    )
    add_store(group, "report on what `run` has kept here, in the place of photos")
    group.add_argument(
        "--examples",
        type=values.place,
        default=40,
        metavar="N",
        help="samples that are shown at most, the most and the least certain, right and wrong "
        "(default: 40)",
    )


def _add_verify(commands: Any) -> None:
    command = commands.add_parser(
        "verify",
        help="compute anew what a report or an archive says",
        usage="%(prog)s FILE [--model NAME | --symbol FILE] [options]",
        description="Compute anew what a report (.html) or an archive (.npz) says, and say whether "
        "it agrees, or what the first difference is. The exit code is 0 if it agrees, 1 if not.",
    )
    command.add_argument("file", type=values.path, metavar="FILE", help="a report or an archive")
    command.add_argument(
        "--photos",
        dest="originals",
        action="append",
        metavar="PHOTO",
        help="files, folders or patterns, to verify too that what the network saw is what becomes "
        "of these photos; they are known by their hashes",
    )
    add_gpu(command)
    add_trained_network(command)
    command.set_defaults(parser=command)


def _add_layers(commands: Any) -> None:
    command = commands.add_parser(
        "layers",
        help="list the layers of a network",
        usage="%(prog)s [--model NAME | --symbol FILE] [options]",
        description="List the layers of a network; a star marks the one that activation maps "
        "show by default.",
    )
    add_network(command)
    command.add_argument("--size", type=values.size, metavar="N", help=SIZE_HELP)
    command.set_defaults(
        parser=command,
        gpu=None,
        weights=None,
        preprocess=None,
        channels=None,
        mean=None,
        std=None,
    )


def _add_check(commands: Any) -> None:
    command = commands.add_parser(
        "check",
        help="prove that a network can be explained",
        usage="%(prog)s [PHOTO] [--model NAME | --symbol FILE] [options]",
        description="Prove, on a photo or on noise, what explanations of a network rest on: that "
        "what is explained is what the network says, and that its gradients are derivatives. The "
        "exit code is 1 if something is wrong.",
    )
    command.add_argument("photo", nargs="?", metavar="PHOTO", help="a file (default: noise)")
    add_gpu(command)
    add_network(command)
    add_preprocessing(command)
    command.add_argument("--layer", metavar="NAME", help=LAYER_HELP)
    command.add_argument("--output", type=values.name_or_number, metavar="NAME", help=OUTPUT_HELP)
    command.add_argument(
        "--relevance",
        action="store_true",
        help="look too at what relevance loses on its way through the network",
    )
    command.set_defaults(usage_error=command.error, weights=None)


def _add_app(commands: Any) -> None:
    command = commands.add_parser(
        "app",
        help="look at networks in the browser",
        usage="%(prog)s [--model NAME ... | --symbol FILE] [--photos DIR] [--store STORE] "
        "[options]",
        description="Open a page in the browser: drop photos in, walk through the layers of a "
        "network, and see every method with its settings. The page is served by this machine, to "
        "this machine alone unless --host says otherwise; Ctrl-C ends it.",
    )
    add_gpu(command)
    network = add_network(command, several=True)
    network.add_argument(
        "--names",
        "--classes",
        dest="classes",
        type=values.path,
        metavar="FILE",
        help="the classes' names, a text file with one a line, class 0 first",
    )
    add_preprocessing(command)
    group = command.add_argument_group("the app")
    group.add_argument(
        "--photos",
        dest="folder",
        type=values.path,
        metavar="DIR",
        help="a folder whose photos are there from the start",
    )
    add_store(
        group,
        "samples that `run` has explained are there to look through, with what it found beside",
    )
    group.add_argument(
        "--port",
        type=values.place,
        metavar="N",
        help="of the address (default: 8421, or the next that is free; 0 for any)",
    )
    group.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDR",
        help="the address to be reached at; from other machines a token is asked for, which is "
        "part of the address that is printed (default: 127.0.0.1, this machine alone)",
    )
    group.add_argument(
        "--behind",
        type=values.address,
        metavar="URL",
        help="the address of a proxy through which the page is opened, such as "
        "https://example.com/app; the token is asked for then too",
    )
    group.add_argument("--no-browser", action="store_true", help="open no browser")
    group.add_argument(
        "--plugin",
        nargs="+",
        type=values.path,
        action=Collect,
        metavar="FILE",
        help="Python code of yours that is run at the start: methods and metrics that it registers "
        "are in the app",
    )
    command.set_defaults(parser=command, weights=None, bits=None)
