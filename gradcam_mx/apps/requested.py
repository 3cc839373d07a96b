"""From the command line's options to the network, and to what is asked of it."""

from __future__ import annotations

import argparse
import inspect
from dataclasses import replace
from typing import Any, Sequence

import numpy as np

from .. import zoo
from .._mxnet import mx
from ..data.photo_files import find_photos
from ..errors import InputError, NetworkError, PhotoError, TargetError
from ..graph import dense_head
from ..graph.graph import Graph
from ..graph.layers import find_map
from ..graph.load import load
from ..graph.outputs import choose, is_single
from ..graph.picture_input import common_sizes, fits, input_shape, picture_input
from ..graph.sealed import Sealed
from ..graph.trace import trace
from ..methods import METHODS, black_boxes
from ..support.devices import checked_context
from ..zoo.labels import Labels, imagenet_labels, read_labels
from ..zoo.preprocess import GREY, IMAGENET, READY
from .choices import ALL_CAMS
from .option_groups import DEFAULT_METHODS, DEFAULT_MODEL, OF_BLACK_BOXES
from .outputs import DETECTIONS, given_by
from .outputs import target as target_of
from .photos import Job

SMALLEST, LARGEST = 8, 513
"""Sides of pictures that are tried where the network's files tell none."""

OF_METHODS = (
    "steps",
    "baseline",
    "seed",
    "window",
    "stride",
    "values",
    "segments",
    "num_segments",
    "masker",
    "max_evals",
    "batch_size",
    "composite",
    "rule",
    "contrastive",
)
"""The options of methods that are called as on the command line."""


def check_usage(options: argparse.Namespace) -> None:
    """Find what argparse cannot tell: options that go with another one; it ends the process."""
    if options.symbol is None:
        for name in ("params", "epoch"):
            if getattr(options, name) is not None:
                options.parser.error(f"argument --{name}: needs --symbol")
    elif options.weights is not None:
        options.parser.error("argument --weights: goes with --model; --symbol takes --params")


def job(options: argparse.Namespace) -> Job:
    """What is done with each photo; whatever is wrong with that is found before the first one."""
    labels = _labels(options)
    class_id = class_of(options.target, labels)
    graph = network(options)
    graph = graph.taking(1, [one.point for one in choose(graph.outputs, options.output)])
    prepare = preprocess(options, graph)
    methods = _methods(_asked_for(options, graph), graph, (1, *prepare.shape))
    given = given_by(graph, options.output, prepare)
    target = target_of(options, given, class_id)
    made = Job(
        graph,
        prepare,
        methods,
        given,
        _method_options(options, methods, prepare),
        target,
        options.layer,
        options.output,
        labels,
        options.top_k,
        options.bits,
        options.at_a_time,
        {
            "class": class_id,
            "box": options.box,
            "detection": options.detection,
            "mask": options.mask is not None,
        },
    )
    check_job(made)
    return made


def network(options: argparse.Namespace, trained: bool = True) -> Graph:
    """The network, from its files or out of the zoo, there without weights if so wished."""
    if options.symbol is not None:
        return load(options.symbol, options.params, options.epoch, context(options.gpu))
    model = options.model or DEFAULT_MODEL
    if not trained:
        return trace(zoo.get_model(model, pretrained=False))
    weights = {} if options.weights is None else {"weights": options.weights}
    return trace(zoo.get_model(model, ctx=context(options.gpu), **weights))


def context(gpu: int | None) -> Any:
    """The GPU of that number, or the CPU."""
    return checked_context(None if gpu is None else mx.gpu(gpu))


def _labels(options: argparse.Namespace) -> Labels | None:
    """The names of the net's classes, where they are known."""
    if options.classes is not None:
        return read_labels(options.classes)
    return imagenet_labels() if options.symbol is None else None


def class_of(text: str | None, labels: Labels | None, what: str = "--target") -> int | None:
    """The class of a name or id; None of no text.

    Args:
        text: the name or id.
        labels: the names of the net's classes, where they are known.
        what: is called so in a message.

    Raises:
        TargetError: there is none.
    """
    if text is None:
        return None
    if labels is not None:
        return labels.id(text)
    if not text.isdecimal():
        raise TargetError(
            f"{what} {text!r} is no class id, and no names are known: give the id, or the names "
            "with --names FILE"
        )
    return int(text)


