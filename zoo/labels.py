"""The names of ImageNet's 1000 classes."""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from gradcam_mx.errors import TargetError

__all__ = ["class_id", "class_name"]


class _Labels(NamedTuple):
    names: tuple[tuple[str, ...], ...]  # the synonyms of each class
    ids: dict[str, list[int]]  # lower-case synonym or WordNet id -> classes


@lru_cache(maxsize=None)
def _labels() -> _Labels:
    text = Path(__file__).with_name("synset.txt").read_text(encoding="utf-8")
    names = []
    ids: dict[str, list[int]] = {}
    for number, line in enumerate(text.splitlines()):
        wordnet, _, synonyms = line.partition(" ")
        names.append(tuple(synonym.strip() for synonym in synonyms.split(",")))
        for key in {wordnet, *names[-1]}:
            ids.setdefault(key.lower(), []).append(number)
    return _Labels(tuple(names), ids)


def class_name(class_id: int) -> str:
    """Return the first name of an ImageNet class, 0 to 999.

    Raises `TargetError` if there is no such class.

    >>> class_name(285)
    'Egyptian cat'
    """
    names = _labels().names
    if not 0 <= class_id < len(names):
        raise TargetError(
            f"There is no ImageNet class {class_id}: they go from 0 to {len(names) - 1}."
        )
    return names[class_id][0]


def class_id(name: int | str) -> int:
    """Return the number, 0 to 999, of an ImageNet class given by name, WordNet id or number.

    `name` is a number, also as text, a WordNet id such as ``"n02124075"``, or any of the class's
    names in upper or lower case.

    Raises `TargetError` if no class, or more than one, is called so; the message lists the closest.

    >>> class_id("egyptian cat"), class_id("n02124075"), class_id("285")
    (285, 285, 285)
    """
    text = str(name).strip()
    labels = _labels()
    if text.lstrip("+-").isdecimal():
        class_name(int(text))
        return int(text)
    found = labels.ids.get(text.lower(), [])
    if len(found) == 1:
        return found[0]
    if found:
        choices = "; ".join(f"{number} ({', '.join(labels.names[number])})" for number in found)
        raise TargetError(
            f"{text!r} is the name of several ImageNet classes: give the number: {choices}."
        )
    close = difflib.get_close_matches(text.lower(), labels.ids, n=5)
    close += [key for key in labels.ids if text and text.lower() in key.split()][:5]
    choices = ", ".join(f"{key!r} ({labels.ids[key][0]})" for key in dict.fromkeys(close))
    hint = f"closest: {choices}" if choices else "give a number from 0 to 999 or an English name"
    raise TargetError(f"No ImageNet class is called {text!r}; {hint}.")
