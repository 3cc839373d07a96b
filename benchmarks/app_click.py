"""From the click to the picture in the app, beside the call of the method and the drawing alone.

Both explain one photo by Grad-CAM on SqueezeNet, a new class each time, so that nothing is kept.

    python benchmarks/app_click.py [ROUNDS]
"""

from __future__ import annotations

import itertools
import sys

from _app import App
from _timing import medians
from skimage import data

import gradcam_mx as gm

MODEL = "squeezenet1_1"


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    app = App("--model", MODEL)
    _, told = app.ask("POST", "api/samples", {})
    _, state = app.ask("GET", "api/state")
    asked = {
        "action": "explain",
        "nets": [state["nets"][0]["id"]],
        "photos": [told["photos"][0]["id"]],
        "layer": None,
        "output": None,
        "methods": [{"name": "grad_cam"}],
    }
    net = gm.zoo.get_model(MODEL)
    photo = data.chelsea()
    x, seen = net.preprocess(photo), net.preprocess.crop(photo)
    classes, others = itertools.cycle(range(1000)), itertools.cycle(range(1000))

    def clicked() -> bytes:
        job = app.job({**asked, "targets": [{"class": next(classes)}]})
        (one,) = job["result"]["maps"]
        return app.ask("GET", one["picture"])[1]

    def called() -> bytes | None:
        found = gm.grad_cam(net, x, next(others))
        return gm.picture.png(found.pictures(seen, "BGR")[0])

    try:
        assert clicked() == called()
        taken = medians({"in the app": clicked, "call and drawing": called}, rounds)
    finally:
        app.end()
    for name, seconds in taken.items():
        print(f"{name:20} {seconds * 1000:8.1f} ms")
    print(f"{'ratio':20} {taken['in the app'] / taken['call and drawing']:8.2f}")


if __name__ == "__main__":
    main()
