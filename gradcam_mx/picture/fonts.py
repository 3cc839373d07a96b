"""Fonts that have the letters of a figure's texts, such as class names in Chinese."""

from __future__ import annotations

import unicodedata
import warnings
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, TypeVar

from ..support.callers import caller_level

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

F = TypeVar("F", bound=Any)
"""A figure of matplotlib's, or a kind of it."""

BOX = "\N{WHITE SQUARE}"
"""Stands for a letter that no font here has."""

_SHOWN = 10


def legible(figure: F) -> F:
    """The figure, its texts in fonts that have their letters, where this system has such fonts.

    A letter that none has becomes a box, and one warning names them all: matplotlib would warn of
    each, whenever it is drawn.

    Args:
        figure: its texts are changed.
    """
    from matplotlib.text import Text

    lacking: set[str] = set()
    for text in figure.findobj(Text):
        letters = frozenset(one for one in text.get_text() if _is_drawn(one))
        if not letters:
            continue
        families, unknown = fitting(text.get_fontproperties(), letters)
        text.set_fontfamily(families)
        text.set_text(text.get_text().translate({ord(one): BOX for one in unknown}))
        lacking |= unknown
    if lacking:
        named = "".join(sorted(lacking)[:_SHOWN]) + "…" * (len(lacking) > _SHOWN)
        warnings.warn(
            f"no font here has the letters {named}, and boxes are drawn for them: install one that "
            "has them (on Debian and Ubuntu for Chinese, Japanese and Korean the package "
            'fonts-noto-cjk), or choose one: matplotlib.rcParams["font.family"] = '
            '["DejaVu Sans", "name of the font"], in a file matplotlibrc "font.family: …"',
            stacklevel=caller_level(),
        )
    return figure


def _is_drawn(letter: str) -> bool:
    """Whether it is a letter that a font may lack; all have those of ASCII."""
    return not letter.isascii() and unicodedata.category(letter)[0] not in "CZ"


def fitting(
    properties: FontProperties, letters: frozenset[str]
) -> tuple[list[str], frozenset[str]]:
    """The families that have all of the letters, those of the text first; the letters none has.

    Args:
        properties: of the text.
        letters: that it is to be drawn with.
    """
    families = list(properties.get_family())
    for path in _files(properties):
        letters -= glyphs(path)
    more, lacking = _of_the_system(letters) if letters else ([], letters)
    return [*families, *(family for family in more if family not in families)], lacking


def _files(properties: FontProperties) -> Iterator[str]:
    """The file of each family of a text that there is."""
    from matplotlib import font_manager

    for family in properties.get_family():
        one = properties.copy()
        one.set_family([family])
        try:
            yield font_manager.findfont(one, fallback_to_default=False)
        except ValueError:  # no such family here
            continue


@lru_cache(maxsize=256)
def glyphs(path: str) -> frozenset[str]:
    """The letters that a font has; none, if it cannot be drawn with.

    Args:
        path: of its file.
    """
    from matplotlib import font_manager

    try:
        return frozenset(map(chr, font_manager.get_font(path).get_charmap()))
    except (OSError, RuntimeError):  # of a kind that matplotlib does not read
        return frozenset()


@lru_cache(maxsize=64)
def _of_the_system(letters: frozenset[str]) -> tuple[list[str], frozenset[str]]:
    """Families that have these letters, as few as can be; the letters that none has."""
    from matplotlib import font_manager

    # not those that matplotlib remembers: a font may have been installed since
    paths = sorted(font_manager.findSystemFonts(), key=lambda path: (_is_odd(path), path))
    families = []
    while letters and paths:
        best = max(paths, key=lambda path: len(letters & glyphs(path)))
        if not letters & glyphs(best):
            break
        letters -= glyphs(best)
        families.append(_known(best))
    return families, letters


def _is_odd(path: str) -> bool:
    """Whether a font's file is called bold or the like; the plain one of its family is drawn."""
    name = Path(path).stem.lower()
    return any(kind in name for kind in ("bold", "italic", "oblique", "black", "light", "thin"))


def _known(path: str) -> str:
    """The family of a font, which matplotlib knows afterwards."""
    from matplotlib import font_manager

    if not any(entry.fname == path for entry in font_manager.fontManager.ttflist):
        font_manager.fontManager.addfont(path)
    return str(font_manager.get_font(path).family_name)
