"""What the command line's commands do."""

from __future__ import annotations

import argparse
import sys
from typing import Callable, Sequence

from tqdm import tqdm

from .. import zoo
from ..errors import DependencyError
from ..graph.trace import trace
from ..inspect.check import check
from ..zoo.labels import imagenet_labels
from . import requested
from .options import DEFAULT_METHODS
from .photos import Job, check_writable, explain_all, explain_photo, find_photos

DONE, SOMETHING_WRONG = 0, 1


def _explain(options: argparse.Namespace) -> int:
    requested.check_usage(options)
    photos, failures = find_photos(options.photos)
    check_writable(options.out)
    unread = explain_all(requested.job(options), photos, options.out, _report)
    failures += unread
    for failure in failures:
        print(f"gradcam-mx: {failure}", file=sys.stderr)
    explained = len(photos) - len(unread)
    where = f"; the pictures are in {options.out.resolve()}" if explained else ""
    print(f"{explained} of {len(photos)} photos explained{where}")
    return SOMETHING_WRONG if failures else DONE


def _layers(options: argparse.Namespace) -> int:
    requested.check_usage(options)
    graph = requested.network(options, trained=False)
    print(graph.layers((1, *requested.preprocess(options, graph).shape)))
    return DONE


def _check(options: argparse.Namespace) -> int:
    requested.check_usage(options)
    graph = requested.network(options)
    x = requested.preprocess(options, graph)(requested.photo_or_noise(options))
    report = check(graph, x, layer=options.layer, output=options.output)
    print(report)
    return DONE if report else SOMETHING_WRONG


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
        net = zoo.get_model(model, ctx=requested.context(options.gpu))
        job = Job(trace(net), net.preprocess, DEFAULT_METHODS, labels=imagenet_labels())
        print(f"{model}:")
        for name in ("chelsea", "coffee"):
            _report(name, explain_photo(job, getattr(data, name)(), folder, name))
    print(f"The pictures are in {options.out.resolve()}")
    return DONE


def _report(name: str, predictions: Sequence[str]) -> None:
    tqdm.write(f"{name}: {', '.join(predictions)}" if predictions else name)


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "explain": _explain,
    "layers": _layers,
    "check": _check,
    "demo": _demo,
}
"""What each one does with its options; the exit code."""
