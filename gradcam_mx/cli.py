"""The command line: gradcam-mx explain | layers | demo."""

from __future__ import annotations

import argparse
import glob
import itertools
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Iterable, NamedTuple, Sequence

import numpy as np
from tqdm import tqdm

from . import picture, zoo
from ._mxnet import mx
from ._version import __version__
from .errors import DependencyError, GradCamError, InputError, OutputError, PhotoError
from .explanation import Explanation
from .graph import Graph
from .layers import find_map
from .methods import METHODS
from .methods.base import Run
from .trace import trace

DONE, SOME_FAILED, USAGE = 0, 1, 2
DEFAULT_METHODS = ["grad_cam", "guided_grad_cam", "saliency"]
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0 (done), 1 (some photos failed) or 2 (usage)."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except GradCamError as error:
        print(f"gradcam-mx: {error}", file=sys.stderr)
        return USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gradcam-mx", description="Show what a convolutional network looked at.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("explain", help="explain a network's decisions on photos")
    command.add_argument("photos", nargs="+", metavar="PHOTO", help="files, folders or patterns")
    _add_model(command)
    command.add_argument("--weights", type=Path, metavar="FILE",
                         help="the network's weights: .params, .pth or .safetensors")
    _add_gpu(command)
    command.add_argument("--method", nargs="+", choices=list(METHODS), default=DEFAULT_METHODS,
                         help=f"one or several (default: {' '.join(DEFAULT_METHODS)})")
    command.add_argument("--target", help="class to explain, by id or name (default: the top one)")
    command.add_argument("--layer", help="layer of the activation maps (default: see `layers`)")
    command.add_argument("--top-k", type=_positive, default=5, metavar="N",
                         help="how many predictions to print (default: 5)")
    command.add_argument("--out", type=Path, default=Path("explanations"), metavar="DIR",
                         help="where the pictures go (default: explanations)")
    command.set_defaults(run=_explain)

    command = commands.add_parser("layers", help="list the layers of a network")
    _add_model(command)
    command.set_defaults(run=_layers)

    command = commands.add_parser("demo", help="explain two photos by two trained networks")
    _add_gpu(command)
    command.add_argument("--out", type=Path, default=Path("gradcam-mx-demo"), metavar="DIR",
                         help="where the pictures go (default: gradcam-mx-demo)")
    command.set_defaults(run=_demo)
    return parser


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", default="efficientnet_lite0", metavar="NAME",
                         help="a network of gradcam_mx.zoo (default: efficientnet_lite0)")


def _add_gpu(command: argparse.ArgumentParser) -> None:
    command.add_argument("--gpu", type=int, metavar="N", help="compute on GPU number N")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {number}")
    return number


class _Job(NamedTuple):
    """What is done with each photo."""

    graph: Graph
    preprocess: zoo.Preprocess
    methods: list[str]
    target: int | None
    layer: str | None
    top_k: int


def _explain(options: argparse.Namespace) -> int:
    photos, failures = _find_photos(options.photos)
    _check_writable(options.out)
    target = None if options.target is None else zoo.class_id(options.target)
    job = _Job(trace(_load(options)), zoo.preprocess_for(options.model), options.method, target,
               options.layer, options.top_k)
    _check_layer(job)
    unread = _explain_all(job, photos, options.out)
    failures += unread
    for failure in failures:
        print(f"gradcam-mx: {failure}", file=sys.stderr)
    print(f"{len(photos) - len(unread)} of {len(photos)} photos explained; the pictures are in "
          f"{options.out.resolve()}")
    return SOME_FAILED if failures else DONE


def _layers(options: argparse.Namespace) -> int:
    shape = (1, 3, *[zoo.preprocess_for(options.model).size] * 2)
    net = zoo.get_model(options.model, pretrained=False)
    print(trace(net).layers(shape))
    return DONE


def _demo(options: argparse.Namespace) -> int:
    try:
        from skimage import data
    except ImportError as error:
        raise DependencyError('the demo explains two photos that come with scikit-image; install '
                              'it with: pip install "gradcam-mx[demo]"') from error
    for model in ("efficientnet_lite0", "squeezenet1_1"):
        folder = options.out / model
        _check_writable(folder)
        net = _load(argparse.Namespace(model=model, weights=None, gpu=options.gpu))
        job = _Job(trace(net), zoo.preprocess_for(model), DEFAULT_METHODS, None, None, 5)
        print(f"{model}:")
        for name in ("chelsea", "coffee"):
            _report(name, _explain_photo(job, getattr(data, name)(), folder, name))
    print(f"The pictures are in {options.out.resolve()}")
    return DONE


