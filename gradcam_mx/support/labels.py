"""The names of classes, by which people ask for them."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping, Sequence, Union

from ..errors import TargetError
from .arrays import is_whole
from .boundary import described


def plain(name: str) -> str:
    """A name as it is compared: in lower case, with a space for each underscore.

    Args:
        name: as someone writes it.

    Example:
        >>> plain(" Sports_Car")
        'sports car'
    """
    return " ".join(name.replace("_", " ").lower().split())


class Labels:
    """The names of a net's classes, each perhaps with synonyms.

    Args:
        kind: tells these classes from others in messages, as in "no ImageNet class"; it may be
            empty.
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
        self._kind = f"{kind} " if kind else ""
        self.names = names
        self.ids: dict[str, list[int]] = {}
        for spellings in (names, keys):
            for number, one in enumerate(spellings):
                for key in {plain(text) for text in one}:
                    found = self.ids.setdefault(key, [])
                    if number not in found:
                        found.append(number)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, class_id: int) -> str:
        if not 0 <= class_id < len(self):
            raise IndexError(class_id)
        return self.names[class_id][0]

    def name(self, class_id: int) -> str:
        """The first name of a class.

        Args:
            class_id: its number, from 0 on.

        Raises:
            TargetError: there is no such class.
        """
        if not 0 <= class_id < len(self):
            raise TargetError(
                f"there is no {self._kind}class {class_id}: they go from 0 to {len(self) - 1}"
            )
        return self.names[class_id][0]

    def id(self, name: int | str) -> int:
        """The number of a class.

        Args:
            name: one of its names or keys, in upper or lower case, with spaces or underscores, or
                its number, also as text; what looks like a number is one.

        Raises:
            TargetError: no class, or more than one, is called so; the message lists the closest.
        """
        text = str(name).strip()
        if text.lstrip("+-").isdecimal():
            self.name(int(text))
            return int(text)
        found = self.ids.get(plain(text), [])
        if len(found) == 1:
            return found[0]
        if found:
            choices = "; ".join(f"{number} ({', '.join(self.names[number])})" for number in found)
            raise TargetError(
                f"{text!r} is the name of several {self._kind}classes: give the number: {choices}"
            )
        raise TargetError(f"no {self._kind}class is called {text!r}; {self._closest(text)}")

    def _closest(self, text: str) -> str:
        close = difflib.get_close_matches(plain(text), self.ids, n=5)
        close += [key for key in self.ids if text and plain(text) in key.split()][:5]
        choices = ", ".join(f"{key!r} ({self.ids[key][0]})" for key in dict.fromkeys(close))
        if choices:
            return f"closest: {choices}"
        return f"give a number from 0 to {len(self) - 1} or a name such as {self.names[0][0]!r}"


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


Names = Union[Labels, Sequence[str], Mapping[int, str], Callable[[int], str], str, Path]
"""The names of a net's classes: one for each class, class 0 first ("tabby, tabby cat" has two);
class id → name; a function from a class id to its name; or the path of a text file with a name a
line."""


def labels_of(names: Names, count: int | None) -> Labels:
    """The labels that are meant by what a call was given.

    Args:
        names: the names.
        count: how many classes there are; None if that is not known.

    Raises:
        TargetError: they are no names, or of another number of classes.

    Example:
        >>> labels_of(["cat, tabby", "sports_car"], 2).id("sports car")
        1
    """
    if isinstance(names, (str, Path)):
        names = read_labels(names)
    if not isinstance(names, Labels):
        texts = _texts(names, count)
        if not all(isinstance(text, str) for text in texts):
            raise TargetError(f"names={described(names)}; expected a text for each class")
        synonyms = [text.split(",") for text in texts]
        whole = [[text.strip()] for text in texts]
        names = Labels("", whole, [[one.strip() for one in several] for several in synonyms])
    if count is not None and len(names) != count:
        raise TargetError(
            f"{len(names)} names for a net with {count} classes; expected one for each, in the "
            "order of the net's outputs"
        )
    return names


def names_of(names: Names | None) -> list[str] | None:
    """The name of each class, in the order of their numbers.

    Args:
        names: as a call was given them; None if they are not known.

    Raises:
        TargetError: they are no names.
    """
    if names is None:
        return None
    labels = labels_of(names, None)
    return [labels.name(number) for number in range(len(labels))]


def _texts(names: Any, count: int | None) -> list[Any]:
    is_function = callable(names) and not isinstance(names, Mapping)
    if (is_function or isinstance(names, Mapping)) and count is None:
        raise TargetError(
            "how many classes the net has is not known from its output; pass names= as a list with "
            "the name of each"
        )
    if is_function:
        return [names(number) for number in range(count or 0)]
    if isinstance(names, Mapping):
        unknown = [one for one in names if not (is_whole(one) and 0 <= one < (count or 0))]
        if unknown:
            raise TargetError(
                f"names= maps class ids to names; {unknown[0]!r} is none of the net's {count} "
                "classes"
            )
        return [names.get(number, f"class {number}") for number in range(count or 0)]
    if not hasattr(names, "__iter__"):
        raise TargetError(
            f"names={described(names)}; expected a list with the name of each class, a function "
            "from a class id to its name, or the path of a text file"
        )
    return [str(one) if hasattr(one, "dtype") else one for one in names]
