"""The names of classes: ImageNet's 1000, and those of a text file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Sequence, overload

from gradcam_mx.errors import TargetError
from gradcam_mx.support.arrays import is_whole, numbers_of
from gradcam_mx.support.labels import Labels, read_labels

__all__ = ["Labels", "class_id", "class_name", "imagenet_labels", "read_labels"]


@lru_cache(maxsize=None)
def imagenet_labels() -> Labels:
    """The labels of ImageNet's 1000 classes, with their WordNet ids as keys."""
    text = Path(__file__).with_name("synset.txt").read_text(encoding="utf-8")
    lines = [line.partition(" ") for line in text.splitlines()]
    names = [[synonym.strip() for synonym in synonyms.split(",")] for _, _, synonyms in lines]
    return Labels("ImageNet", names, [[wordnet] for wordnet, _, _ in lines])


def names_for(classes: int) -> Labels | None:
    """The names of a net's classes, if it has as many as ImageNet; None if not.

    Args:
        classes: how many it has.
    """
    return imagenet_labels() if classes == len(imagenet_labels()) else None


@overload
def class_name(class_id: int) -> str: ...


@overload
def class_name(class_id: Sequence[int]) -> list[str]: ...


def class_name(class_id: Any) -> str | list[str]:
    """The first name of an ImageNet class, or of each of several.

    Args:
        class_id: its number, 0 to 999; or a list or array of numbers, such as `cam.target`, which
            gives a list.

    Raises:
        TargetError: there is no such class.

    Example:
        >>> class_name(285), class_name([281, 285])
        ('Egyptian cat', ['tabby', 'Egyptian cat'])
    """
    if isinstance(class_id, str):
        raise TargetError(f"class_name takes a number; class_id({class_id!r}) finds that of a name")
    numbers = numbers_of(class_id)
    if numbers.dtype.kind not in "iuf" or numbers.ndim > 1 or (numbers != numbers.round()).any():
        raise TargetError(f"a class id is a whole number, or there are several; got {class_id!r}")
    name = imagenet_labels().name
    return name(int(numbers)) if numbers.ndim == 0 else [name(int(one)) for one in numbers]


@overload
def class_id(name: int | str) -> int: ...


@overload
def class_id(name: list[Any] | tuple[Any, ...]) -> list[int]: ...


def class_id(name: Any) -> int | list[int]:
    """The number, 0 to 999, of an ImageNet class, or of each of several.

    Args:
        name: any of its names in upper or lower case, with spaces or underscores, a WordNet id such
            as "n02124075", or its number, also as text; or a list of these, which gives a list.

    Raises:
        TargetError: no class, or more than one, is called so; the message lists the closest.

    Example:
        >>> class_id("egyptian cat"), class_id("n02124075"), class_id("285")
        (285, 285, 285)
        >>> class_id(["sports_car", "tabby"])
        [817, 281]
    """
    find = imagenet_labels().id
    if isinstance(name, str) or is_whole(name):
        return find(str(name))
    return [find(one) for one in name]
