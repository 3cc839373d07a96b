"""The file that explanations are kept in: an `.npz` without pickles, which numpy alone can read.

For each explanation it holds, under its name, the arrays

    name                     the values
    name.score               the explained scalars
    name.details.detail      each of its details

(of one that is alone in its file: `values`, `score`, `details.detail`), and for all together
`about`, a text in JSON:

    {"program": "gradcam-mx", "format": 2, "version": …, "explanations": {name: record}, …}

A record holds the other fields of an explanation, and what its arrays are called in the file. For
readers who need no more, `about` also says of the first what its record does, its score, and the
first layer that there is. Its "sha256" is of all that is in the file (`archive_hash`); "source" and
the arrays whose names begin with that say what the explanations are of, for those who compute them
anew. Format 1, which has no number, was written by version 0.1.0 in two kinds
(see `_before_formats`).
"""

from __future__ import annotations

import json
import struct
import time
import warnings
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Dict, Mapping, NamedTuple, Sequence, Tuple

import numpy as np

from .._version import __version__
from ..engine.rules import RuleReport
from ..errors import InputError
from ..support.callers import caller_level
from ..support.geometry import Geometry
from . import archive_hash

PROGRAM, FORMAT = "gradcam-mx", 2

Fields = Dict[str, Any]
"""Those of an explanation, by name."""

Size = Tuple[int, ...]

