"""The command line's options; nothing here imports what computes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .._version import __version__
from . import values
from .arguments import Collect
from .choices import (
    ALL_CAMS,
    BASELINES,
    CONTROLS,
    INPAINT,
    METHODS,
    METRICS,
    MODELS,
    NONE,
    PREPROCESSINGS,
    SEGMENTS,
    VALUES,
)
from .completion import PrintCompletion

DEFAULT_MODEL = "efficientnet_lite0"
DEFAULT_METHODS = ["grad_cam", "guided_grad_cam", "saliency"]

_PICTURES = "the pictures and results.csv"

_LAYER_HELP = "layer of the activation maps (default: the one that `layers` stars)"
_OUTPUT_HELP = (
    'which output, by name or number, or "probability" for the probability of the class in place '
    "of its score (default: the first)"
)
_SIZE_HELP = (
    "N, or HxW: height and width of the net's input (default: what its files tell, or else 224)"
)


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
    _add_layers(commands)
    _add_check(commands)
    _add_app(commands)
    command = commands.add_parser("demo", help="explain two photos by two trained networks")
    _add_gpu(command)
    _add_out(command, _PICTURES, Path("gradcam-mx-demo"), "gradcam-mx-demo")
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
    _add_photos(command, _PICTURES)
    command.add_argument(
        "--at-a-time",
        type=values.positive,
        default=2,
        metavar="N",
        help="how many photos run through the net together: more is quicker and takes more memory "
        "(default: 2; methods that draw at random or perturb take one photo at a time)",
    )
    _add_trained_network(command)
    what = _add_what(command)
    what.add_argument(
        "--top-k",
        type=values.positive,
        default=5,
        metavar="N",
        help="how many predictions to print (default: 5)",
    )
    _add_method_options(command)
    command.set_defaults(parser=command)


def _add_evaluate(commands: Any) -> None:
    command = commands.add_parser(
        "evaluate",
        help="measure on photos how far methods can be trusted",
        usage="%(prog)s PHOTO ... [--method METHOD ...] [--metric METRIC ...] [options]",
        description="Measure methods on photos: a table of means and standard errors, beside "
        "controls that know nothing of the network.",
    )
    _add_photos(command, "evaluation.json, evaluation.csv, samples.csv and figures")
    _add_trained_network(command)
    _add_what(command)
    _add_measures(command)
    _add_method_options(command)
    command.set_defaults(parser=command, at_a_time=1, top_k=1)


def _add_measures(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("what is measured")
    group.add_argument(
        "--metric",
        nargs="+",
        type=values.metric,
        action=Collect,
        metavar="METRIC",
        help=f"one or several of {', '.join(METRICS)} "
        "(default: srg, road where scipy is installed, and sparseness)",
    )
    group.add_argument(
        "--controls",
        nargs="+",
        type=values.control,
        action=Collect,
        default=list(CONTROLS),
        metavar="CONTROL",
        help=f"what methods have to beat: one or several of {', '.join(CONTROLS)}, or {NONE} "
        "(default: all)",
    )
    group.add_argument(
        "--labels",
        type=values.path,
        metavar="FILE",
        help="the class that is explained of each photo: lines of a photo, by path or name, a "
        "comma or tab, and the class, by id or name (default: the top one)",
    )
    group.add_argument(
        "--masks",
        type=values.path,
        metavar="DIR",
        help="where the object is, for measures of localisation: for each photo a .png of its name "
        "and size that is not zero there",
    )


def _add_photos(command: argparse.ArgumentParser, written: str) -> None:
    """Photos, where results go, and on what they are computed.

    Args:
        command: it gets them.
        written: the results.
    """
    command.add_argument(
        "photos", nargs="*", metavar="PHOTO", help="files, folders and all below them, or patterns"
    )
    _add_out(command, written, None, "a folder in explanations/, named by the time")
    _add_gpu(command)


def _add_trained_network(command: argparse.ArgumentParser) -> None:
    """The network, its weights, and how it gets its photos."""
    network = _add_network(command)
    network.add_argument(
        "--weights",
        type=values.path,
        metavar="FILE",
        help="other weights for --model: .params, .pth or .safetensors",
    )
    _add_preprocessing(command)


def _add_layers(commands: Any) -> None:
    command = commands.add_parser(
        "layers",
        help="list the layers of a network",
        usage="%(prog)s [--model NAME | --symbol FILE] [options]",
        description="List the layers of a network; a star marks the one that activation maps "
        "show by default.",
    )
    _add_network(command)
    command.add_argument("--size", type=values.size, metavar="N", help=_SIZE_HELP)
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
    _add_gpu(command)
    _add_network(command)
    _add_preprocessing(command)
    command.add_argument("--layer", metavar="NAME", help=_LAYER_HELP)
    command.add_argument("--output", type=values.name_or_number, metavar="NAME", help=_OUTPUT_HELP)
    command.set_defaults(usage_error=command.error, weights=None)


def _add_app(commands: Any) -> None:
    command = commands.add_parser(
        "app",
        help="look at networks in the browser",
        usage="%(prog)s [--model NAME ... | --symbol FILE] [--photos DIR] [options]",
        description="Open a page in the browser: drop photos in, walk through the layers of a "
        "network, and see every method with its settings. The page is served by this machine, to "
        "this machine alone unless --host says otherwise; Ctrl-C ends it.",
    )
    _add_gpu(command)
    network = _add_network(command, several=True)
    network.add_argument(
        "--names",
        "--classes",
        dest="classes",
        type=values.path,
        metavar="FILE",
        help="the classes' names, a text file with one a line, class 0 first",
    )
    _add_preprocessing(command)
    group = command.add_argument_group("the app")
    group.add_argument(
        "--photos",
        dest="folder",
        type=values.path,
        metavar="DIR",
        help="a folder whose photos are there from the start",
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


def _add_out(
    command: argparse.ArgumentParser, written: str, default: Path | None, said: str
) -> None:
    command.add_argument(
        "--out",
        type=values.path,
        default=default,
        metavar="DIR",
        help=f"where {written} go: a folder that is new, or one that this command has written; "
        f"what you have is never written over (default: {said})",
    )


def _add_gpu(command: argparse.ArgumentParser) -> None:
    command.add_argument("--gpu", type=values.whole, metavar="N", help="compute on GPU number N")


def _add_network(command: argparse.ArgumentParser, *, several: bool = False) -> Any:
    group = command.add_argument_group("the network")
    either = group.add_mutually_exclusive_group()
    more: dict[str, Any] = {"nargs": "+", "action": Collect} if several else {}
    either.add_argument(
        "--model",
        metavar="NAME",
        help=f"a network of the zoo (default: {DEFAULT_MODEL}), one "
        f"{'or several ' if several else ''}of {', '.join(MODELS)}",
        **more,
    )
    either.add_argument(
        "--symbol",
        type=values.path,
        metavar="FILE",
        help="a saved network: its *-symbol.json, the prefix of its files, or a "
        "folder or .tar.gz with them",
    )
    group.add_argument(
        "--params",
        type=values.path,
        metavar="FILE",
        help="the parameters for --symbol (default: *-0007.params beside it)",
    )
    group.add_argument(
        "--epoch",
        type=values.whole,
        metavar="N",
        help="which of the .params beside --symbol (default: the last)",
    )
    return group


def _add_preprocessing(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "preprocessing",
        "How the net was trained to get its photos: (pixel - mean) / std, with "
        "pixels from 0 to 255. A network of the zoo knows.",
    )
    group.add_argument(
        "--preprocess",
        choices=PREPROCESSINGS,
        metavar="WAY",
        help=f"{', '.join(PREPROCESSINGS)}; the other options change it (default: imagenet; "
        "for a net of one channel pixel / 255)",
    )
    group.add_argument("--size", type=values.size, metavar="N", help=_SIZE_HELP)
    group.add_argument(
        "--channels",
        choices=["rgb", "bgr", "grey"],
        metavar="ORDER",
        help="rgb, bgr or grey (default: rgb; grey for a net of one channel)",
    )
    group.add_argument(
        "--bits",
        type=values.whole,
        choices=range(8, 17),
        metavar="N",
        help="how many bits the numbers have in photos of 16 bits, such as 12 (default: 16)",
    )
    group.add_argument(
        "--mean",
        type=values.number,
        nargs="+",
        action=Collect,
        metavar="X",
        help="one number, or one a channel",
    )
    group.add_argument(
        "--std",
        type=values.deviation,
        nargs="+",
        action=Collect,
        metavar="X",
        help="one number, or one a channel",
    )


def _add_what(command: argparse.ArgumentParser) -> Any:
    what = command.add_argument_group("what is explained")
    what.add_argument(
        "--method",
        nargs="+",
        type=values.method,
        action=Collect,
        default=DEFAULT_METHODS,
        metavar="METHOD",
        help=f"one or several of {', '.join(METHODS)}, or {ALL_CAMS} for each "
        f"activation map that the network allows "
        f"(default: {' '.join(DEFAULT_METHODS)})",
    )
    what.add_argument(
        "--target",
        "--class",
        dest="target",
        metavar="CLASS",
        help="class to explain, by id or name (default: the top one)",
    )
    _add_places(what)
    what.add_argument(
        "--names",
        "--classes",
        dest="classes",
        type=values.path,
        metavar="FILE",
        help="the classes' names, a text file with one a line, class 0 first",
    )
    what.add_argument(
        "--output",
        type=values.name_or_number,
        metavar="NAME",
        help=_OUTPUT_HELP,
    )
    what.add_argument(
        "--layer",
        metavar="NAME",
        help=_LAYER_HELP,
    )
    return what


def _add_places(what: Any) -> None:
    """What of a detection or segmentation network's output is explained."""
    what.add_argument(
        "--detection",
        type=values.place,
        metavar="N",
        help="of a detection network: the detection of that number, as they are printed "
        "(default: 0, the best)",
    )
    what.add_argument(
        "--box",
        type=values.box,
        metavar="X0,Y0,X1,Y1",
        help="of a detection network: the detection that overlaps most with this box, in pixels "
        "of what the net sees; with --class one of that class",
    )
    what.add_argument(
        "--mask",
        type=values.path,
        metavar="FILE",
        help="with --class, of a segmentation network: a picture that is white where the class is "
        "explained (default: where the net finds it)",
    )


