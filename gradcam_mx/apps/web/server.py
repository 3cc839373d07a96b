"""The server: addresses to what the workspace has and does; see `guard` for who may ask."""

from __future__ import annotations

from typing import Any

from .guard import Guard
from .jobs import Jobs
from .routes import Flask, around, exports, holdings, pictures, run
from .routes import jobs as work
from .routes.shared import Served
from .workspace import Workspace


def make_app(
    workspace: Workspace,
    *,
    guard: Guard | None = None,
    jobs: Jobs | None = None,
    default_methods: tuple[str, ...] = (),
) -> Flask:
    """The app, for any server that runs Flask's.

    Args:
        workspace: networks and photos.
        guard: who may ask; by default pages of this machine.
        jobs: does the work.
        default_methods: those that are shown first.
    """
    app = Flask(__name__, static_folder=None)
    provider: Any = app.json
    provider.sort_keys = False
    app.config["MAX_CONTENT_LENGTH"] = workspace.album.limits.upload_bytes + 1
    asked = Served(workspace, guard or Guard(), jobs or Jobs(), default_methods)
    app.extensions["gradcam_mx"] = asked
    around.add(app, asked.guard)
    for one in (holdings, run, work, pictures, exports):
        one.add(app, asked)
    return app
