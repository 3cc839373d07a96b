"""From the command's options to the networks that the app shows."""

from __future__ import annotations

import argparse
import runpy
import tarfile
from pathlib import Path
from typing import Any, Iterator

from ...errors import GradCamError, MethodError, NetworkError
from ...graph.graph import Graph
from ...zoo.labels import read_labels
from .. import requested
from ..option_groups import DEFAULT_MODEL
from .nets import HeldNet

MOST_SYMBOL = 64 * 2**20
"""How many bytes a network's symbol may have: the largest of the model zoo has half a megabyte."""
MOST_PARAMETERS = 4 * 2**30

_PREPROCESSING = ("preprocess", "size", "channels", "mean", "std")


def run_plugins(paths: list[Path]) -> list[str]:
    """Run the user's files, which register methods and measures; lines of code that do the same.

    Args:
        paths: of the files.

    Raises:
        MethodError: one is not there, or fails.
    """
    lines = []
    for path in paths:
        if not path.is_file():
            raise MethodError(f"there is no file {path} to run: check --plugin")
        try:
            runpy.run_path(str(path), run_name="gradcam_mx_plugin")
        except GradCamError as error:
            raise MethodError(f"{path} failed: {error}") from error
        except Exception as error:
            # whatever the user's own code raises
            raise MethodError(f"{path} failed with {type(error).__name__}: {error}") from error
        lines += ["import runpy", f"runpy.run_path({str(path)!r})"]
    return lines


def networks(options: argparse.Namespace, before: list[str]) -> list[HeldNet]:
    """The networks that the options name.

    Args:
        options: of the command.
        before: lines of code that run first, where code is shown.
    """
    return [_opened(each, before) for each in _each(options)]


def _each(options: argparse.Namespace) -> Iterator[argparse.Namespace]:
    """The options for each network by itself."""
    shared = {**vars(options), "weights": None}
    if options.symbol is not None:
        yield argparse.Namespace(**{**shared, "model": None})
        return
    for name in dict.fromkeys(options.model or [DEFAULT_MODEL]):
        yield argparse.Namespace(**{**shared, "model": name})


def _opened(options: argparse.Namespace, before: list[str]) -> HeldNet:
    if options.symbol is not None:
        check_size(options.symbol)
    graph = requested.network(options)
    prepare = requested.preprocess(options, graph)
    names = None if options.classes is None else read_labels(options.classes)
    python, command = _written(options, graph, prepare)
    if names is not None:
        python.append(f"names = {str(options.classes)!r}")
    name = options.model or Path(options.symbol).name.replace("-symbol.json", "")
    return HeldNet(name, graph, prepare, names, python, command, before)


def check_size(path: Path) -> None:
    """Refuse a network's files that are too large to be one, before they are read.

    Args:
        path: of the symbol, its prefix, or a folder or archive with it.

    Raises:
        NetworkError: it is larger, or says that it would be once unpacked.
    """
    for name, size in _sizes(Path(path)):
        most = MOST_SYMBOL if name.endswith(".json") else MOST_PARAMETERS
        if size > most:
            raise NetworkError(
                f"{name} of {path} has {size / 2**20:,.0f} MB; expected at most "
                f"{most / 2**20:,.0f} MB"
            )


def _sizes(path: Path) -> Iterator[tuple[str, int]]:
    if path.is_dir():
        yield from ((one.name, one.stat().st_size) for one in path.iterdir() if one.is_file())
    elif path.is_file() and path.suffix == ".json":
        yield path.name, path.stat().st_size
    elif path.is_file():
        try:
            with tarfile.open(path) as archive:
                for member in archive:
                    yield member.name, member.size
                    if member.size > MOST_PARAMETERS:
                        return  # what is behind it would have to be unpacked to be found
        except (tarfile.TarError, OSError, EOFError):
            return  # the reader of networks says what is wrong with it
    else:
        beside = path.with_name(f"{path.name}-symbol.json")
        if beside.is_file():
            yield beside.name, beside.stat().st_size


def _written(
    options: argparse.Namespace, graph: Graph, prepare: Any
) -> tuple[list[str], list[str]]:
    """Lines of code that make the network, and options that name it."""
    is_changed = any(getattr(options, name) is not None for name in _PREPROCESSING)
    if options.symbol is None:
        python = [f"net = gm.zoo.get_model({options.model!r})"]
        made = f"gm.zoo.{prepare!r}" if is_changed else "net.preprocess"
        command = ["--model", options.model]
    else:
        given = [repr(str(options.symbol))]
        given += [] if options.params is None else [f"params_file={str(options.params)!r}"]
        given += [] if options.epoch is None else [f"epoch={options.epoch}"]
        python = [f"net = gm.load({', '.join(given)})"]
        made = f"gm.zoo.{prepare!r}"
        command = ["--symbol", str(options.symbol)]
        command += [] if options.params is None else ["--params", str(options.params)]
        command += [] if options.epoch is None else ["--epoch", str(options.epoch)]
    for name in _PREPROCESSING:
        value = getattr(options, name)
        if value is None:
            continue
        if isinstance(value, tuple):
            value = "x".join(map(str, value))
        words = map(str, value) if isinstance(value, list) else [str(value)]
        command += [f"--{name}", *words]
    if options.classes is not None:
        command += ["--names", str(options.classes)]
    return [*python, f"preprocess = {made}"], command
