"""The file of a report: what it says, for programs; and a hash by which every change is found.

The record is a block of JSON that browsers do not show, after all that they do. The hash is of the
whole file, in which zeros stand for the hash itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import numpy as np

from ...errors import InputError
from ...picture.encoded import from_png
from ..provenance import Record

PROGRAM, FORMAT = "gradcam-mx report", 1
STORE = "store"
"""The kind of a report that is of a store."""

_NO_HASH = "0" * 64
_BLOCK = '<script type="application/json" id="gradcam-mx-report" data-sha256="{}">{}</script>'
_FOUND = re.compile(
    r'<script type="application/json" id="gradcam-mx-report" data-sha256="([0-9a-f]{64})">'
    r"(.*?)</script>",
    re.DOTALL,
)
_PICTURE = re.compile(r"data:image/(?:png|jpeg);base64,[A-Za-z0-9+/=]+")
_PNG = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")


class Sealed(NamedTuple):
    """A file of a report, as it was read."""

    record: Record
    """What it says."""
    is_whole: bool
    """Whether it is as it was written, to the last byte."""
    text: str

    def seen(self) -> Iterator[tuple[str, np.ndarray]]:
        """SHA-256 of the pixels, and the pixels, of all exact pictures in it."""
        for found in _PNG.finditer(self.text):
            try:
                pixels = from_png(base64.b64decode(found[1], validate=True))
            except (OSError, ValueError, SyntaxError, binascii.Error):
                continue  # what is missing is told where it is needed
            yield hashlib.sha256(pixels.tobytes()).hexdigest(), pixels

    def shown(self) -> str:
        """The page without its record, and without what is in its pictures."""
        return _PICTURE.sub(NO_PICTURE, _FOUND.sub("", self.text))


NO_PICTURE = "data:,"
"""The address of a picture of nothing."""


def seal(page: str, record: Record) -> str:
    """A page that holds its record, and a hash of all of it.

    Args:
        page: HTML.
        record: what it says, as JSON holds it.
    """
    kept = json.dumps(record, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":  # none of which JSON has outside of texts
        kept = kept.replace(sign, f"\\u{ord(sign):04x}")
    head, body, tail = page.rpartition("</body>")
    made = f"{head}{_BLOCK.format(_NO_HASH, kept)}{body}{tail}"
    digest = hashlib.sha256(made.encode("utf-8")).hexdigest()
    return made.replace(_BLOCK.partition("{}")[0] + _NO_HASH, _BLOCK.partition("{}")[0] + digest)


def is_report(path: Path) -> bool:
    """Whether a file is one that this program wrote.

    Args:
        path: of any file.
    """
    try:
        read(path)
    except InputError:
        return False
    return True


def read(path: Path) -> Sealed:
    """The file of a report.

    Args:
        path: of the file.

    Raises:
        InputError: there is no such file, or it is none of a report.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror or error}; check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no report: it is no text in UTF-8") from error
    blocks = list(_FOUND.finditer(text))
    record = _record(blocks[-1][2]) if blocks else None
    if not isinstance(record, dict) or record.get("program") != PROGRAM:
        raise InputError(
            f"{path} is no report of gradcam-mx, or what programs read of it was taken out; "
            "expected a file that gm.report or `gradcam-mx report` wrote"
        )
    if record.get("format") != FORMAT:
        raise InputError(
            f"{path} is a report in format {record.get('format')}, and this version reads format "
            f"{FORMAT}: install the version that wrote it, or a later one"
        )
    start, end = blocks[-1].span(1)
    blank = text[:start] + _NO_HASH + text[end:]
    is_whole = hashlib.sha256(blank.encode("utf-8")).hexdigest() == blocks[-1][1]
    return Sealed(record, is_whole, text)


def _record(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
