"""The class of each sample, by number or by name."""

from __future__ import annotations

from typing import Any, Iterable, NamedTuple, Sequence

import numpy as np

from ..errors import InputError, TargetError
from ..support.arrays import is_whole, numbers_of
from ..support.boundary import described
from ..support.labels import Names, labels_of, names_of


class Classes(NamedTuple):
    """The class of each sample, and what classes are called."""

    ids: Sequence[int | None] | None
    """One a sample, None where it has none; None where no sample has one."""
    names: list[str] | None
    """Of the classes 0, 1, …; None where they are not known."""

    def part(self, chosen: slice) -> Classes:
        """Those of some samples.

        Args:
            chosen: which.
        """
        return self if self.ids is None else Classes(self.ids[chosen], self.names)

    def of(self, number: int) -> int | None:
        """The class of a sample; None if it has none.

        Args:
            number: of the sample.
        """
        return None if self.ids is None else self.ids[number]


def classes_of(given: Iterable[Any], names: Names | None, source: str) -> Classes:
    """The classes that texts or numbers mean.

    A text that is a number is the number of a class. Other texts are names: of the classes in
    `names`, or, where there are none, of classes that are numbered in alphabetical order.

    Args:
        given: one a sample; None or "" for one without a class.
        names: of the classes; None if they are not known.
        source: what messages call that which gives them.

    Raises:
        InputError: something is neither a text nor a whole number.
        TargetError: there is no such class, or names and numbers are mixed.

    Example:
        >>> classes_of(["dog", "cat", ""], None, "the labels")
        Classes(ids=[1, 0, None], names=['cat', 'dog'])
    """
    meant = [_meant(one, source) for one in given]
    distinct = set(meant) - {None}
    texts = sorted(one for one in distinct if isinstance(one, str))
    if names is not None:
        labels = labels_of(names, None)
        ids: dict[Any, int] = {one: labels.id(one) for one in distinct if one is not None}
        called = names_of(names)
    elif not texts:
        ids, called = {one: one for one in distinct if isinstance(one, int)}, None
    elif len(texts) == len(distinct):
        ids, called = {one: number for number, one in enumerate(texts)}, texts
    else:
        number = min(one for one in distinct if isinstance(one, int))
        raise TargetError(
            f"{source} have numbers of classes, such as {number}, and names, such as {texts[0]!r}: "
            "pass label_names=, the name of each class in the order of their numbers"
        )
    return Classes([ids.get(one) for one in meant], called)


def classes_given(labels: Any, names: Names | None, count: int) -> Classes:
    """The classes that a call was given for each sample, if it was.

    Args:
        labels: one a sample; None if there are none.
        names: of the classes; None if they are not known.
        count: how many samples there are.

    Raises:
        InputError: the labels are none, or of another number.
        TargetError: there is no such class, or names and numbers are mixed.
    """
    if labels is None:
        return Classes(None, names_of(names))
    return classes_of(_listed(labels, count), names, "the labels")


def whole(value: Any) -> int | None:
    """The class that a number is the number of; None if it is no whole number.

    Args:
        value: a number, or an array of one.
    """
    found = numbers_of(value)
    if found.size != 1 or found.dtype.kind not in "iuf":
        return None
    number = float(found.ravel()[0])
    return int(number) if number.is_integer() else None


def _listed(labels: Any, count: int) -> Sequence[Any]:
    found = numbers_of(labels) if hasattr(labels, "shape") else labels
    is_list = not isinstance(found, (str, bytes, dict)) and hasattr(found, "__len__")
    if not is_list or np.ndim(found) != 1:
        raise InputError(f"labels={described(labels)}; expected one class for each sample")
    if len(found) != count:
        raise InputError(f"{len(found)} labels for {count} samples; expected one for each")
    return list(found)


def _meant(given: Any, source: str) -> int | str | None:
    """The number or the name of a class."""
    if isinstance(given, str):
        text = given.strip()
        return int(text) if text.lstrip("+-").isdecimal() else text or None
    if given is None or is_whole(given):
        return None if given is None else int(given)
    number = whole(given) if isinstance(given, (float, np.floating)) else None
    if number is None:
        raise InputError(f"{source} have {described(given)}; expected a class: a number or a name")
    return number
