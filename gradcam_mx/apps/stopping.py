"""Work that is ended in the middle: by Ctrl-C or a signal, a full disk, a reader that is gone."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Iterator

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")

BY_CTRL_C = 128 + signal.SIGINT
"""The exit code that shells know for it."""


class Stop:
    """While it is entered, signals that end a process raise KeyboardInterrupt.

    A KeyboardInterrupt is lost where it is raised in Python code that MXNet calls; `check` raises
    it again.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        """The number of the signal that came."""
        self._before: dict[int, Any] = {}
        self._is_held = self._has_come = False

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, one) for one in _SIGNALS if hasattr(signal, one)):
                # one that is ignored, as by nohup, stays so
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._raise)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal has come."""
        if self.signal is not None:
            raise KeyboardInterrupt

    @contextmanager
    def held(self) -> Iterator[None]:
        """A signal that comes meanwhile raises at the end: what is done inside is done whole."""
        self._is_held, self._has_come = True, False
        try:
            yield
        finally:
            self._is_held = False
        if self._has_come:
            raise KeyboardInterrupt

    def _raise(self, number: int, frame: FrameType | None) -> None:
        self.signal, self._has_come = number, True
        if not self._is_held:
            raise KeyboardInterrupt

    @property
    def said(self) -> str:
        """What has stopped the work."""
        by_key = self.signal in (None, signal.SIGINT)
        return f"stopped by {'Ctrl-C' if by_key else signal.Signals(self.signal or 0).name}"

    @property
    def code(self) -> int:
        """The exit code for it."""
        return 128 + (self.signal or signal.SIGINT)


def drop_output() -> None:
    """Send what is still to be printed nowhere, as its reader is gone or its disk is full.

    Otherwise Python would try again at its end, and print a traceback.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