_DETAIL = "details."
_OPTIONAL = ("layer", "options", "output", "input", "signed", "title", "class_names", "of_values")
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What numpy and zipfile raise over a file that is not as it was written."""


# -- writing ---------------------------------------------------------------------------------------


def write(
    path: Path,
    explanations: Mapping[str, Mapping[str, Any]],
    *,
    alone: bool = False,
    source: Mapping[str, Any] | None = None,
    others: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> None:
    """Write explanations, each under its name, as their fields.

    Args:
        path: ends in `.npz`. Whether it is written whole is the caller's to see to.
        explanations: name → its fields.
        alone: whether there is but one, whose arrays are called `values`, `score` and so on.
        source: what they are of, as `about` tells it: the path of a photo, its hash.
        others: arrays that belong to that, by their names in the file, "source.…".

    Raises:
        InputError: there is none, or a name that cannot be told from others in the file.
    """
    if not explanations:
        raise InputError("there is no explanation to write")
    arrays: dict[str, Any] = {}
    records = {}
    for name, fields in explanations.items():
        named = _names(name, fields, alone)
        own = {named["values"]: fields["values"], named["score"]: fields["score"]}
        own.update({named[_DETAIL + key]: detail for key, detail in fields["details"].items()})
        # `file` is an argument of numpy's, which takes an ending of .npy away
        if own.keys() & {*arrays, *others, "about", "file", ""} or name.endswith(".npy"):
            raise InputError(
                f"an explanation cannot be called {name!r} in a file that holds "
                f"{', '.join(arrays) or 'about'}; choose another name"
            )
        arrays.update(own)
        records[name] = {**_record(fields), "arrays": named}
    about = {
        **_summary(list(explanations.values())),
        "program": PROGRAM,
        "format": FORMAT,
        "version": __version__,
        "explanations": records,
        **({} if source is None else {"source": source}),
    }
    arrays = {name: np.asanyarray(one) for name, one in {**arrays, **others}.items()}
    about = json.loads(json.dumps(about, default=_plain))
    about[archive_hash.KEY] = archive_hash.hash_of(about, arrays)
    np.savez_compressed(path, about=json.dumps(about))
    with zipfile.ZipFile(path, "a", allowZip64=True) as file:
        for name, array in arrays.items():
            _add(file, name, array)


def _add(file: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    """Add an array as numpy does; one of many different numbers as it is, as packing it takes as
    long as explaining (measured: 40 ms for the gradient of a picture, to save 8 %)."""
    entry = zipfile.ZipInfo(f"{name}.npy", date_time=time.localtime()[:6])
    is_full = array.dtype.kind == "f" and np.count_nonzero(array) > 0.9 * array.size
    entry.compress_type = zipfile.ZIP_STORED if is_full else zipfile.ZIP_DEFLATED
    with file.open(entry, "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


def _names(name: str, fields: Mapping[str, Any], alone: bool) -> dict[str, str]:
    """What the arrays of an explanation are called in the file."""
    prefix = "" if alone else f"{name}."
    details = {_DETAIL + key: f"{prefix}{_DETAIL}{key}" for key in fields["details"]}
    return {"values": "values" if alone else name, "score": f"{prefix}score", **details}


def _record(fields: Mapping[str, Any]) -> Fields:
    """The fields that are no arrays."""
    report = fields["rule_report"]
    others = {
        name: value for name, value in fields.items() if name not in ("values", "score", "details")
    }
    geometry = fields["geometry"] and [asdict(one) for one in fields["geometry"]]
    return {**others, "rule_report": asdict(report) if report else None, "geometry": geometry}


def _summary(explanations: Sequence[Mapping[str, Any]]) -> Fields:
    first = explanations[0]
    layers = [one["layer"] for one in explanations if one["layer"]]
    return {
        **_record(first),
        "score": np.asarray(first["score"]).tolist(),
        "layer": layers[0] if layers else None,
    }


def _plain(option: Any) -> Any:
    """An option as JSON can hold it: numpy's numbers as Python's, others by name, large arrays by
    their shape."""
    if getattr(option, "size", 0) > 100:
        return f"array {tuple(option.shape)}"
    if hasattr(option, "asnumpy"):
        option = option.asnumpy()
    return option.tolist() if hasattr(option, "tolist") else str(option)


# -- reading ---------------------------------------------------------------------------------------


def read(path: Path, input_size: Sequence[int] | None = None) -> dict[str, Fields]:
    """The explanations of a file by their names, as their fields.

    Args:
        path: of a file of any version up to this one.
        input_size: of the net's input, for a file that does not say it.

    Raises:
        InputError: there is no such file, or it holds something else; it needs `input_size`, or
            says another.
    """
    size = None if input_size is None else tuple(int(side) for side in input_size)
    _check_is_archive(path)
    try:
        with np.load(path, allow_pickle=False) as stored:
            return _explanations(path, stored, size)
    except InputError:
        raise
    except KeyError as error:
        raise _refused(path, f"it lacks {error.args[0]!r}") from error
    except _DAMAGE as error:
        raise _refused(path, f"it is cut short or damaged ({error})") from error


class Whole(NamedTuple):
    """An archive, with all that says how it came about."""

    about: Fields
    """What it says of itself."""
    arrays: dict[str, np.ndarray]
    """All of them, by their names in the file."""
    is_whole: bool | None
    """Whether it is as it was written; None of one that holds no hash."""


def read_whole(path: Path) -> Whole:
    """All that is in an archive of this format.

    Args:
        path: of the file.

    Raises:
        InputError: there is no such file, or it holds something else.
    """
    read(path)  # refuses what is none
    with np.load(path, allow_pickle=False) as stored:
        about = _about(stored)
        arrays = {name: _numbers(stored, name) for name in stored.files if name != "about"}
    kept = about.get(archive_hash.KEY)
    is_whole = None if kept is None else kept == archive_hash.hash_of(about, arrays)
    return Whole(about, arrays, is_whole)


def _refused(path: Path, reason: str) -> InputError:
    return InputError(f"{path} is no saved explanation: {reason}")


def _check_is_archive(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except FileNotFoundError as error:
        raise _refused(path, "there is no such file") from error
    except OSError as error:
        raise _refused(path, f"it cannot be read ({error.strerror or error})") from error
    if not start:
        raise _refused(path, "it is empty")
    if start != b"PK":
        raise _refused(path, "it is no .npz archive")


def _explanations(path: Path, stored: Any, input_size: Size | None) -> dict[str, Fields]:
    about = _about(stored)
    if about.get("program") == PROGRAM:
        if about["format"] > FORMAT:
            raise InputError(
                f"{path} was written by gradcam_mx {about['version']} in format {about['format']}; "
                f"this is {__version__}, which reads formats up to {FORMAT}: install that version, "
                "or a later one"
            )
        found = {
            name: _fields(stored, record, record["arrays"])
            for name, record in about["explanations"].items()
        }
    else:
        found = _before_formats(path, stored, about, input_size)
    if not found:
        raise _refused(path, "it holds none")
    sizes = {one["input_size"] for one in found.values()}
    if input_size is not None and sizes != {input_size}:
        raise InputError(
            f"input_size={input_size} was given, and {path} is of inputs of "
            f"{' and '.join(map(str, sizes))}; leave it out"
        )
    return found


def _about(stored: Any) -> Fields:
    """What a file says about itself; nothing if it is another program's."""
    if "about" not in stored.files:
        return {}
    try:
        about = json.loads(str(stored["about"]))
    except json.JSONDecodeError:
        return {}
    return about if isinstance(about, dict) else {}


