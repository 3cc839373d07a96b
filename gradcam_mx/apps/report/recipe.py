"""How to make a report again, as people type it: in Python, and on the command line."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path, PurePath
from typing import Any, Mapping

from ... import zoo
from ...support.boundary import described
from ..option_groups import DEFAULT_MODEL
from ..photos import Job
from .brief import MEASURED, Measures

_NOT_SAID = {"photos", "gpu", "out"}
"""Options that say where things are, not what is done; `out` is said first."""


def in_python(
    job: Job,
    measures: Measures | None,
    net: str,
    *,
    has_labels: bool,
    has_names: bool,
    has_masks: bool,
) -> str:
    """The call of `gm.report`.

    Args:
        job: what is done with each photo.
        measures: what is measured.
        net: how to get the network.
        has_labels: whether the true classes are known.
        has_names: whether the names of the classes were given.
        has_masks: whether it is known where objects are.
    """
    said: dict[str, str] = {
        "preprocess": f"gm.zoo.{ready(job.preprocess)}",
        "methods": repr(job.methods),
    }
    own = {name: dict(given) for name, given in job.options.items() if given}
    if own:
        said["options"] = of_options(own)
    for name in ("layer", "output"):
        if getattr(job, name) is not None:
            said[name] = repr(getattr(job, name))
    if job.chosen.get("class") is not None:
        said["target"] = repr(job.chosen["class"])
    if has_labels:
        said["labels"] = "labels"
    if has_names:
        said["names"] = "names"
    said["metrics"] = repr([one.name for one in measures.metrics] if measures else [])
    if measures:
        said["controls"] = repr(list(measures.controls))
        if any(measures.options.values()):
            said["metric_options"] = of_options(
                {name: dict(one) for name, one in measures.options.items()}
            )
        if has_masks:
            said["masks"] = "masks"
        said["seed"] = repr(measures.seed)
        if measures.most != MEASURED:
            said["measured"] = repr(measures.most)
    said["top"] = repr(job.top_k)
    lines = [f"    {name}={value}," for name, value in said.items()]
    return "\n".join(
        [
            "import gradcam_mx as gm",
            "",
            f"net = {net}",
            'gm.report(net, photos, "report.html",',
            *lines,
            ")",
        ]
    )


def of_options(own: Mapping[str, Mapping[str, Any]]) -> str:
    """Options of several methods, or measures, as a mapping.

    Args:
        own: name of each → its options.
    """
    each = (
        f"{name!r}: {{{', '.join(f'{key!r}: {described(one)}' for key, one in given.items())}}}"
        for name, given in own.items()
    )
    return f"{{{', '.join(each)}}}"


def ready(prepare: zoo.Preprocess) -> str:
    """How photos are prepared, by its name in `gm.zoo` where it has one.

    Args:
        prepare: it.
    """
    known = {
        "IMAGENET": zoo.IMAGENET,
        "INCEPTION": zoo.INCEPTION,
        "CAFFE": zoo.CAFFE,
        "EFFICIENTNET_LITE": zoo.EFFICIENTNET_LITE,
        "PIXELS": zoo.PIXELS,
        "GREY": zoo.GREY,
    }
    return next((name for name, one in known.items() if one == prepare), repr(prepare))


def in_command(options: argparse.Namespace) -> str:
    """The command, with the names of files alone.

    Args:
        options: of the command line.
    """
    photos = ["PHOTOS"] if options.photos else []
    words = ["gradcam-mx", options.command, *photos, "--out", PurePath(options.out).name]
    said: set[str] = set(_NOT_SAID)
    for action in options.parser._actions:
        value = getattr(options, action.dest, None)
        flag = next((one for one in action.option_strings if one.startswith("--")), "")
        if not flag or action.dest in said or value is None or value == action.default:
            continue
        said.add(action.dest)  # --symbol, which reads what --onnx does
        several = value if isinstance(value, list) else [value]
        words += [flag, *map(_word, several)]
    return shlex.join(words)


def net_in_python(options: argparse.Namespace) -> str:
    """How to get the network, in Python.

    Args:
        options: of the command line.
    """
    if options.symbol is None:
        return f"gm.zoo.get_model({options.model or DEFAULT_MODEL!r})"
    return f"gm.load({options.symbol.name!r})"


def _word(value: Any) -> str:
    if isinstance(value, Path):
        return value.name
    if isinstance(value, tuple):
        return ("x" if all(isinstance(one, int) for one in value) else ",").join(map(str, value))
    return str(value)
