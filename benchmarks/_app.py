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
from typing import Any


class App:
    """`gradcam-mx app`, started and ended.

    Args:
        arguments: of the command.
    """

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                *("-m", "gradcam_mx", "app", "--no-browser", "--port", "0"),
                *map(str, arguments),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        found = re.search(r":(\d+)/", self.process.stdout.readline())
        assert found is not None, "the server did not start"
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
