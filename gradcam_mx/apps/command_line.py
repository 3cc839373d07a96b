"""The command line: gradcam-mx explain | layers | demo."""

from __future__ import annotations

import argparse
import inspect
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Sequence

import numpy as np
from tqdm import tqdm

from .. import zoo
from .._mxnet import mx
from .._version import __version__
from ..errors import (
    DependencyError,
    GradCamError,
    InputError,
    NetworkError,
    PhotoError,
    TargetError,
)
from ..graph import dense_head
from ..graph.graph import Graph
from ..graph.layers import find_map
from ..graph.load import load
from ..graph.outputs import choose, is_single
from ..graph.picture_input import common_sizes, picture_input
from ..graph.trace import trace
from ..methods import METHODS
from ..methods.baselines import BASELINES, INPAINT
from ..methods.hiding import VALUES
from ..methods.segments import WAYS
from ..zoo.labels import Labels, imagenet_labels, read_labels
from ..zoo.preprocess import GREY, IMAGENET, READY
from .photos import Job, check_writable, explain_all, explain_photo, find_photos

DONE, SOME_FAILED, USAGE = 0, 1, 2
DEFAULT_MODEL = "efficientnet_lite0"
ALL_CAMS = "all-cams"
DEFAULT_METHODS = ["grad_cam", "guided_grad_cam", "saliency"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0 (done), 1 (some photos failed) or 2 (usage)."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except GradCamError as error:
        print(f"gradcam-mx: {error}", file=sys.stderr)
        return USAGE


# -- options -------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gradcam-mx", description="Show what a convolutional network looked at."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser(
        "explain",
        help="explain a network's decisions on photos",
        usage="%(prog)s PHOTO ... [--model NAME | --symbol FILE] [options]",
        description="Explain a network's decisions on photos. The network is one of the zoo's "
        "(--model) or your own, from the files that it was saved to (--symbol).",
    )
    command.add_argument("photos", nargs="+", metavar="PHOTO", help="files, folders or patterns")
    _add_out(command, "explanations")
    _add_gpu(command)
    network = _add_network(command)
    network.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="other weights for --model: .params, .pth or .safetensors",
    )
    _add_preprocessing(command)
    what = command.add_argument_group("what is explained")
    what.add_argument(
        "--method",
        nargs="+",
        choices=[*METHODS, ALL_CAMS],
        default=DEFAULT_METHODS,
        metavar="METHOD",
        help=f"one or several of {', '.join(METHODS)}, or {ALL_CAMS} for each "
        f"activation map that the network allows "
        f"(default: {' '.join(DEFAULT_METHODS)})",
    )
    what.add_argument(
        "--target", metavar="CLASS", help="class to explain, by id or name (default: the top one)"
    )
    what.add_argument(
        "--classes",
        type=Path,
        metavar="FILE",
        help="the classes' names, a text file with one a line, class 0 first",
    )
    what.add_argument(
        "--output",
        type=_name_or_number,
        metavar="NAME",
        help='which output, by name or number, or "probability" for the '
        "probability of the class in place of its score (default: the first)",
    )
    what.add_argument(
        "--layer",
        metavar="NAME",
        help="layer of the activation maps (default: the one that `layers` stars)",
    )
    what.add_argument(
        "--top-k",
        type=_positive,
        default=5,
        metavar="N",
        help="how many predictions to print (default: 5)",
    )
    _add_method_options(command)
    command.set_defaults(run=_explain, usage_error=command.error)

    command = commands.add_parser(
        "layers",
        help="list the layers of a network",
        usage="%(prog)s [--model NAME | --symbol FILE] [options]",
        description="List the layers of a network; a star marks the one that activation maps "
        "show by default.",
    )
    _add_network(command)
    command.add_argument("--size", type=_size, metavar="N", help=_SIZE_HELP)
    command.set_defaults(
        run=_layers,
        usage_error=command.error,
        gpu=None,
        weights=None,
        preprocess=None,
        channels=None,
        mean=None,
        std=None,
    )

    command = commands.add_parser("demo", help="explain two photos by two trained networks")
    _add_gpu(command)
    _add_out(command, "gradcam-mx-demo")
    command.set_defaults(run=_demo)
    return parser


def _add_out(command: argparse.ArgumentParser, default: str) -> None:
    command.add_argument(
        "--out",
        type=Path,
        default=Path(default),
        metavar="DIR",
        help=f"where the pictures go (default: {default})",
    )


