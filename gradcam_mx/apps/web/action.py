"""What an action is: something that may be known already, or is worked out by a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping

from .jobs import Job
from .workspace import Workspace

Answer = Dict[str, Any]
Body = Mapping[str, Any]
Reader = Callable[[Workspace, Body], "Action"]
"""From a request to what is to be done; it refuses requests that make no sense."""


@dataclass(frozen=True)
class Action:
    """Something to be done."""

    title: str
    known: Callable[[], Answer | None]
    """Gives the result, if it is kept."""
    work: Callable[[Job], Answer]