def _fields(stored: Any, record: Mapping[str, Any], arrays: Mapping[str, str]) -> Fields:
    report = record.get("rule_report")
    return {
        **{name: _numbers(stored, arrays[name]) for name in ("values", "score")},
        **{name: record[name] for name in ("method", "target")},
        **{name: record[name] for name in _OPTIONAL if name in record},
        "input_size": tuple(record["input_size"]),
        "rule_report": RuleReport(**report) if report else None,
        "centres": record.get("centres") and tuple(map(tuple, record["centres"])),
        "geometry": record.get("geometry") and [Geometry(**one) for one in record["geometry"]],
        "details": {
            name[len(_DETAIL) :]: _numbers(stored, member)
            for name, member in arrays.items()
            if name.startswith(_DETAIL)
        },
    }


def _numbers(stored: Any, member: str) -> np.ndarray:
    if member not in stored.files:
        raise KeyError(member)
    array = stored[member]
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{member} is no array")
    return array


# -- version 0.1.0 ---------------------------------------------------------------------------------

# what was on its command line, where the values of all but the CAMs are of the input's size
_CAMS = {"cam", "grad_cam", "grad_cam_pp", "xgrad_cam", "hires_cam", "layer_cam", "eigen_cam"}
_CAMS |= {"eigen_grad_cam", "score_cam", "ablation_cam"}
_OF_A_LAYER = {*_CAMS, "guided_grad_cam"}
_SIGNED = {"feature_ablation", "lime", "kernel_shap", "partition_shap"}
_OF_THE_INPUT = {"saliency", "smooth_grad", "input_x_gradient", "guided_backprop", "deconvnet"}
_OF_THE_INPUT |= {"integrated_gradients", "expected_gradients", "guided_grad_cam"}
_OF_THE_INPUT |= {"occlusion", "rise", *_SIGNED}


def _before_formats(
    path: Path, stored: Any, about: Fields, input_size: Size | None
) -> dict[str, Fields]:
    """What 0.1.0 wrote: one explanation by `save`, or several methods by the command line."""
    if {"version", "method"} <= about.keys():
        arrays = {name: name for name in stored.files if name != "about"}
        return {about["method"]: _fields(stored, about, arrays)}
    if {"version", "target", "score", "layer"} <= about.keys():
        return _of_the_command_line(path, stored, about, input_size)
    names = stored.files[:5] + ["…"] * (len(stored.files) > 5)
    raise _refused(path, f"it is another program's, and holds {', '.join(names) or 'nothing'}")


def _of_the_command_line(
    path: Path, stored: Any, about: Fields, input_size: Size | None
) -> dict[str, Fields]:
    """The methods of a file that kept the values of each, and of all the target and the score."""
    values = {name: _numbers(stored, name) for name in stored.files if name != "about"}
    sizes = [one.shape[-2:] for name, one in values.items() if name in _OF_THE_INPUT]
    size = sizes[0] if sizes else input_size
    if values and size is None:
        raise InputError(
            f"{path} was written by the command line of {about['version']}, which did not keep the "
            f"size of the net's input, and holds only {', '.join(values)}, which are of another: "
            "pass input_size=(height, width)"
        )
    warnings.warn(
        f"{path} was written by the command line of {about['version']}, which did not keep "
        "options, details, rule reports and the names of the net's output and input: they are "
        "empty or None"
        + ("; nor whether occlusion's values are signed: signed=False" * ("occlusion" in values)),
        stacklevel=caller_level(),
    )
    return {
        name: {
            "values": one,
            "method": name,
            "target": about["target"],
            "score": np.asarray(about["score"], np.float32),
            "input_size": size,
            "layer": about["layer"] if name in _OF_A_LAYER else None,
            "signed": name in _SIGNED,
        }
        for name, one in values.items()
    }
