"""The edge of the package: what fails inside for want of a check is told as an error of its own."""

from __future__ import annotations

import functools
import inspect
import re
import sysconfig
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, Iterable, Iterator, Mapping, TypeVar, cast

from ..errors import GradCamError, InputError, reason
from .elsewhere import arguments_here

F = TypeVar("F", bound=Callable[..., Any])

_OTHERS = (OSError, Warning)
"""What the system says, and warnings that the caller has made errors of."""
_LONGEST = 60
_PACKAGE = __name__.partition(".")[0]
_LIBRARIES = tuple(
    str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "purelib", "platlib")
)


def told(function: F) -> F:
    """A public function whose raw failures are :class:`InputError`, with what was given and what
    its documentation expects; the original error is chained.

    A call that does not fit the signature stays Python's `TypeError`, and what the caller's own
    code raises, such as a target or a net, stays what it is.

    Args:
        function: documented, its arguments in a section "Args".
    """

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except GradCamError:
            raise
        except Exception as error:
            given = _given(checked, args, kwargs)
            if given is None and isinstance(error, TypeError):
                _name_ours(checked, kwargs, error)
            if given is None or _is_the_callers(error) or isinstance(error, _OTHERS):
                raise
            raise InputError(_message(checked, given, error)) from error

    return cast(F, checked)


def _given(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Mapping[str, Any] | None:
    """Name → value of the arguments of a call; None if they do not fit."""
    try:
        return inspect.signature(function).bind(*args, **kwargs).arguments
    except TypeError:
        return None


def _name_ours(function: Callable[..., Any], kwargs: Iterable[str], error: TypeError) -> None:
    """Refuse a call with arguments that are called otherwise here.

    Raises:
        TypeError: there are such; the message says what they are called.
    """
    takes = inspect.signature(function).parameters
    said = arguments_here([name for name in kwargs if name not in takes], takes)
    if said and said not in str(error):
        raise TypeError(f"{error}; {said}") from None


def _is_the_callers(error: BaseException) -> bool:
    """Whether it came out of code that is neither the package's nor a library's."""
    return not all(map(_is_known, _frames(error.__traceback__)))


def _frames(traceback: TracebackType | None) -> Iterator[Any]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _is_known(frame: Any) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    file = frame.f_code.co_filename
    # compiled code has no path ("mtrand.pyx"), nor has what a library has made ("<string>")
    return (
        module.partition(".")[0] == _PACKAGE
        or not Path(file).is_absolute()
        or str(Path(file).resolve()).startswith(_LIBRARIES)
    )


def _message(function: Callable[..., Any], given: Mapping[str, Any], error: Exception) -> str:
    expected = _documented(inspect.getdoc(function) or "")
    arguments = "; ".join(
        f"{name} is {described(value)}"
        + (f", expected: {expected[name]}" if name in expected else "")
        for name, value in given.items()
        if name != "self"
    )
    return (
        f"{function.__name__}() failed on what it was given ({type(error).__name__}: "
        f"{reason(error)}): {arguments}"
    )


def _documented(doc: str) -> dict[str, str]:
    """Name → description of the arguments, out of a documentation."""
    section = re.search(r"^Args:\n((?: .*\n?|\n(?= ))*)", doc, re.M)
    found = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", section[1] if section else "", re.M)
    return {name: re.sub(r"\s+", " ", text).rstrip(". ") for name, text in found}


def described(value: Any) -> str:
    """What a value is, in a few words.

    >>> described([1, 2]), described("a")
    ('[1, 2]', "'a'")
    """
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        kind = getattr(value.dtype, "__name__", str(value.dtype))
        return f"an array {tuple(value.shape)} of {kind}"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 - of the caller's own class
        text = ""
    return text if 0 < len(text) <= _LONGEST else f"a {type(value).__name__}"
