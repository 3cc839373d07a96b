"""The names of classes: ImageNet's 1000, and those of a text file."""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path
from typing import Iterable, Sequence

from gradcam_mx.errors import TargetError

__all__ = ["Labels", "class_id", "class_name", "imagenet_labels", "read_labels"]


class Labels:
    """The names of a net's classes, each perhaps with synonyms.

    Args:
        kind: tells these classes from others in messages, as in "no ImageNet class".
        names: those of each class, class 0 first.
        keys: others to find each class by.

    Example:
        >>> labels = Labels("pet", [["cat", "tabby"], ["dog"]])
        >>> labels.name(0), labels.id("Tabby"), labels.id("1")
        ('cat', 0, 1)
    """

    def __init__(
        self, kind: str, names: Sequence[Sequence[str]], keys: Iterable[Sequence[str]] = ()
    ) -> None:
        self.kind = kind
        self.names = names
        self.ids: dict[str, list[int]] = {}
        for spellings in (names, keys):
            for number, one in enumerate(spellings):
                for key in {text.lower() for text in one}:
                    self.ids.setdefault(key, []).append(number)

    def __len__(self) -> int:
        return len(self.names)

    def name(self, class_id: int) -> str:
        """The first name of a class.

        Args:
            class_id: its number, from 0 on.

        Raises:
            TargetError: there is no such class.
        """
        if not 0 <= class_id < len(self):
            raise TargetError(
                f"there is no {self.kind} class {class_id}: they go from 0 to {len(self) - 1}"
            )
        return self.names[class_id][0]

    def id(self, name: int | str) -> int:
        """The number of a class.

        Args:
            name: one of its names or keys, in upper or lower case, or its number, also as text;
                what looks like a number is one.

        Raises:
            TargetError: no class, or more than one, is called so; the message lists the closest.
        """
        text = str(name).strip()
        if text.lstrip("+-").isdecimal():
            self.name(int(text))
            return int(text)
        found = self.ids.get(text.lower(), [])
        if len(found) == 1:
            return found[0]
        if found:
            choices = "; ".join(f"{number} ({', '.join(self.names[number])})" for number in found)
            raise TargetError(
                f"{text!r} is the name of several {self.kind} classes: give the number: {choices}"
            )
        raise TargetError(f"no {self.kind} class is called {text!r}; {self._closest(text)}")

    def _closest(self, text: str) -> str:
        close = difflib.get_close_matches(text.lower(), self.ids, n=5)
        close += [key for key in self.ids if text and text.lower() in key.split()][:5]
        choices = ", ".join(f"{key!r} ({self.ids[key][0]})" for key in dict.fromkeys(close))
        if choices:
            return f"closest: {choices}"
        return f"give a number from 0 to {len(self) - 1} or a name such as {self.names[0][0]!r}"


@lru_cache(maxsize=None)
def imagenet_labels() -> Labels:
    """The labels of ImageNet's 1000 classes, with their WordNet ids as keys."""
    text = Path(__file__).with_name("synset.txt").read_text(encoding="utf-8")
    lines = [line.partition(" ") for line in text.splitlines()]
    names = [[synonym.strip() for synonym in synonyms.split(",")] for _, _, synonyms in lines]
    return Labels("ImageNet", names, [[wordnet] for wordnet, _, _ in lines])


def read_labels(path: str | Path) -> Labels:
    """The labels in a text file that holds a name a line, in the order of the classes.

    A class whose line is empty is called by its number; empty lines at the end are no classes.

    Args:
        path: of the file, in UTF-8.

    Raises:
        TargetError: the file cannot be read, holds no names, or is no text.

    Example:
        >>> read_labels("pets.txt").name(1)                             # doctest: +SKIP
        'dog'
    """
    path = Path(path).expanduser()
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except OSError as error:
        raise TargetError(
            f"the class names in {path} cannot be read ({error.strerror or error}): check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise TargetError(
            f"{path} is not a text file (UTF-8): expected a class name a line, in the order of "
            "the net's outputs"
        ) from error
    if not lines:
        raise TargetError(f"{path} holds no class names; expected one a line")
    return Labels(path.name, [[line.strip() or f"class {i}"] for i, line in enumerate(lines)])


def class_name(class_id: int) -> str:
    """The first name of an ImageNet class.

    Args:
        class_id: its number, 0 to 999.

    Raises:
        TargetError: there is no such class.

    Example:
        >>> class_name(285)
        'Egyptian cat'
    """
    return imagenet_labels().name(class_id)


def class_id(name: int | str) -> int:
    """The number, 0 to 999, of an ImageNet class.

    Args:
        name: any of its names in upper or lower case, a WordNet id such as "n02124075", or its
            number, also as text.

    Raises:
        TargetError: no class, or more than one, is called so; the message lists the closest.

    Example:
        >>> class_id("egyptian cat"), class_id("n02124075"), class_id("285")
        (285, 285, 285)
    """
    return imagenet_labels().id(name)
