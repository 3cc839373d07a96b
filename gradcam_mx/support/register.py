"""A register: things of one kind by their names, each registered once and for good."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable, Iterator, Mapping, Sequence, TypeVar

from ..errors import GradCamError
from . import html
from .elsewhere import closest

T = TypeVar("T", bound=Any)
"""With a name, a family, and a formula."""


class Register(Mapping[str, T]):
    """Things by name, to read; `add` adds to them.

    Args:
        kind: what one of them is called, "method".
        error: what is raised where a name is taken, or unknown.
        columns: of the table in a notebook: header → the attribute below it.
        families: in the order in which they are listed; by default as they come.
    """

    def __init__(
        self,
        kind: str,
        error: Callable[[str], GradCamError],
        columns: Mapping[str, str],
        families: Sequence[str] | None = None,
    ) -> None:
        self._kind, self._error, self._columns, self._families = kind, error, columns, families
        self._listed: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        return self._listed[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed)

    def __len__(self) -> int:
        return len(self._listed)

    def __repr__(self) -> str:
        families = self._families or dict.fromkeys(one.family for one in self.values())
        lines = (
            f"{family}: {', '.join(one.name for one in self.values() if one.family == family)}"
            for family in families
        )
        return "\n".join([f"{len(self)} {self._kind}s", *lines])

    def _repr_html_(self) -> str:
        attributes = self._columns.values()
        rows = [[getattr(one, attribute) for attribute in attributes] for one in self.values()]
        return html.table(list(self._columns), rows)

    def check_free(self, name: str) -> None:
        """Refuse a name that is taken; the message names the module of what has it."""
        if name in self:
            raise self._error(
                f"there is a {self._kind} {name!r} already, of {self[name].formula.__module__}; "
                "give yours another name"
            )

    def add(self, one: T) -> T:
        """List it under its name, which has to be free."""
        self.check_free(one.name)
        self._listed[one.name] = one
        return one

    def find(self, name: str) -> T:
        """What has a name; where nothing has, the message lists what there is."""
        if name not in self:
            raise self._error(
                f"there is no {self._kind} {name!r}{closest(name, self)}; "
                f"there are {', '.join(self)}"
            )
        return self[name]

    @contextmanager
    def kept(self) -> Iterator[None]:
        """At the end it lists what it listed at the beginning."""
        kept = dict(self._listed)
        try:
            yield
        finally:
            self._listed.clear()
            self._listed.update(kept)
