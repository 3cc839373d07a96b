"""Random clicking in the app's page: do its scripts fail at nothing, and the server neither?

    python benchmarks/app_monkey.py [--minutes N] [--seed S] [--model NAME ...] [--photos DIR]

A headless Chromium opens the app of the networks over some photos, and clicks, types and drags at
random on whatever the page offers, for as long as is asked for. `app_soak.py` asks the server for
what no page does. The exit code is 1 if the page or the server had something to complain about or,
in a run of a quarter of an hour or more, if the memory grew by more than 50 MB after ten minutes.

It needs Debian's packages chromium and chromium-driver, and the package selenium.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from _app import App, Growth
from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from skimage import data

SAMPLES = ["chelsea", "coffee", "astronaut", "rocket"]

# All of it happens in the page, so that one call of the driver is one act of a user.
ACT = """
const [kind, pick, part] = arguments;
const kinds = {
  view: "[role=tab]",
  layer: "[data-layer]",
  photo: ".photo",
  top: ".top-class",
  channel: ".channel",
  patch: ".patch",
  picture: ".stage .map:not(.before) img, .unit .over img",
  select: ".right select, .channel-head select, .versus select",
  tick: ".right input[type=checkbox], .segments input",
  slider: ".right input[type=range]",
  number: ".right input[type=number]",
  button: ".paging button, .unit button.small, .right header button, #show-code, .again, .cancel",
};
const seen = [...document.querySelectorAll(kinds[kind])].filter((one) => one.checkVisibility());
if (!seen.length) return null;
const one = seen[Math.floor(pick * seen.length)];
const changed = (name) => one.dispatchEvent(new Event(name, {bubbles: true}));
if (kind === "select") {
  const usable = [...one.options].filter((option) => !option.disabled);
  one.value = usable[Math.floor(part * usable.length)].value;
  changed("change");
} else if (kind === "slider") {
  const [low, high] = [Number(one.min), Number(one.max)];
  one.value = low + part * (high - low);
  changed("input");
} else if (kind === "number") {
  const now = Number(one.value) || 1;
  one.value = Math.max(0, Math.round(now * (0.5 + part)));
  changed("input");
  changed("change");
} else if (kind === "picture") {
  const box = one.getBoundingClientRect();
  const at = {clientX: box.left + pick * box.width, clientY: box.top + part * box.height};
  one.dispatchEvent(new MouseEvent("click", {...at, bubbles: true}));
} else {
  one.click();
}
return one.id || one.dataset.layer || one.dataset.setting || one.textContent.slice(0, 30);
"""

WEIGHTS = {
    "view": 4,
    "layer": 4,
    "photo": 4,
    "top": 3,
    "channel": 5,
    "patch": 1,
    "picture": 3,
    "select": 4,
    "tick": 3,
    "slider": 4,
    "number": 1,
    "button": 3,
}


def main():
    options = parsed()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        photos = options.photos or samples(Path(folder))
        with tempfile.TemporaryFile("w+") as said:
            app = App("--model", *options.model, "--photos", photos, log=said)
            driver = browser()
            try:
                growth = Growth(app, 60 * options.minutes)
                acts, complaints = clicked(driver, app, growth, rng, 60 * options.minutes)
            finally:
                driver.quit()
                app.end()
            said.seek(0)
            complaints += [line for line in said if "Traceback" in line]
    print(f"{sum(acts.values())} acts: {dict(acts)}; {len(complaints)} complaints")
    for one, count in Counter(complaints).most_common(20):
        print(f"{count} × {one}")
    return int(growth.is_too_much() or bool(complaints))


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", nargs="+", default=["squeezenet1_1"])
    parser.add_argument("--photos", type=Path, help="default: four of scikit-image's")
    return parser.parse_args()


def samples(folder):
    for name in SAMPLES:
        Image.fromarray(np.asarray(getattr(data, name)())).save(folder / f"{name}.png")
    return folder


def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for one in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--window-size=1280,800",
    ):
        options.add_argument(one)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(
        options=options, service=webdriver.ChromeService(shutil.which("chromedriver"))
    )


def clicked(driver, app, growth, rng, seconds):
    """How often what was done, and what went wrong."""
    acts, complaints = Counter(), []
    driver.get(app.address)
    while growth.past < seconds and app.process.poll() is None:
        kind = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        try:
            done = driver.execute_script(ACT, kind, rng.random(), rng.random())
        except WebDriverException as error:
            complaints.append(f"{kind}: {error.msg}")
            driver.get(app.address)
            continue
        acts[kind] += done is not None
        time.sleep(rng.choice([0.02, 0.1, 0.3, 1.0]))
        if rng.random() < 0.004:
            driver.refresh()  # a user who goes away in the middle
        if growth.look(sum(acts.values())):
            complaints += wrong(driver)
    complaints += wrong(driver)
    if app.process.poll() is not None:
        complaints.append(f"the server ended with {app.process.returncode}")
    return acts, complaints


def wrong(driver):
    """What the page's scripts failed at, and what the server did: a refusal is no failure."""
    found = [
        one["message"]
        for one in driver.get_log("browser")
        if one["level"] == "SEVERE" and one["source"] == "javascript"
    ]
    for one in driver.get_log("performance"):
        message = json.loads(one["message"])["message"]
        if message["method"] != "Network.responseReceived":
            continue
        response = message["params"]["response"]
        if response["status"] >= 500:
            found.append(f"{response['status']} {response['url']}")
    return found


if __name__ == "__main__":
    sys.exit(main())
