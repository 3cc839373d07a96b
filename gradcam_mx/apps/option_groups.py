"""Options that several commands take, in groups; nothing here imports what computes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Sequence

from . import values
from .arguments import Collect
from .choices import (
    ALL_CAMS,
    BASELINES,
    COMPOSITES,
    CONTROLS,
    INPAINT,
    LIFT_RULES,
    METHODS,
    METRICS,
    MODELS,
    NONE,
    PREPROCESSINGS,
    SEGMENTS,
    VALUES,
)

DEFAULT_MODEL = "efficientnet_lite0"
DEFAULT_METHODS = ["grad_cam", "guided_grad_cam", "saliency"]
OF_BLACK_BOXES = ["occlusion", "rise"]
"""In the place of those for a black box, which has no gradients."""

LAYER_HELP = "layer of the activation maps (default: the one that `layers` stars)"

OUTPUT_HELP = (
    'which output, by name or number, or "probability" for the probability of the class in place '
    "of its score (default: the first)"
)

SIZE_HELP = (
    "N, or HxW: height and width of the net's input (default: what its files tell, or else 224)"
)


def add_measures(command: argparse.ArgumentParser) -> None:
    """What is measured, and what is known of the photos."""
    group = command.add_argument_group("what is measured")
    add_metrics(group)
    group.add_argument(
        "--labels",
        type=values.path,
        metavar="FILE",
        help="the class that is explained of each photo: lines of a photo, by path or name, a "
        "comma or tab, and the class, by id or name (default: the top one)",
    )
    add_masks(group)


def add_masks(group: Any) -> None:
    """Where the objects are."""
    group.add_argument(
        "--masks",
        type=values.path,
        metavar="DIR",
        help="where the object is, for measures of localisation: for each photo a .png of its name "
        "and size that is not zero there",
    )


def add_metrics(group: Any) -> None:
    """Which measures, beside which controls."""
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
        "--recommend",
        action="store_true",
        help="find the one method and layer for this network that beats the controls by most, out "
        "of --method (default: all of a few passes); about fifty photos do",
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


def add_photos(command: argparse.ArgumentParser, written: str) -> None:
    """Photos, where results go, and on what they are computed.

    Args:
        command: it gets them.
        written: the results.
    """
    add_photo(command)
    add_out(command, written, None, "a folder in explanations/, named by the time")
    add_gpu(command)


def add_photo(command: argparse.ArgumentParser) -> None:
    """The photos alone."""
    command.add_argument(
        "photos", nargs="*", metavar="PHOTO", help="files, folders and all below them, or patterns"
    )


def add_trained_network(command: argparse.ArgumentParser) -> None:
    """The network, its weights, and how it gets its photos."""
    add_network_with_weights(command)
    add_preprocessing(command)


def add_network_with_weights(command: argparse.ArgumentParser) -> None:
    """The network, and its weights."""
    add_network(command).add_argument(
        "--weights",
        type=values.path,
        metavar="FILE",
        help="other weights for --model: .params, .pth or .safetensors",
    )


def add_out(
    command: argparse.ArgumentParser, written: str, default: Path | None, said: str
) -> None:
    """Where results go.

    Args:
        command: it gets the option.
        written: the results.
        default: the folder, if none is given.
        said: what the help says of that.
    """
    command.add_argument(
        "--out",
        type=values.path,
        default=default,
        metavar="DIR",
        help=f"where {written} go: a folder that is new, or one that this command has written; "
        f"what you have is never written over (default: {said})",
    )


def add_gpu(command: argparse.ArgumentParser) -> None:
    """On what it is computed."""
    command.add_argument("--gpu", type=values.whole, metavar="N", help="compute on GPU number N")


def add_store(group: Any, said: str) -> None:
    """What a run has kept.

    Args:
        group: it gets the option.
        said: what is done with it.
    """
    group.add_argument("--store", type=values.path, metavar="STORE", help=said)


def add_network(
    command: argparse.ArgumentParser, *, several: bool = False, default: str = DEFAULT_MODEL
) -> Any:
    """The network, of the zoo or from its files.

    Args:
        command: it gets the options.
        several: whether several of the zoo may be named.
        default: what the help says of the network if none is named.

    Returns:
        The group of these options.
    """
    group = command.add_argument_group("the network")
    either = group.add_mutually_exclusive_group()
    more: dict[str, Any] = {"nargs": "+", "action": Collect} if several else {}
    either.add_argument(
        "--model",
        metavar="NAME",
        help=f"a network of the zoo (default: {default}), one "
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
    either.add_argument(
        "--onnx",
        dest="symbol",
        type=values.path,
        metavar="FILE",
        help="a network in ONNX's format, .onnx, explained by methods that change the photo "
        '(needs the extra "migrate")',
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


def add_preprocessing(command: argparse.ArgumentParser) -> None:
    """How photos are prepared for the network."""
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
    group.add_argument("--size", type=values.size, metavar="N", help=SIZE_HELP)
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


def add_what(command: argparse.ArgumentParser, methods: Sequence[str] = DEFAULT_METHODS) -> Any:
    """Methods, and what of the network they explain.

    Args:
        command: it gets the options.
        methods: those if none is asked for.

    Returns:
        The group of these options.
    """
    what = command.add_argument_group("what is explained")
    what.add_argument(
        "--method",
        nargs="+",
        type=values.method,
        action=Collect,
        default=list(methods),
        metavar="METHOD",
        help=f"one or several of {', '.join(METHODS)}, or {ALL_CAMS} for each "
        f"activation map that the network allows "
        f"(default: {' '.join(methods)})",
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
        help=OUTPUT_HELP,
    )
    what.add_argument(
        "--layer",
        metavar="NAME",
        help=LAYER_HELP,
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


def add_method_options(command: argparse.ArgumentParser) -> None:
    """The options of methods."""
    group = command.add_argument_group(
        "options of methods", "Each goes to those of the methods that have it."
    )
    _add_amounts(group)
    _add_hiding(group)
    _add_parts(group)
    _add_rules(group)
    group.add_argument(
        "--background",
        nargs="+",
        metavar="PHOTO",
        help="photos that expected_gradients and deep_shap compare with",
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
        help="where integrated_gradients and deep_lift start, and what hidden parts become in "
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


def _add_rules(group: Any) -> None:
    """How relevance is shared out."""
    group.add_argument(
        "--composite",
        choices=COMPOSITES,
        metavar="NAME",
        help=f"rules of lrp: {', '.join(COMPOSITES)} (default: epsilon_plus_flat)",
    )
    group.add_argument(
        "--rule",
        choices=LIFT_RULES,
        metavar="NAME",
        help=f"of deep_lift and deep_shap: {', '.join(LIFT_RULES)} (default: rescale)",
    )
    group.add_argument(
        "--contrastive",
        action="store_true",
        default=None,
        help="lrp and excitation_backprop explain the class against all others",
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
