"""The app's server under random requests: does it answer each as it should, and keep its memory?

    python benchmarks/app_soak.py [MINUTES] [SEED]

No browser: the requests are drawn from all that the server takes, every method, measure and
function with settings at random, uploads whole and broken, exports, jobs that are cancelled, and
nonsense, which is more than the page ever sends. `app_monkey.py` looks after the page itself. The
exit code is 1 if an answer was wrong or, in a run of a quarter of an hour or more, if the memory
grew by more than 50 MB after the first ten minutes.
"""

from __future__ import annotations

import io
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable

import numpy as np
from _app import App, Growth
from PIL import Image

PHOTOS = 12
PATIENCE = 10.0
"""After so many seconds a job is cancelled, as people do."""


class Clicks:
    """Somebody at a page.

    Args:
        app: the server.
        seed: of what they do.
    """

    def __init__(self, app: App, seed: int) -> None:
        self.app, self.draw = app, random.Random(seed)
        self.state = app.ask("GET", "api/state")[1]
        self.nets = {
            one["id"]: app.ask("GET", f"api/nets/{one['id']}/layers")[1]["layers"]
            for one in self.state["nets"]
        }
        self.maps: list[dict[str, Any]] = []
        self.failures: list[str] = []
        self.done = 0
        self.kinds: list[Callable[[], None]] = [
            *[self.explain] * 6,
            *[self.draw_again] * 6,
            self.predict,
            self.look,
            self.measure,
            self.export,
            self.upload,
            self.cancel,
            self.nonsense,
        ]

    def click(self) -> None:
        """Do something."""
        self.state = self.get("api/state")
        self.draw.choice(self.kinds)()
        self.done += 1

    def get(self, path: str, *also: int) -> Any:
        """What an address gives; another status than 200 is a failure unless it is expected."""
        status, found = self.app.ask("GET", path)
        if status not in (200, *also):
            self.failures.append(f"GET {path}: {status} {found}")
        return found

    def job(self, action: dict[str, Any]) -> dict[str, Any]:
        """The result of an action; what the package refuses in words is none."""
        began = time.monotonic()
        job = self.app.job(action, PATIENCE)
        if time.monotonic() - began > 4 * PATIENCE:
            print(f"  {time.monotonic() - began:.0f} s until {job['title']!r} was {job['state']}")
        if "nobody thought of" in str(job.get("error")):
            self.failures.append(f"{action}: {job['error']}")
        return job.get("result") or {}

    def photo(self) -> str:
        return self.draw.choice(self.state["photos"])["id"]

    def layer(self, net: str) -> str:
        rows = [one for one in self.nets[net] if one["can_choose"] and one["has_positions"]]
        return self.draw.choice(rows)["name"]

    def target(self, net: str) -> Any:
        layer = self.layer(net)
        return self.draw.choice(
            [
                None,
                {"class": self.draw.randrange(1000)},
                {"difference": [self.draw.randrange(1000), self.draw.randrange(1000)]},
                {"unit": {"layer": layer, "channel": self.draw.randrange(16)}},
                {"channel": {"layer": layer, "channel": self.draw.randrange(16)}},
            ]
        )

    def options(self, form: dict[str, Any]) -> dict[str, Any]:
        """Settings at random, few draws."""
        chosen: dict[str, Any] = {}
        for one in form["settings"]:
            name = one["name"]
            if name in ("num_samples", "max_evals", "steps"):
                chosen[name] = self.draw.randint(4, 12)
            elif name in ("window", "stride"):
                chosen[name] = 56
            elif name == "cells":
                chosen[name] = 3
            elif name == "layers":
                chosen[name] = 2
            elif self.draw.random() < 0.2 and one["kind"] == "switch":
                chosen[name] = not one["default"]
            elif self.draw.random() < 0.2 and one["choices"]:
                chosen[name] = self.draw.choice(one["choices"])
            elif self.draw.random() < 0.2 and one["kind"] == "slider" and not one["whole"]:
                chosen[name] = self.draw.uniform(one["low"], one["high"])
        return chosen

    def explain(self) -> None:
        net = self.draw.choice(list(self.nets))
        forms = self.draw.sample(self.state["methods"], self.draw.choice([1, 1, 1, 2]))
        methods = [{"name": one["name"], "options": self.options(one)} for one in forms]
        action = {
            "action": "explain",
            "nets": [net],
            "photos": [self.photo()],
            "targets": [self.target(net)],
            "layer": self.draw.choice([None, self.layer(net)]),
            "output": None,
            "methods": methods,
        }
        self.maps = [*self.maps[-40:], *self.job(action).get("maps", [])]
        self.draw_again()

    def draw_again(self) -> None:
        if not self.maps:
            return
        one = self.draw.choice(self.maps)
        looks = [
            f"opacity={self.draw.random():.2f}",
            f"threshold={self.draw.random():.2f}",
            "whole=1",
            "crop=1",
            "view=heat",
            "colormap=viridis",
            f"minus={self.draw.choice(self.maps)['id']}",
        ]
        query = "&".join(self.draw.sample(looks, self.draw.randrange(4)))
        self.get(f"{one['picture']}?{query}", 404, 422)

    def predict(self) -> None:
        self.job({"action": "predict", "nets": list(self.nets), "photos": [self.photo()]})

    def look(self) -> None:
        net, form = self.draw.choice(list(self.nets)), self.draw.choice(self.state["inspect"])
        layer = self.layer(net)
        ready = {
            "layer": layer,
            "layers": layer,
            "position": [self.draw.randrange(6), self.draw.randrange(6)],
            "channel": self.draw.randrange(16),
            "units": [self.draw.randrange(16)],
            "target": self.target(net),
        }
        arguments = {name: ready[name] for name in form["takes"] if name in ready}
        result = self.job(
            {
                "action": "inspect",
                "function": form["name"],
                "nets": [net],
                "photos": [self.photo()],
                "arguments": {**arguments, **self.options(form)},
            }
        )
        if "picture" in result:
            self.get(result["picture"], 404)
        if result.get("kind") == "channels":
            rows = self.get(f"api/results/{result['id']}/channels")["channels"]
            self.get(self.draw.choice(rows)["picture"])

    def measure(self) -> None:
        if not self.maps:
            return
        forms = self.draw.sample(self.state["metrics"], 2)
        self.job(
            {
                "action": "measure",
                "maps": [self.draw.choice(self.maps)["id"]],
                "metrics": [{"name": one["name"], "options": self.options(one)} for one in forms],
                "controls": self.draw.random() < 0.3,
                "box": [20, 30, 120, 160],
            }
        )

    def export(self) -> None:
        if not self.maps:
            return
        one = self.draw.choice(self.maps)["id"]
        kind = self.draw.choice(["figure.png", "figure.svg", "figure.pdf", "values.npz", "code"])
        self.get(f"api/export/{kind}?maps={one}", 404, 422)

    def upload(self) -> None:
        uploads = [one for one in self.state["photos"] if one["source"] == "upload"]
        if len(uploads) >= PHOTOS:
            self.app.ask("DELETE", f"api/photos/{self.draw.choice(uploads)['id']}")
            return
        pixels = np.random.RandomState(self.done).randint(0, 256, (6, 8, 3), np.uint8)
        side = self.draw.choice([200, 700, 2000])
        file = io.BytesIO()
        Image.fromarray(pixels).resize((side, side)).save(file, "JPEG")
        data = file.getvalue()[: self.draw.choice([None, None, None, 300])]
        status, found = self.app.ask("POST", "api/photos?name=x.jpg", data)
        if status not in (200, 201, 422):
            self.failures.append(f"upload: {status} {found}")

    def cancel(self) -> None:
        action = {
            "action": "explain",
            "nets": [next(iter(self.nets))],
            "photos": [self.photo()],
            "targets": [None],
            "methods": [{"name": "rise", "options": {"seed": self.done}}],
        }
        _, job = self.app.ask("POST", "api/jobs", action)
        time.sleep(self.draw.random())
        self.app.ask("DELETE", f"api/jobs/{job['id']}")
        while self.get(f"api/jobs/{job['id']}?wait=2")["state"] in ("waiting", "running"):
            pass

    def nonsense(self) -> None:
        status, _ = self.app.ask("POST", "api/jobs", {"action": "explain", "nets": ["x"]})
        if not 400 <= status < 500:
            self.failures.append(f"nonsense: {status}")
        self.get("api/maps/none.png", 404)


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with tempfile.TemporaryDirectory() as folder:
        draw = np.random.RandomState(1)
        for number in range(3):
            pixels = Image.fromarray(draw.randint(0, 256, (5, 7, 3), np.uint8)).resize((400, 300))
            pixels.save(Path(folder) / f"{number}.png")
        app = App("--model", "squeezenet1_1", "--photos", folder)
        try:
            _soak(Clicks(app, seed), app, minutes * 60)
        finally:
            app.end()


def _soak(clicks: Clicks, app: App, seconds: float) -> None:
    growth = Growth(app, seconds)
    while growth.past < seconds:
        clicks.click()
        growth.look(clicks.done)
    print(f"{clicks.done} requests, {len(clicks.failures)} failures")
    for one in clicks.failures[:20]:
        print(one)
    sys.exit(growth.is_too_much() or bool(clicks.failures))


if __name__ == "__main__":
    main()
