"""How far long work has come: a bar for people at a terminal, or news for whoever watches.

Whoever runs work for others, as a server does, watches it: `watched(watcher)` lasts for the current
thread, no bar is printed meanwhile, and the watcher may end the work at any of its steps.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Generic, Iterable, Iterator, Protocol, Sized, TypeVar

from tqdm import tqdm

T = TypeVar("T")


class Stopped(BaseException):
    """The work was stopped on purpose.

    It is no `Exception`: what takes failures for those of a network or a file lets it through.
    """


class Watcher(Protocol):
    """Who watches work."""

    def step(self) -> None:
        """Something was done, of whatever; raises `Stopped` to end the work here."""

    def at(self, what: str, done: float, total: float | None) -> None:
        """So much of something is done; raises as `step` does."""


_WATCHER: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Let somebody watch what this thread does.

    Args:
        watcher: who.
    """
    before = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(before)


def step() -> None:
    """A place where work may be ended from outside, which costs nothing where nobody watches."""
    watcher = _WATCHER.get()
    if watcher is not None:
        watcher.step()


def bar(
    values: Iterable[T] | None = None,
    *,
    what: str,
    show: bool,
    total: int | None = None,
    unit: str = "it",
) -> Any:
    """A bar that moves as the values are used up, or by `update`; shown after two seconds.

    Args:
        values: what is gone through; None where the caller tells by `update`.
        what: its title.
        show: whether it is shown, and is news to who watches.
        total: how many there are.
        unit: what one of them is called.
    """
    watcher = _WATCHER.get()
    if watcher is not None:
        return _News(watcher, values, what, show, total)
    return tqdm(values, desc=what, total=total, disable=not show, delay=2, unit=unit)


class _News(Generic[T]):
    """What a bar is where somebody watches."""

    def __init__(
        self, watcher: Watcher, values: Iterable[T] | None, what: str, show: bool, total: int | None
    ) -> None:
        self._watcher, self._values, self._what, self._show = watcher, values, what, show
        self._total = len(values) if total is None and isinstance(values, Sized) else total
        self._done = 0.0

    def __iter__(self) -> Iterator[T]:
        for value in () if self._values is None else self._values:
            yield value
            self.update()

    def update(self, count: float = 1) -> None:
        """So many more are done."""
        self._done += count
        if self._show:
            self._watcher.at(self._what, self._done, self._total)
        else:
            self._watcher.step()

    def __enter__(self) -> _News[T]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass
