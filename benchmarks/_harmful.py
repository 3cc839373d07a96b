"""Photos that are none, and two that end the process that prepares them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import cv2
import numpy as np

import gradcam_mx as gm

ABORTS, SEGFAULTS = 31, 33
"""Sides of the photos that end a process."""


class Prepare(gm.zoo.Preprocess):
    """As a decoder in C that has a fault: two sizes of photos are its end."""

    def __call__(self, photo, *arguments, **options):
        """Prepare a photo, or end."""
        side = len(cv2.imread(str(photo))) if isinstance(photo, (str, Path)) else len(photo)
        if side == ABORTS:
            os.abort()
        if side == SEGFAULTS:
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().__call__(photo, *arguments, **options)


def damage(path: Path, kind: int) -> None:
    """Make a photo one that cannot be read."""
    content = path.read_bytes()
    path.unlink()
    noise = np.random.RandomState(kind).bytes(500)
    jpeg = cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
    contents = [
        b"",
        b"<html><body>404 Not Found</body></html>",
        bytes(len(content)),
        noise,
        content[:20],
        content[: len(content) // 2],
        content[:16] + noise[:100],
        jpeg[:100],
        content[:8] + content[9:],
    ]
    if kind % 11 == 9:
        path.symlink_to(path.with_name("gone.png"))
    elif kind % 11 == 10:
        path.write_bytes(contents[5])
        os.truncate(path, 30)
    else:
        path.write_bytes(contents[kind % 11])