def _add_method_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "options of methods", "Each goes to those of the methods that have it."
    )
    _add_amounts(group)
    _add_hiding(group)
    _add_parts(group)
    group.add_argument(
        "--background",
        nargs="+",
        metavar="PHOTO",
        help="photos that expected_gradients compares with",
    )
    group.add_argument(
        "--seed", type=values.whole, metavar="N", help="of all that is random (default: 0)"
    )
    group.add_argument(
        "--batch-size",
        type=values.positive,
        metavar="N",
        help="how many inputs run at once (default: 16; perturbation methods find a quick size)",
    )


def _add_amounts(group: Any) -> None:
    """How much is computed, and from where."""
    group.add_argument(
        "--samples",
        type=values.positive,
        metavar="N",
        help="noisy copies of smooth_grad (default: 25), draws of "
        "expected_gradients (default: 200), masks of rise (default: 4000), "
        "combinations of lime and kernel_shap (default: 1000)",
    )
    group.add_argument(
        "--steps",
        type=values.positive,
        metavar="N",
        help="steps of integrated_gradients (default: 50)",
    )
    group.add_argument(
        "--baseline",
        type=values.baseline,
        metavar="WHAT",
        help="where integrated_gradients starts, and what hidden parts become in "
        f"perturbation methods: {', '.join(BASELINES)}, a colour as R,G,B "
        f"from 0 to 255, or where parts are hidden whole {INPAINT} "
        "(default: zero; lime: mean)",
    )


