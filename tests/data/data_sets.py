"""Small data sets on disk, made without the package."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

MARK = 0xCED7230A


def colours(seed, height=5, width=7):
    """A photo of random colours, (H, W, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png(array):
    """Its bytes as a file, from which the same numbers are read."""
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def folder_of(root, names):
    """A folder with a photo, `colours(number)`, for each path in it."""
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(png(colours(number)))
    return root


def head(labels, number=0):
    """What stands before a photo in a record: one label, or the count and all."""
    if np.isscalar(labels):
        return struct.pack("<IfQQ", 0, labels, number, 0)
    numbers = np.asarray(labels, "<f4")
    return struct.pack("<IfQQ", len(numbers), 0, number, 0) + numbers.tobytes()


def framed(content, kind=0):
    """A record, or a part of one, as it lies in a file."""
    word = kind << 29 | len(content)
    return struct.pack("<II", MARK, word) + content + bytes(-len(content) % 4)


def places(sizes):
    """Where records of such sizes begin in a file."""
    return [0, *np.cumsum(sizes)[:-1].tolist()]


def bomb(side=30_000):
    """The beginning of a picture of so many pixels that they fill the memory."""

    def chunk(name, content):
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", zlib.crc32(name + content))
        )

    shape = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", shape) + chunk(b"IDAT", pixels)


def ready(data, label):
    """A transform that other processes can import."""
    return data.astype("float32").transpose((2, 0, 1)) / 255, label


def read_all(samples):
    """Of each sample: its place, values, hash and label."""
    found = []
    for number in range(len(samples)):
        one = samples.read(number)
        found.append((samples.place(number), one.values.tolist(), one.sha256, one.label))
    return found
