"""The values of options: each is read from its text, or told what was expected."""

from __future__ import annotations

import argparse
import difflib
from pathlib import Path
from typing import Sequence
from urllib.parse import urlsplit

from .choices import ALL_CAMS, BASELINES, CONTROLS, INPAINT, METHODS, METRICS, NONE


def path(text: str) -> Path:
    """The path of a file or folder; ~ is the user's own folder."""
    return Path(text).expanduser()


def collected(text: str) -> Path:
    """The path of a file that Prometheus's node exporter collects."""
    found = path(text)
    if found.suffix != ".prom":
        raise _expected("a name that ends in .prom, as the node exporter collects no other", text)
    return found


def address(text: str) -> str:
    """The address of a page."""
    found = urlsplit(text)
    if found.scheme not in ("http", "https") or not found.netloc:
        raise _expected("an address such as https://example.com/app", text)
    return text


def whole(text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise _expected("a whole number", text) from None


def place(text: str) -> int:
    """A whole number from 0 on."""
    found = whole(text)
    if found < 0:
        raise _expected("a whole number from 0 on", text)
    return found


def positive(text: str) -> int:
    """A whole number from 1 on."""
    found = whole(text)
    if found < 1:
        raise _expected("a whole number from 1 on", text)
    return found


def number(text: str) -> float:
    """Any number."""
    try:
        return float(text)
    except ValueError:
        raise _expected("a number", text) from None


def deviation(text: str) -> float:
    """A number above 0."""
    found = number(text)
    if not found > 0:
        raise _expected("a number above 0", text)
    return found


def level(text: str) -> float:
    """A number between 0 and 1."""
    found = number(text)
    if not 0 < found < 1:
        raise _expected("a number between 0 and 1, such as 0.01", text)
    return found


def size(text: str) -> int | tuple[int, int]:
    """One side of a square, or height and width."""
    try:
        sides = [positive(side) for side in text.lower().split("x")]
    except argparse.ArgumentTypeError:
        sides = []
    if len(sides) == 2:
        return sides[0], sides[1]
    if len(sides) == 1:
        return sides[0]
    raise _expected("N or HxW, in pixels, such as 224 or 240x320", text)


def baseline(text: str) -> str | tuple[float, ...]:
    """A name, or a colour."""
    if text in (*BASELINES, INPAINT):
        return text
    color = _numbers(text)
    if len(color) != 3 or not all(0 <= one <= 255 for one in color):
        names = ", ".join((*BASELINES, INPAINT))
        raise _expected(f"{names}, or a colour such as 128,128,128", text)
    return color


def box(text: str) -> tuple[float, ...]:
    """The corners of a box."""
    corners = _numbers(text)
    if len(corners) != 4 or not (corners[0] < corners[2] and corners[1] < corners[3]):
        raise _expected("X0,Y0,X1,Y1: left, top, right, bottom, such as 10,20,110,90", text)
    return corners


def name_or_number(text: str) -> int | str:
    """A number, if it looks like one."""
    return int(text) if text.isdecimal() else text


def method(text: str) -> str:
    """The name of a method."""
    return _named("method", text, (*METHODS, ALL_CAMS))


def metric(text: str) -> str:
    """The name of a measure."""
    return _named("metric", text, METRICS)


def control(text: str) -> str:
    """The name of a control, or that there are none."""
    return _named("control", text, (*CONTROLS, NONE))


def _named(kind: str, text: str, names: Sequence[str]) -> str:
    if text in names:
        return text
    close = [name for name in names if _plain(name) == _plain(text)]
    close += difflib.get_close_matches(text.lower(), names, n=3)
    hint = (
        f"did you mean {' or '.join(dict.fromkeys(close))}?"
        if close
        else f"there are {', '.join(names[:-1])}, and {names[-1]}"
    )
    raise argparse.ArgumentTypeError(f"no {kind} {text!r}; {hint}")


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace("+", "p")


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(one) for one in text.split(","))
    except ValueError:
        return ()


def _expected(what: str, text: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"expected {what}; got {text!r}")