def _add_gpu(command: argparse.ArgumentParser) -> None:
    command.add_argument("--gpu", type=int, metavar="N", help="compute on GPU number N")


def _add_network(command: argparse.ArgumentParser) -> Any:
    group = command.add_argument_group("the network")
    either = group.add_mutually_exclusive_group()
    either.add_argument(
        "--model", metavar="NAME", help=f"a network of gradcam_mx.zoo (default: {DEFAULT_MODEL})"
    )
    either.add_argument(
        "--symbol",
        type=Path,
        metavar="FILE",
        help="a saved network: its *-symbol.json, the prefix of its files, or a "
        "folder or .tar.gz with them",
    )
    group.add_argument(
        "--params",
        type=Path,
        metavar="FILE",
        help="the parameters for --symbol (default: *-0007.params beside it)",
    )
    group.add_argument(
        "--epoch",
        type=int,
        metavar="N",
        help="which of the .params beside --symbol (default: the last)",
    )
    return group


_SIZE_HELP = "N, or HxW: height and width of the net's input (default: 224)"


def _add_preprocessing(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "preprocessing",
        "How the net was trained to get its photos: (pixel - mean) / std, with "
        "pixels from 0 to 255. A network of the zoo knows.",
    )
    group.add_argument(
        "--preprocess",
        choices=list(READY),
        metavar="WAY",
        help=f"{', '.join(READY)}; the other options change it (default: imagenet; "
        "for a net of one channel pixel / 255)",
    )
    group.add_argument("--size", type=_size, metavar="N", help=_SIZE_HELP)
    group.add_argument(
        "--channels",
        choices=["rgb", "bgr", "grey"],
        metavar="ORDER",
        help="rgb, bgr or grey (default: rgb; grey for a net of one channel)",
    )
    group.add_argument(
        "--mean", type=float, nargs="+", metavar="X", help="one number, or one a channel"
    )
    group.add_argument(
        "--std", type=_deviation, nargs="+", metavar="X", help="one number, or one a channel"
    )


