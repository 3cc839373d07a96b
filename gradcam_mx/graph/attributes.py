"""The attributes of operators: MXNet keeps them as text, and here that is read.

Every language that MXNet was used from wrote them in its own way: True, true, 1; (3, 3), (3L, 3L),
[3,3], 3; 0.001, 1e-3; None for what was left out. All of them are read as MXNet reads them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Callable, Mapping, TypeVar

from ..errors import NetworkError

Default = TypeVar("Default")
Value = TypeVar("Value")

_FLAGS = {"true": True, "1": True, "false": False, "0": False}
# Python 2 wrote long numbers with an L
_WHOLE = re.compile(r"([+-]?\d+)L?")
_TUPLE = re.compile(r"[(\[](.*)[)\]]")


class Reader:
    """Something with a name and attributes, which it reads by their types.

    What is not there, or is None, is what the caller says MXNet takes then.
    """

    name: str
    attrs: Mapping[str, str]

    def flag(self, attribute: str, default: bool) -> bool:
        """A truth value.

        Args:
            attribute: its name.
            default: what MXNet takes where it is not there, or None.

        Raises:
            NetworkError: the attribute is something else; so do all that follow.
        """
        return self._read(attribute, default, flag_of, "True or False")

    def whole(self, attribute: str, default: int) -> int:
        """A whole number.

        Args:
            attribute: its name.
            default: what MXNet takes where it is not there, or None.
        """
        return self._read(attribute, default, whole_of, "a whole number")

    def number(self, attribute: str, default: Default) -> float | Default:
        """A number.

        Args:
            attribute: its name.
            default: what MXNet takes where it is not there, or None.
        """
        return self._read(attribute, default, number_of, "a number")

    def numbers(self, attribute: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Several whole numbers, such as one for each axis.

        Args:
            attribute: its name.
            default: what MXNet takes where it is not there, or None.
        """
        return self._read(attribute, default, _all_given, "whole numbers, such as (3, 3)")

    def text(self, attribute: str, default: str) -> str:
        """A word.

        Args:
            attribute: its name.
            default: what MXNet takes where it is not there, or None.
        """
        return self._read(attribute, default, str, "a word")

    def _read(
        self, attribute: str, default: Default, read: Callable[[str], Value], expected: str
    ) -> Value | Default:
        text = self.attrs.get(attribute)
        if text is None or text.strip().lower() == "none":
            return default
        try:
            return read(text)
        except ValueError as error:
            raise NetworkError(
                f"the operator {self.name!r} has the attribute {attribute}={text!r}; expected "
                f"{expected}: check the symbol that the net was loaded from"
            ) from error


@dataclass(frozen=True)
class Attributes(Reader):
    """The attributes of one operator.

    Args:
        name: of the operator in its net, for errors.
        attrs: attribute → its text.
    """

    name: str
    attrs: Mapping[str, str]

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> Attributes:
        """Those of a node as a Symbol's JSON has it."""
        return cls(description["name"], description.get("attrs", {}))


def flag_of(text: str) -> bool:
    """A truth value.

    Raises:
        ValueError: MXNet would not take the text for one; so do all that follow.
    """
    if text.lower() not in _FLAGS:
        raise ValueError(text)
    return _FLAGS[text.lower()]


def whole_of(text: str) -> int:
    """A whole number."""
    found = _WHOLE.fullmatch(text.strip())
    if not found:
        raise ValueError(text)
    return int(found[1])


def number_of(text: str) -> float:
    """A number; C++ marks those of single precision by an f, and an exponent may be left out."""
    return float(re.sub(r"(?<=[\d.])(f|e[+-]?)$", "", text.strip(), flags=re.IGNORECASE))


def numbers_of(text: str) -> tuple[int | None, ...]:
    """Several whole numbers; a bare number is one of them, and each may be None."""
    text = text.strip()
    if _WHOLE.fullmatch(text):
        return (whole_of(text),)
    found = _TUPLE.fullmatch(text)
    if not found:
        raise ValueError(text)
    each = [one.strip() for one in found[1].split(",")]
    if not each[-1]:  # of "()" and "(3,)"
        each.pop()
    return tuple(None if one == "None" else whole_of(one) for one in each)


def _all_given(text: str) -> tuple[int, ...]:
    found = numbers_of(text)
    given = tuple(one for one in found if one is not None)
    if len(given) < len(found):
        raise ValueError(text)
    return given