def _asked_for(options: argparse.Namespace, graph: Graph) -> Sequence[str]:
    """The methods that were named; those of a black box where none was."""
    usual = (DEFAULT_METHODS, options.parser.get_default("method"))
    is_usual = any(options.method is one for one in usual) and options.method is not None
    return OF_BLACK_BOXES if is_usual and isinstance(graph, Sealed) else options.method or []


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
    options: argparse.Namespace, methods: Sequence[str], prepare: zoo.Preprocess
) -> dict[str, dict[str, Any]]:
    """Name of a method → those of the given options that it takes."""
    given = {
        "num_samples": options.samples,
        **{name: getattr(options, name) for name in OF_METHODS},
    }
    if isinstance(options.baseline, tuple):  # as the net gets a photo of that colour
        plain = np.full((8, 8, 3), options.baseline).round().astype(np.uint8)
        given["baseline"] = prepare(plain)[0, :, 0, 0]
    against = [one for one in methods if "background" in METHODS[one].options]
    if against:
        given["background"] = _background(options, prepare, against[0])
    return {
        name: {
            option: given[option]
            for option in inspect.signature(METHODS[name].formula).parameters
            if given.get(option) is not None
        }
        for name in methods
    }


def _background(options: argparse.Namespace, prepare: zoo.Preprocess, method: str) -> np.ndarray:
    """What a method compares with."""
    if options.background is None:
        options.parser.error(f"method {method}: needs --background PHOTO ...")
    photos, failures = find_photos(options.background)
    if failures:
        raise PhotoError("; ".join(failures))
    read = (zoo.read_photo(photo, bits=options.bits) for photo in photos)
    return np.concatenate([prepare(photo) for photo in read])


def photo_or_noise(options: argparse.Namespace) -> Any:
    """The photo that is asked for; if none is, pixels at random."""
    if options.photo is not None:
        return options.photo
    return np.random.RandomState(0).randint(0, 256, (512, 512, 3), np.uint8)


def preprocess(options: argparse.Namespace, graph: Graph) -> zoo.Preprocess:
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
    if options.size is None and options.symbol is not None:
        made = made.adapted(size=_size_told(graph, made))
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
                else ": make its input in Python, and explain it there"
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


def _size_told(graph: Graph, prepare: zoo.Preprocess) -> int | tuple[int, int]:
    """The size of pictures that the network's files tell: that which was written into them, or the
    only one that fits; the usual one if they tell none."""
    written = input_shape(graph)
    if len(written) == 4 and min(written[2:]) > 0:
        return written[2], written[3]
    if fits(graph, prepare.shape):
        return prepare.size
    channels = prepare.shape[0]
    sizes = common_sizes(graph, channels) or [
        side for side in range(SMALLEST, LARGEST) if fits(graph, (channels, side, side))
    ]
    return sizes[0] if sizes else prepare.size


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


def check_job(job: Job) -> None:
    """Find a wrong layer, output or file of names before the first photo is read.

    Args:
        job: what is to be done with each photo.
    """
    shapes = job.graph.shapes((1, *job.preprocess.shape))
    heads = [output.point for output in choose(job.graph.outputs, job.output)]
    black_boxes.check(job.graph, [METHODS[name].needs for name in job.methods])
    is_sealed = isinstance(job.graph, Sealed)
    if not is_sealed and any(METHODS[name].needs.layer for name in job.methods):
        find_map(job.graph, job.layer, shapes, heads)
    # of one output value, a sigmoid's, the classes are 0 and 1
    classes = 2 if is_single(shapes[heads[0]]) else shapes[heads[0]][1]
    if job.given.what == DETECTIONS:
        return
    if job.labels is not None and len(job.labels) != classes:
        raise TargetError(
            f"{job.labels.kind} has the names of {len(job.labels)} classes, the net has {classes}"
        )
