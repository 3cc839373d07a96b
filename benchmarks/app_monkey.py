"""Random clicking in the app: does it stay up, say no error, and keep its memory?

    python benchmarks/app_monkey.py [--minutes N] [--seed S] [--model NAME ...] [--photos DIR]

A headless Chromium opens the app of the networks over some photos, and clicks, types and drags at
random on whatever the page offers. Each minute the server's memory is printed. At the end stands
by how much it grew after the first ten minutes (of a shorter run, after its first half), and what
the page and the server had to complain about; the exit code is 1 if there is any, or if the memory
grew by more than 50 MB.

It needs Debian's packages chromium and chromium-driver, and the package selenium.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from skimage import data

ALLOWED = 50
"""Megabytes by which the memory may grow after its first while."""

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
        server, address, said = started(options.model, photos)
        driver = browser()
        try:
            sizes, acts, complaints = clicked(driver, server, address, rng, options.minutes)
        finally:
            driver.quit()
            server.terminate()
            server.wait(30)
    grown = report(sizes, acts, complaints, said)
    return int(grown > ALLOWED or bool(complaints) or bool(failures(said)))


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


def started(models, photos):
    """The server's process, its address, and the file of what it says."""
    said = tempfile.NamedTemporaryFile("w+", suffix=".log")  # noqa: SIM115 - read at the end
    command = [sys.executable, "-u", "-m", "gradcam_mx", "app", "--model", *models]
    command += ["--photos", str(photos), "--port", "0", "--no-browser"]
    server = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
    end = time.monotonic() + 120
    while time.monotonic() < end and server.poll() is None:
        found = re.search(r"http://\S+", Path(said.name).read_text())
        if found:
            return server, found.group(), said
        time.sleep(0.2)
    raise SystemExit(f"the app did not start: {Path(said.name).read_text()}")


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


def clicked(driver, server, address, rng, minutes):
    """Megabytes by second, how often what was done, and what went wrong."""
    sizes, acts, complaints = [], Counter(), []
    start = told = time.monotonic()
    driver.get(address)
    while (now := time.monotonic()) - start < 60 * minutes and server.poll() is None:
        kind = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        try:
            done = driver.execute_script(ACT, kind, rng.random(), rng.random())
        except WebDriverException as error:
            complaints.append(f"{kind}: {error.msg}")
            driver.get(address)
            continue
        acts[kind] += done is not None
        time.sleep(rng.choice([0.02, 0.1, 0.3, 1.0]))
        if rng.random() < 0.004:
            driver.refresh()  # a user who goes away in the middle
        sizes.append((now - start, memory(server.pid)))
        if now - told > 60:
            told = now
            complaints += wrong(driver)
            print(
                f"{(now - start) / 60:5.1f} min  {sizes[-1][1]:6.0f} MB  {sum(acts.values())} acts",
                flush=True,
            )
    complaints += wrong(driver)
    if server.poll() is not None:
        complaints.append(f"the server ended with {server.returncode}")
    return sizes, acts, complaints


def memory(pid):
    """Megabytes of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


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


def failures(said):
    """Lines of the server that tell of an error in its code."""
    return [line for line in Path(said.name).read_text().splitlines() if "Traceback" in line]


def report(sizes, acts, complaints, said):
    last = sizes[-1][0]
    settled = 600 if last > 900 else last / 2
    before = [size for at, size in sizes if at <= settled]
    grown = max(size for _, size in sizes[-20:]) - max(before[-20:])
    print(f"{sum(acts.values())} acts in {last / 60:.1f} minutes: {dict(acts)}")
    print(
        f"memory: {sizes[0][1]:.0f} MB at first, {before[-1]:.0f} MB after {settled / 60:.0f} "
        f"minutes, {sizes[-1][1]:.0f} MB at last: grown by {grown:.0f} MB since"
    )
    for one, count in Counter(complaints).most_common(20):
        print(f"{count} × {one}")
    tracebacks = failures(said)
    if tracebacks:
        print(Path(said.name).read_text()[-4000:])
    print(f"{len(complaints)} complaints of the page, {len(tracebacks)} tracebacks of the server")
    return grown


if __name__ == "__main__":
    sys.exit(main())