def _add_hiding(group: Any) -> None:
    """What occlusion hides, and what it reports."""
    group.add_argument(
        "--window",
        type=values.size,
        metavar="N",
        help="N, or HxW: what occlusion hides at a time (default: an eighth)",
    )
    group.add_argument(
        "--stride",
        type=values.size,
        metavar="N",
        help="N, or HxW: from one window to the next (default: half a window)",
    )
    group.add_argument(
        "--values",
        choices=VALUES,
        metavar="WHAT",
        help="of occlusion: the drop of the score, or the probability that is left "
        "as score (default: drop)",
    )


def _add_parts(group: Any) -> None:
    """How inputs are cut into parts that are hidden whole."""
    group.add_argument(
        "--segments",
        choices=SEGMENTS,
        metavar="WAY",
        help="superpixels of feature_ablation, lime and kernel_shap: "
        f"{', '.join(SEGMENTS)} (default: slic)",
    )
    group.add_argument(
        "--num-segments",
        type=values.positive,
        metavar="N",
        help="about how many superpixels (default: 50)",
    )
    group.add_argument(
        "--masker",
        metavar="WHAT",
        help="of partition_shap: inpaint_telea, inpaint_ns, blur(kx,ky) or a "
        "baseline (default: blur(128,128))",
    )
    group.add_argument(
        "--max-evals",
        type=values.positive,
        metavar="N",
        help="inputs that partition_shap tries (default: 1000)",
    )
