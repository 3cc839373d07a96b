"""A server of the app in a process of its own, and a client that does as the page does."""

from __future__ import annotations

import http.client
import json
import math
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any


class App:
    """`gradcam-mx app`, started and ended.

    Args:
        arguments: of the command.
        log: the file that its errors go to; by default they are printed.
    """

    def __init__(self, *arguments: object, log: IO[str] | None = None) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                *("-m", "gradcam_mx", "app", "--no-browser", "--port", "0"),
                *map(str, arguments),
            ],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert self.process.stdout is not None
        found = re.search(r":(\d+)/", self.process.stdout.readline())
        assert found is not None, "the server did not start"
        self.address = f"http://127.0.0.1:{found[1]}/"
        self._asked = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=120)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status of an answer, and its JSON or bytes."""
        is_json = isinstance(body, dict)
        headers = {"X-Gradcam-Mx": "1", **({"Content-Type": "application/json"} if is_json else {})}
        self._asked.request(method, f"/{path}", json.dumps(body) if is_json else body, headers)
        answer = self._asked.getresponse()
        read = answer.read()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(read) if is_json else read

    def job(self, action: dict[str, Any], patience: float = math.inf) -> dict[str, Any]:
        """A job, once it has ended; after so many seconds it is cancelled."""
        began, is_cancelled = time.monotonic(), False
        _, job = self.ask("POST", "api/jobs?wait=5", action)
        while job.get("state") in ("waiting", "running"):
            if time.monotonic() - began > patience and not is_cancelled:
                self.ask("DELETE", f"api/jobs/{job['id']}")
                is_cancelled = True
            _, job = self.ask("GET", f"api/jobs/{job['id']}?wait=5")
        return job

    def memory(self) -> float:
        """What the server takes, in MB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        return int(found[1]) / 1024 if found else 0.0

    def end(self) -> None:
        """End the server."""
        self.process.terminate()
        self.process.wait(30)


class Growth:
    """How much memory a server takes as time goes by.

    What is kept fills up first: growth is counted from the tenth minute on. A run of less than a
    quarter of an hour tells its growth from its middle on, and nothing is too much.

    Args:
        app: the server.
        seconds: how long the run is to take.
    """

    ALLOWED = 50.0
    """MB."""

    def __init__(self, app: App, seconds: float) -> None:
        self._app, self._is_long = app, seconds > 900
        self._warm = 600.0 if self._is_long else seconds / 2
        self._began = time.monotonic()
        self._told = 0.0
        self._sizes: list[tuple[float, float]] = []

    @property
    def past(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    def look(self, done: int) -> bool:
        """Look once; whether that was told, which it is twice a minute.

        Args:
            done: how much was done so far.
        """
        self._sizes.append((self.past, self._app.memory()))
        if self.past - self._told < 30:
            return False
        self._told = self.past
        print(f"{self.past:6.0f} s {done:6} done {self._sizes[-1][1]:8.0f} MB", flush=True)
        return True

    def is_too_much(self) -> bool:
        """Whether it grew by more than is allowed; prints by how much.

        Peaks of twenty looks are compared.
        """
        sizes = [size for _, size in self._sizes]
        before = [size for at, size in self._sizes if at <= self._warm] or sizes[:1]
        start, end = max(before[-20:]), max(sizes[-20:])
        print(f"from {start:.0f} MB to {end:.0f} MB: {end - start:+.0f} MB")
        return self._is_long and end - start > self.ALLOWED
