"""What tests of the app share: a small net, photos, and a client that does as the page does."""

from __future__ import annotations

import io
import time
import warnings

import numpy as np
from PIL import Image

import gradcam_mx as gm
from gradcam_mx import zoo
from gradcam_mx._mxnet import mx
from gradcam_mx.apps.web.guard import HEADER
from gradcam_mx.apps.web.jobs import Jobs
from gradcam_mx.apps.web.nets import HeldNet as HeldNet
from gradcam_mx.apps.web.server import make_app
from gradcam_mx.apps.web.workspace import Workspace
from gradcam_mx.support.labels import Labels

SIZE = 32
PREPARE = zoo.IMAGENET.adapted(size=SIZE)
NAMES = [["tabby", "cat"], ["dog"], ["<script>alert(1)</script>"]]
MINE = {HEADER: "1"}


def export(folder):
    """The prefix of the files of a small net for pictures of 32 pixels and three classes."""
    mx.random.seed(0)
    made = mx.gluon.nn.HybridSequential(prefix="")
    made.add(
        mx.gluon.nn.Conv2D(6, 3, padding=1, activation="relu", prefix="first_"),
        mx.gluon.nn.MaxPool2D(2, prefix="pool_"),
        mx.gluon.nn.Conv2D(8, 3, padding=1, activation="relu", prefix="second_"),
        mx.gluon.nn.GlobalAvgPool2D(prefix="global_"),
        mx.gluon.nn.Dense(3, prefix="dense_"),
    )
    made.initialize(mx.init.Normal(0.5))
    made.hybridize()
    made(mx.nd.zeros((1, 3, SIZE, SIZE)))
    made.export(str(folder / "net"))
    return folder / "net"


def held(prefix, ctx=None, name="net", names=True):
    """The net as the app has it."""
    given = Labels("", NAMES) if names else None
    return HeldNet(name, gm.load(prefix, ctx=ctx), PREPARE, given)


def photo(seed=0, height=40, width=50):
    """(H, W, 3) uint8, with some large shapes."""
    draw = np.random.RandomState(seed)
    coarse = draw.randint(0, 256, (5, 6, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def photos_in_classes(folder, count):
    """So many photos in a folder for each of two classes, and a damaged one beside them."""
    for number in range(count):
        place = folder / "photos" / ("cat", "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(number)).save(place / f"{number:02d}.png")
    (folder / "photos" / "dog" / "bad.png").write_bytes(b"none")
    return folder


def found(folder, **more):
    """The folder, with the net and the store of a run over its photos."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gm.run(
            gm.load(export(folder)),
            folder / "photos",
            folder / "found",
            labels="folders",
            workers=0,
            shard_size=5,
            methods=["grad_cam", "saliency"],
            preprocess=PREPARE,
            progress=False,
            **more,
        )
    return folder


def encoded(pixels, kind="PNG", **how):
    """The bytes of a photo's file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **how)
    return file.getvalue()


class Page:
    """Talks to the app as its page does."""

    def __init__(self, nets, limits=None, guard=None, jobs=None, store=None):
        self.workspace = Workspace(nets, limits, store)
        self.jobs = jobs or Jobs()
        self.app = make_app(self.workspace, guard=guard, jobs=self.jobs)
        self.client = self.app.test_client()

    def close(self):
        self.jobs.close()
        assert self.jobs.join(20)
        self.workspace.album.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def get(self, path, code=200, **how):
        answer = self.client.get(f"/{path}", **how)
        assert answer.status_code == code, answer.data[:300]
        return answer.get_json() if answer.is_json else answer.data

    def post(self, path, body=None, code=None, **how):
        answer = self.client.post(f"/{path}", json=body, headers=MINE, **how)
        expected = (200, 202) if code is None else (code,)
        assert answer.status_code in expected, answer.data[:300]
        return answer.get_json()

    def upload(self, data, name="cat.png", code=201):
        answer = self.client.post(
            "/api/photos", query_string={"name": name}, data=data, headers=MINE
        )
        assert code is None or answer.status_code == code, answer.data[:300]
        return answer.get_json()

    def delete(self, path, code=204):
        answer = self.client.delete(f"/{path}", headers=MINE)
        assert answer.status_code == code, answer.data[:300]
        return answer.get_json() if answer.is_json else None

    def do(self, action, seconds=60):
        """The job of an action, once it has ended."""
        job = self.post("api/jobs?wait=5", action)
        until = time.monotonic() + seconds
        while job["state"] in ("waiting", "running"):
            assert time.monotonic() < until, job
            job = self.get(f"api/jobs/{job['id']}?wait=2")
        return job

    def done(self, action, seconds=60):
        """The result of an action."""
        job = self.do(action, seconds)
        assert job["state"] == "done", job
        return job["result"]

    def explain(self, *methods, targets=(None,), layer=None, nets=None, photos=None):
        return self.done(
            self.asked(*methods, targets=targets, layer=layer, nets=nets, photos=photos)
        )

    def asked(self, *methods, targets=(None,), layer=None, nets=None, photos=None):
        """The action that explains the first photo."""
        return {
            "action": "explain",
            "nets": nets or [next(iter(self.workspace.nets))],
            "photos": photos or [self.workspace.album.all()[0].id],
            "targets": list(targets),
            "layer": layer,
            "output": None,
            "methods": [{"name": one} if isinstance(one, str) else one for one in methods],
        }


def pixels_of(png):
    """(H, W, 3) of the bytes of a picture."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def quick(options):
    """Options under which a method or measure takes little time, of those that it has."""
    fast = {
        "num_samples": 8,
        "max_evals": 8,
        "steps": 3,
        "segments": "grid",
        "num_segments": 4,
        "window": 8,
        "subset_size": 20,
        "layers": 2,
        "stages": 2,
    }
    return {name: value for name, value in fast.items() if name in options}
