"""The actions by their names."""

from __future__ import annotations

from typing import Any

from . import explaining, looking, measuring, predicting
from .action import Action, Reader
from .refused import Refused
from .workspace import Workspace

ACTIONS: dict[str, Reader] = {
    "explain": explaining.explain,
    "predict": predicting.predict,
    "inspect": looking.look,
    "measure": measuring.measure,
}
"""Name → what reads a request for it."""


def read(workspace: Workspace, body: Any) -> Action:
    """What a request asks for.

    Args:
        workspace: that it is about.
        body: the request.

    Raises:
        Refused: it makes no sense.
    """
    if not isinstance(body, dict):
        raise Refused("expected an action, a JSON object")
    name = body.get("action")
    if not isinstance(name, str) or name not in ACTIONS:
        raise Refused(f"there is no action {str(name)[:60]!r}; there are {', '.join(ACTIONS)}")
    return ACTIONS[name](workspace, body)
