"""What writers of snapshots wrote, read back: the page, TensorBoard's records, W&B's records."""

from __future__ import annotations

import io
import json
import struct
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from PIL import Image


def keep_wandb_offline(monkeypatch, folder):
    """W&B writes to a folder and keeps off the network."""
    for name, value in {
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(folder),
        "WANDB_CONFIG_DIR": str(folder),
        "WANDB_CACHE_DIR": str(folder),
        "WANDB_SILENT": "true",
    }.items():
        monkeypatch.setenv(name, value)


class Page(HTMLParser):
    """A page's headings, list items, pictures; refuses tags that do not match."""

    def __init__(self, folder):
        super().__init__(convert_charrefs=True)
        self.folder, self.open, self.texts, self.pictures = folder, [], [], []
        text = (folder / "index.html").read_text(encoding="utf-8")
        assert text.startswith("<!DOCTYPE html>\n")
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.pictures.append(dict(attrs))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip() and self.open[-1] != "style":
            self.texts.append((self.open[-1], data))

    def of(self, tag):
        return [text for one, text in self.texts if one == tag]

    def arrays(self):
        """The pictures' pixels; each is beside the page, and as large as the page says."""
        found = []
        for one in self.pictures:
            assert Path(one["src"]).name == one["src"]
            array = np.array(Image.open(self.folder / one["src"]))
            assert array.shape[:2] == (int(one["height"]), int(one["width"]))
            found.append(array)
        return found


def board_images(folder):
    """(tag, step, pixels) of each image in TensorBoard's files, in the order they were written."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        data = path.read_bytes()
        while data:
            (size,) = struct.unpack("<Q", data[:8])
            event = Event.FromString(data[12 : 12 + size])
            data = data[12 + size + 4 :]
            found += [
                (
                    value.tag,
                    event.step,
                    np.array(Image.open(io.BytesIO(value.image.encoded_image_string))),
                )
                for value in event.summary.value
            ]
    return found


def wandb_records(path):
    """The records of a run's file: cut at blocks, into pieces with a header each."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, whole = path.read_bytes(), 7, b""
    while place < len(data):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        _, size, kind = struct.unpack("<IHB", data[place : place + 7])
        whole += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):
            yield Record.FromString(whole)
            whole = b""


def wandb_steps(folder):
    """What each step of the run in a folder holds: its key → value, nested keys by dots."""
    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    deadline = time.monotonic() + 20
    while True:  # it is written by another process, which may take its time
        records = list(wandb_records(path))
        if records and records[-1].WhichOneof("record_type") == "exit":
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return [
        {
            ".".join(item.nested_key) or item.key: json.loads(item.value_json)
            for item in record.history.item
        }
        for record in records
        if record.WhichOneof("record_type") == "history"
    ]


def wandb_picture(folder, step, key="explanations"):
    (path,) = folder.glob(f"wandb/offline-run-*/files/{step[f'{key}.path']}")
    return np.array(Image.open(path))
