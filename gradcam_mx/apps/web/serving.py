"""The server as a program: its port, its address, the browser, and how it ends."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import threading
import webbrowser
from pathlib import Path
from types import FrameType
from typing import Any, Callable

from tqdm import tqdm

from ...data.photo_files import find_photos
from ...errors import DependencyError, OutputError, PhotoError
from ...graph.sealed import Sealed
from ..advice import told
from ..option_groups import DEFAULT_METHODS, OF_BLACK_BOXES
from . import opening
from .guard import Guard, is_loopback
from .jobs import Jobs
from .workspace import Workspace

DEFAULT_PORT, TRIED = 8421, 20
"""The port if none is asked for, and how many from there on are tried."""

THREADS = 12
"""More than may wait for jobs, so that pictures are never kept waiting."""
CONNECTIONS = 200

_LAST_SECONDS = 1.0
"""How long a job may take to notice that the server ends."""


def bound(host: str, port: int | None) -> socket.socket:
    """A socket at the port; without one at the first free of some.

    Args:
        host: the address.
        port: None for any of the usual ones.

    Raises:
        OutputError: the port is taken, or there is no such address.
    """
    ports = [port] if port is not None else list(range(DEFAULT_PORT, DEFAULT_PORT + TRIED))
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), ports[0], type=socket.SOCK_STREAM
        )[0]
    except OSError as error:
        raise OutputError(f"there is no address {host!r} on this machine: check --host") from error
    failure: OSError | None = None
    for one in ports:
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((address[0], one, *address[2:]))
            made.listen(128)  # another that has the port is found now
        except OSError as error:
            made.close()
            failure = error
            continue
        return made
    assert failure is not None
    said = failure.strerror or str(failure)
    if port is None:
        raise OutputError(
            f"none of the ports {ports[0]} to {ports[-1]} of {host} is free ({said}): give "
            "another by --port"
        ) from failure
    raise OutputError(
        f"port {port} of {host} cannot be used ({said}): another program may have it; give another "
        "by --port, or leave it out to take a free one"
    ) from failure


def serve(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Run the app until somebody ends it; the exit code.

    Args:
        options: of the command.
        say: tells people something.
    """
    from .server import make_app  # it needs Flask, which is said where it is missing

    try:
        from waitress import create_server
    except ImportError as error:
        raise DependencyError(
            'the app is served by waitress: pip install "gradcam-mx[app]"'
        ) from error
    before = opening.run_plugins(options.plugin or [])
    held = bound(options.host, options.port)
    workspace = Workspace(opening.networks(options, before), store=options.store)
    try:
        if options.folder is not None:
            for one in workspace.album.add_files(_photos(options.folder)):
                tqdm.write(f"gradcam-mx: note: {one}", file=sys.stderr)
        guard, jobs = Guard(options.host, behind=options.behind), Jobs(words=told)
        is_sealed = any(isinstance(one.graph, Sealed) for one in workspace.nets.values())
        usual = tuple(OF_BLACK_BOXES if is_sealed else DEFAULT_METHODS)
        app = make_app(workspace, guard=guard, jobs=jobs, default_methods=usual)
        server = create_server(
            app,
            sockets=[held],
            threads=THREADS,
            connection_limit=CONNECTIONS,
            max_request_body_size=workspace.album.limits.upload_bytes + 2**20,
            max_request_header_size=32 * 2**10,
            channel_timeout=60,
            clear_untrusted_proxy_headers=True,
            ident=None,
        )
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it tells of each wait
        port = held.getsockname()[1]
        address = _address(options.host, port, guard.token, options.behind)
        say(f"The app is at {address}\nCtrl-C ends it.")
        if not options.no_browser and has_display():
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        return _run(server, jobs)
    finally:
        held.close()
        workspace.album.close()


def _run(server: Any, jobs: Jobs) -> int:
    def end(number: int, frame: FrameType | None) -> None:
        jobs.close()  # so that nobody waits for one any more
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    server.run()  # it ends by KeyboardInterrupt, and says nothing of it
    server.close()
    jobs.close()
    if not jobs.join(_LAST_SECONDS):
        # the job is inside MXNet, which does not let go, and would be waited for
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return 0


def _photos(folder: Path) -> list[Path]:
    """The photos in the folder, without what links lead out of it."""
    if not folder.is_dir():
        raise PhotoError(f"there is no folder {folder}: check --photos")
    found, _ = find_photos([str(folder)])
    inside = folder.resolve()
    return [one for one in found if inside in one.resolve().parents]


def _address(host: str, port: int, token: str | None, behind: str | None = None) -> str:
    secret = f"#token={token}" if token else ""
    if behind is not None:
        return f"{behind.rstrip('/')}/{secret}"
    name = host if is_loopback(host) else _name_of(host)
    shown = f"[{name.strip('[]')}]" if ":" in name else name
    return f"http://{shown}:{port}/{secret}"


def _name_of(host: str) -> str:
    """What others call this machine, where it is reached at all of its addresses."""
    return socket.gethostname() if host in ("0.0.0.0", "::", "") else host


def has_display() -> bool:
    """Whether a browser could show itself."""
    shows_itself = sys.platform in ("darwin", "win32")
    return shows_itself or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
