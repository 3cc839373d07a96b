"""A small network, photos for it, and what reads reports: for the tests of reports."""

from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
from PIL import Image

import gradcam_mx as gm
from gradcam_mx import zoo
from gradcam_mx._mxnet import mx
from gradcam_mx.apps.report import sealing

NAMES = ["cat", "dog", "cow"]
PREPARE = zoo.IMAGENET.adapted(size=24)
ASKED = {
    "methods": ["grad_cam", "saliency"],
    "metrics": ["sparseness"],
    "preprocess": PREPARE,
    "names": NAMES,
    "progress": False,
}


def network(ctx=None, seed=0):
    """For pictures of 24 pixels and three classes."""
    mx.random.seed(seed)
    net = mx.gluon.nn.HybridSequential(prefix="")
    net.add(
        mx.gluon.nn.Conv2D(4, 3, activation="relu", in_channels=3, prefix="conv0_"),
        mx.gluon.nn.GlobalAvgPool2D(),
        mx.gluon.nn.Dense(3, in_units=4),
    )
    net.initialize(mx.init.Normal(0.5), ctx=ctx or mx.cpu())
    return net


def photo(seed, size=(30, 40)):
    """Noise, coarse enough that classes differ."""
    coarse = np.random.RandomState(seed).randint(0, 256, (5, 6, 3)).astype(np.uint8)
    return np.array(Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC))


def photos(count):
    return [photo(seed) for seed in range(count)]


class Page(HTMLParser):
    """What is in a page: tags, attributes, text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags = []
        self.text = ""
        self.errors = []
        self._open = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.errors.append(tag)

    def handle_data(self, data):
        if "script" not in self._open and "style" not in self._open:
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def read(path):
    return Page(path.read_text(encoding="utf-8"))


def record_of(path):
    """What a report says for programs, read by other means than the package's."""
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="gradcam-mx-report"[^>]*>(.*?)</script>', text, re.S)[1])


def pixels(address):
    """Of a picture in a page."""
    kind, _, data = address.partition(";base64,")
    assert kind in ("data:image/png", "data:image/jpeg")
    return np.array(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def numbers(record):
    """Of a packed array, by other means than the package's."""
    flat = np.frombuffer(base64.b64decode(record["bytes"]), record["type"])
    return flat.reshape(record["shape"])


def written(path, net=None, count=3, **more):
    return gm.report(network() if net is None else net, photos(count), path, **{**ASKED, **more})


def resealed(path, change=None, page=None):
    """A report that somebody forged: another record or page, and the hash that goes with it."""
    found = sealing.read(path)
    record = json.loads(json.dumps(found.record))
    if change is not None:
        change(record)
    text = re.sub(r'<script type="application/json".*?</script>', "", found.text, flags=re.S)
    path.write_text(sealing.seal(page(text) if page else text, record), encoding="utf-8")