def _load(options: argparse.Namespace) -> Any:
    context = mx.cpu() if options.gpu is None else mx.gpu(options.gpu)
    weights = {} if options.weights is None else {"weights": options.weights}
    return zoo.get_model(options.model, ctx=context, **weights)


def _check_layer(job: _Job) -> None:
    """Find a wrong layer before the first photo is read."""
    if any(METHODS[name].needs.layer for name in job.methods):
        size = job.preprocess.size
        find_map(job.graph, job.layer, job.graph.shapes((1, 3, size, size)))


def _find_photos(given: Iterable[str]) -> tuple[list[Path], list[str]]:
    """The files that the arguments name (themselves, in folders, by patterns); what names none."""
    photos: list[Path] = []
    failures = []
    for text in given:
        path = Path(text).expanduser()
        if path.is_dir():
            found = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        elif path.exists() or not glob.has_magic(text):
            found = [path]
        else:
            found = [Path(match) for match in sorted(glob.glob(str(path)))]  # noqa: PTH207
        if not found:
            failures.append(f"no photos found in {text}; looked for files ending in "
                            f"{', '.join(sorted(SUFFIXES))}")
        photos += found
    if not photos:
        raise PhotoError("; ".join(failures))
    return photos, failures


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}; choose another "
                          "folder with --out") from error


def _explain_all(job: _Job, photos: Sequence[Path], out: Path) -> list[str]:
    """Explain every photo that can be; what went wrong with the others."""
    failures = []
    written: set[str] = set()
    for path in tqdm(photos, desc="explaining", unit="photo", disable=len(photos) == 1):
        try:
            photo = zoo.read_photo(path)
            name = _free_name(path.stem, job.methods, written)
            _report(str(path), _explain_photo(job, photo, out, name))
            written.update(_files(name, job.methods))
        except (PhotoError, InputError) as error:
            failures.append(str(error))
    return failures


def _files(name: str, methods: Iterable[str]) -> set[str]:
    """What is written for one photo."""
    return {f"{name}.png", f"{name}.npz", *(f"{name}_{method}.png" for method in methods)}


def _free_name(stem: str, methods: Iterable[str], written: set[str]) -> str:
    """A name under which no photo of this call was written: the file's own, or with a number."""
    names = (stem if number == 1 else f"{stem}-{number}" for number in itertools.count(1))
    return next(name for name in names if not _files(name, methods) & written)


def _report(name: str, predictions: Sequence[str]) -> None:
    tqdm.write(f"{name}: {', '.join(predictions)}")


def _explain_photo(job: _Job, photo: np.ndarray, out: Path, name: str) -> list[str]:
    """Explain one photo, write everything about it, and return its top predictions as text."""
    run = Run(job.graph, job.preprocess(photo), job.target, job.layer,
              [METHODS[method].needs for method in job.methods])
    found = {method: run.explain(METHODS[method]) for method in job.methods}
    crop = job.preprocess.crop(photo)
    panels = {method: one.pictures(crop, job.preprocess.order)[0] for method, one in found.items()}
    predictions = _predictions(run.output[0], job.top_k)
    figure = picture.figure(
        [crop, *panels.values()], ["what the net saw", *map(_title, found.values())],
        f"{name}: {_prediction(run.output[0], run.target[0])}")

    try:
        # written elsewhere first, so that nothing half-written is ever in the folder
        with tempfile.TemporaryDirectory(dir=out, prefix=".gradcam-mx-") as folder:
            scratch = Path(folder)
            figure.savefig(scratch / f"{name}.png")
            for method, panel in panels.items():
                picture.save(panel, scratch / f"{name}_{method}.png")
            np.savez_compressed(
                scratch / f"{name}.npz", **{method: one.values for method, one in found.items()},
                about=json.dumps({"target": run.target, "score": run.score.tolist(),
                                  "layer": run.layer, "version": __version__}))
            for file in scratch.iterdir():
                file.replace(out / file.name)
    except OSError as error:
        raise OutputError(f"cannot write to {out}: {error.strerror or error}") from error
    return predictions


def _title(explanation: Explanation) -> str:
    title = METHODS[explanation.method].title
    return f"{title}\n{explanation.layer}" if explanation.layer else title


def _predictions(scores: np.ndarray, count: int) -> list[str]:
    return [_prediction(scores, int(one)) for one in np.argsort(-scores.reshape(-1))[:count]]


def _prediction(scores: np.ndarray, class_id: int) -> str:
    odds = np.exp(scores - scores.max()).reshape(-1)
    return f"{zoo.class_name(class_id)} ({class_id}) {odds[class_id] / odds.sum():.2f}"