def _add_method_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(
        "options of methods", "Each goes to those of the methods that have it."
    )
    group.add_argument(
        "--samples",
        type=_positive,
        metavar="N",
        help="noisy copies of smooth_grad (default: 25), draws of "
        "expected_gradients (default: 200), masks of rise (default: 4000), "
        "combinations of lime and kernel_shap (default: 1000)",
    )
    group.add_argument(
        "--steps", type=_positive, metavar="N", help="steps of integrated_gradients (default: 50)"
    )
    group.add_argument(
        "--baseline",
        type=_baseline,
        metavar="WHAT",
        help="where integrated_gradients starts, and what hidden parts become in "
        f"perturbation methods: {', '.join(BASELINES)}, a colour as R,G,B "
        f"from 0 to 255, or where parts are hidden whole {INPAINT} "
        "(default: zero; lime: mean)",
    )
    group.add_argument(
        "--window",
        type=_size,
        metavar="N",
        help="N, or HxW: what occlusion hides at a time (default: an eighth)",
    )
    group.add_argument(
        "--stride",
        type=_size,
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
    group.add_argument(
        "--segments",
        choices=list(WAYS),
        metavar="WAY",
        help="superpixels of feature_ablation, lime and kernel_shap: "
        f"{', '.join(WAYS)} (default: slic)",
    )
    group.add_argument(
        "--num-segments",
        type=_positive,
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
        type=_positive,
        metavar="N",
        help="inputs that partition_shap tries (default: 1000)",
    )
    group.add_argument(
        "--background",
        nargs="+",
        metavar="PHOTO",
        help="photos that expected_gradients compares with",
    )
    group.add_argument("--seed", type=int, metavar="N", help="of all that is random (default: 0)")
    group.add_argument(
        "--batch-size",
        type=_positive,
        metavar="N",
        help="how many inputs run at once (default: 16; perturbation methods find a quick size)",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {number}")
    return number


def _deviation(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"expected more than 0, got {text}")
    return number


def _size(text: str) -> int | tuple[int, int]:
    sides = [_positive(side) for side in text.lower().split("x")]
    if len(sides) == 2:
        return sides[0], sides[1]
    if len(sides) == 1:
        return sides[0]
    raise argparse.ArgumentTypeError(f"expected N or HxW, got {text}")


def _baseline(text: str) -> str | tuple[float, ...]:
    """A name, or a colour."""
    if text in (*BASELINES, INPAINT):
        return text
    try:
        color = tuple(float(one) for one in text.split(","))
    except ValueError:
        color = ()
    if len(color) != 3 or not all(0 <= one <= 255 for one in color):
        raise argparse.ArgumentTypeError(
            f"expected {', '.join(BASELINES)}, {INPAINT}, or a colour "
            f"such as 128,128,128; got {text}"
        )
    return color


def _name_or_number(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


# -- commands ------------------------------------------------------------------------------------


def _explain(options: argparse.Namespace) -> int:
    _check_usage(options)
    photos, failures = find_photos(options.photos)
    check_writable(options.out)
    labels = _labels(options)
    target = _target(options.target, labels)
    graph = _load(options)
    preprocess = _preprocess(options, graph)
    methods = _methods(options.method, graph, (1, *preprocess.shape))
    job = Job(
        graph,
        preprocess,
        methods,
        _method_options(options, methods, preprocess),
        target,
        options.layer,
        options.output,
        labels,
        options.top_k,
    )
    _check(job)
    unread = explain_all(job, photos, options.out, _report)
    failures += unread
    for failure in failures:
        print(f"gradcam-mx: {failure}", file=sys.stderr)
    print(
        f"{len(photos) - len(unread)} of {len(photos)} photos explained; the pictures are in "
        f"{options.out.resolve()}"
    )
    return SOME_FAILED if failures else DONE


def _layers(options: argparse.Namespace) -> int:
    _check_usage(options)
    graph = _load(options, trained=False)
    print(graph.layers((1, *_preprocess(options, graph).shape)))
    return DONE


def _demo(options: argparse.Namespace) -> int:
    try:
        from skimage import data
    except ImportError as error:
        raise DependencyError(
            "the demo explains two photos that come with scikit-image; install "
            'it with: pip install "gradcam-mx[demo]"'
        ) from error
    for model in ("efficientnet_lite0", "squeezenet1_1"):
        folder = options.out / model
        check_writable(folder)
        net = zoo.get_model(model, ctx=_context(options.gpu))
        job = Job(trace(net), net.preprocess, DEFAULT_METHODS, labels=imagenet_labels())
        print(f"{model}:")
        for name in ("chelsea", "coffee"):
            _report(name, explain_photo(job, getattr(data, name)(), folder, name))
    print(f"The pictures are in {options.out.resolve()}")
    return DONE


def _report(name: str, predictions: Sequence[str]) -> None:
    tqdm.write(f"{name}: {', '.join(predictions)}" if predictions else name)


# -- from options to the network and what it needs -----------------------------------------------


def _methods(names: Sequence[str], graph: Graph, shape: tuple[int, ...]) -> list[str]:
    """The methods that are asked for, each once."""
    chosen: list[str] = []
    for name in names:
        chosen += _all_cams(graph, shape) if name == ALL_CAMS else [name]
    return list(dict.fromkeys(chosen))


def _all_cams(graph: Graph, shape: tuple[int, ...]) -> list[str]:
    """The activation maps that a net allows: `cam` is for certain heads only."""
    cams = [name for name, one in METHODS.items() if one.family == METHODS["grad_cam"].family]
    try:
        dense_head.find(graph, graph.heads[0], graph.shapes(shape))
    except NetworkError:
        cams = [name for name in cams if not METHODS[name].needs.pooled]
    return cams


def _method_options(
    options: argparse.Namespace, methods: Sequence[str], preprocess: zoo.Preprocess
) -> dict[str, dict[str, Any]]:
    """Name of a method → those of the given options that it takes."""
    baseline = options.baseline
    if isinstance(baseline, tuple):  # as the net gets a photo of that colour
        plain = np.full((8, 8, 3), baseline).round().astype(np.uint8)
        baseline = preprocess(plain)[0, :, 0, 0]
    given = {
        name: value
        for name, value in {
            "samples": options.samples,
            "nsamples": options.samples,
            "num_samples": options.samples,
            "steps": options.steps,
            "baseline": baseline,
            "hide": baseline,
            "seed": options.seed,
            "window": options.window,
            "stride": options.stride,
            "values": options.values,
            "segments": options.segments,
            "num_segments": options.num_segments,
            "masker": options.masker,
            "max_evals": options.max_evals,
            "batch_size": options.batch_size,
        }.items()
        if value is not None
    }
    if "expected_gradients" in methods:
        if options.background is None:
            options.usage_error("method expected_gradients: needs --background PHOTO ...")
        photos, failures = find_photos(options.background)
        if failures:
            raise PhotoError("; ".join(failures))
        given["background"] = np.concatenate([preprocess(photo) for photo in photos])
    return {
        name: {
            option: value
            for option, value in given.items()
            if option in inspect.signature(METHODS[name].formula).parameters
        }
        for name in methods
    }


def _check_usage(options: argparse.Namespace) -> None:
    """What argparse cannot tell: options that go with another one."""
    if options.symbol is None:
        for name in ("params", "epoch"):
            if getattr(options, name) is not None:
                options.usage_error(f"argument --{name}: needs --symbol")
    elif options.weights is not None:
        options.usage_error("argument --weights: goes with --model; --symbol takes --params")


def _context(gpu: int | None) -> Any:
    return mx.cpu() if gpu is None else mx.gpu(gpu)


def _load(options: argparse.Namespace, trained: bool = True) -> Graph:
    context = _context(options.gpu)
    if options.symbol is not None:
        return load(options.symbol, options.params, options.epoch, context)
    model = options.model or DEFAULT_MODEL
    if not trained:
        return trace(zoo.get_model(model, pretrained=False))
    weights = {} if options.weights is None else {"weights": options.weights}
    return trace(zoo.get_model(model, ctx=context, **weights))


def _labels(options: argparse.Namespace) -> Labels | None:
    """The names of the net's classes, where they are known."""
    if options.classes is not None:
        return read_labels(options.classes)
    return imagenet_labels() if options.symbol is None else None


def _target(text: str | None, labels: Labels | None) -> int | None:
    if text is None:
        return None
    if labels is not None:
        return labels.id(text)
    if not text.isdecimal():
        raise TargetError(
            f"--target {text!r} is no class id, and no names are known: give the "
            "id, or the names with --classes FILE"
        )
    return int(text)


def _preprocess(options: argparse.Namespace, graph: Graph) -> zoo.Preprocess:
    """How photos are prepared for the net: the ready way, changed as the options say."""
    found = picture_input(graph)
    channels = found.channels if found else None
    order = options.channels.upper() if options.channels else "GREY" if channels == 1 else None
    if options.preprocess:
        ready = READY[options.preprocess]
    elif options.symbol is None:
        ready = zoo.preprocess_for(options.model or DEFAULT_MODEL)
    else:
        ready = GREY if order == "GREY" else IMAGENET
    made = ready.adapted(order=order, size=options.size)
    made = replace(
        made,
        mean=_values("--mean", options.mean, made.mean),
        std=_values("--std", options.std, made.std),
    )
    if channels not in (None, len(made.mean)):
        raise InputError(
            f"the net takes pictures of {channels} channels, and {made.order.lower()} ones have "
            f"{len(made.mean)}"
            + (
                ": leave out --channels"
                if channels in (1, 3)
                else ": make its input in Python, and call gradcam_mx.explain"
            )
        )
    _check_size(graph, made)
    return made


def _values(
    option: str, given: Sequence[float] | None, ready: tuple[float, ...]
) -> tuple[float, ...]:
    if given is None:
        return ready
    if len(given) not in (1, len(ready)):
        raise InputError(
            f"{option} takes one number, or one for each of the {len(ready)} "
            f"channels; got {len(given)}"
        )
    return tuple(given) * (len(ready) // len(given))


def _check_size(graph: Graph, preprocess: zoo.Preprocess) -> None:
    """Find a wrong size before the first photo is read, and those that fit."""
    channels, height, width = preprocess.shape
    try:
        graph.shapes((1, channels, height, width))
    except InputError as error:
        sizes = common_sizes(graph, channels)
        if not sizes:
            raise
        raise InputError(
            f"the net does not take pictures of {height}x{width}; it takes --size "
            f"{' or '.join(map(str, sizes))}"
        ) from error


def _check(job: Job) -> None:
    """Find a wrong layer, output or file of names before the first photo is read."""
    shapes = job.graph.shapes((1, *job.preprocess.shape))
    heads = [output.point for output in choose(job.graph.outputs, job.output)]
    if any(METHODS[name].needs.layer for name in job.methods):
        find_map(job.graph, job.layer, shapes, heads)
    # of one output value, a sigmoid's, the classes are 0 and 1
    classes = 2 if is_single(shapes[heads[0]]) else shapes[heads[0]][1]
    if job.labels is not None and len(job.labels) != classes:
        raise TargetError(
            f"{job.labels.kind} has the names of {len(job.labels)} classes, the net has {classes}"
        )
