"""A browser that looks at the app's page, with waits for what the page shows."""

from __future__ import annotations

import base64
import json
import shutil
import time
from urllib.parse import urlsplit

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")

PATIENCE = 30
"""Seconds: many times what anything takes, for machines that have other things to do."""

SIZES = {"desk": (1440, 900), "small": (1024, 700), "phone": (390, 844)}

# What people press or read that sticks out of the window, without a box that scrolls to it.
CUT_OFF = """
const found = [];
for (const one of document.querySelectorAll("button, input, select, a, h2, h3, figcaption, img")) {
  const box = one.getBoundingClientRect();
  if (!box.width || !one.checkVisibility({visibilityProperty: true})) continue;
  if (one.closest(".spoken, .skip, [hidden]") || one.matches("[type=file]")) continue;
  let place = one.parentElement;
  const scrollable = () => /auto|scroll/.test(getComputedStyle(place).overflow);
  while (place && !scrollable()) place = place.parentElement;
  const scrolls = place && place !== document.body && place !== document.documentElement;
  const edges = scrolls && place.getBoundingClientRect();
  const wide = scrolls ? place.scrollWidth > place.clientWidth : false;
  const right = scrolls ? edges.right + 1 : innerWidth + 1;
  const left = scrolls ? edges.left - 1 : -1;
  const low = !scrolls && (box.bottom > innerHeight + 1 || box.top < -1);
  if ((!wide && (box.right > right || box.left < left)) || low) {
    found.push(one.outerHTML.slice(0, 120));
  }
}
return found;
"""

# As a file manager would: the browser makes the event, with a file in it.
HAND_OVER = """
const [base64, name, kind] = arguments;
const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
const data = new DataTransfer();
data.items.add(new File([bytes], name, {type: kind === "text" ? "text/plain" : "image/png"}));
const event = kind === "paste"
  ? new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true})
  : new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true});
document.body.dispatchEvent(event);
"""


def open_browser(downloads):
    """A headless Chromium that keeps a log of its console and of its network."""
    selenium = pytest.importorskip("selenium", reason="the package selenium drives the browser")
    if not CHROMIUM or not DRIVER:
        pytest.skip("no browser: install Debian's packages chromium and chromium-driver")
    from selenium import webdriver

    assert selenium
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for one in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--force-prefers-reduced-motion",
        "--window-size=1440,900",
    ):
        options.add_argument(one)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.add_experimental_option(
        "prefs", {"download.default_directory": str(downloads), "download.prompt_for_download": 0}
    )
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))


class Page:
    """The page of the app in a browser."""

    def __init__(self, driver, address):
        self.driver, self.address = driver, address

    def open(self, hash_=""):
        """Load the page; a page with the same path is loaded again, too."""
        self.driver.get("about:blank")
        self.driver.get(self.address + hash_)
        self.wait(lambda: self.run("return document.body.dataset.ready === 'true'"), "the page")
        return self

    # -- waiting -----------------------------------------------------------------------------------

    def wait(self, condition, what, seconds=PATIENCE):
        """Until a condition holds; elements that are replaced meanwhile are looked for again."""
        from selenium.common.exceptions import (
            ElementClickInterceptedException,
            ElementNotInteractableException,
            StaleElementReferenceException,
            TimeoutException,
        )
        from selenium.webdriver.support.ui import WebDriverWait

        ignored = [
            ElementClickInterceptedException,
            ElementNotInteractableException,
            StaleElementReferenceException,
        ]
        waiting = WebDriverWait(self.driver, seconds, 0.05, ignored_exceptions=ignored)
        try:
            return waiting.until(lambda _: condition())
        except TimeoutException:
            raise AssertionError(f"not there: {what}; the page is {self.state()}") from None

    def state(self):
        """What the page shows, for messages."""
        return self.run(
            "const text = (id) => document.getElementById(id)?.innerText;"
            "return [location.hash, ...['view', 'toasts', 'predictions'].map(text)].join(' | ')"
        )

    def quiet(self):
        """Until nothing is awaited."""
        awaited = "return document.querySelectorAll('[aria-busy]').length === 0"
        self.wait(lambda: self.run(awaited), "an end of what is awaited")
        return self

    def shows(self, css, what=None):
        """The first visible element of that kind, once there is one."""
        return self.wait(
            lambda: next((one for one in self.all(css) if one.is_displayed()), None), what or css
        )

    def shows_text(self, text, css="body"):
        """Until a part of the page says so."""
        said = "return document.querySelector(arguments[0])?.innerText.includes(arguments[1])"
        self.wait(lambda: self.run(said, css, text), f"{text!r} in {css}")

    # -- looking -----------------------------------------------------------------------------------

    def all(self, css):
        return self.driver.find_elements("css selector", css)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    @property
    def picture(self):
        """The address of the picture in the middle, relative to the page."""
        found = self.run(
            "const image = document.querySelector('.stage .map:not(.before) > .picture img');"
            "return image?.getAttribute('src')"
        )
        return found or ""

    @property
    def hash(self):
        return urlsplit(self.driver.current_url).fragment

    def new_picture(self, old):
        """The address of the picture, once it is another one."""
        self.wait(lambda: self.picture not in ("", old), "another picture")
        return self.picture

    @property
    def focused(self):
        return self.driver.switch_to.active_element

    # -- doing -------------------------------------------------------------------------------------

    def click(self, css):
        def clicked():
            one = next((one for one in self.all(css) if one.is_displayed()), None)
            if one is None:
                return False
            one.click()
            return True

        self.wait(clicked, css)
        return self

    def view(self, name):
        return self.click(f"#tab-{name}")

    def keys(self, *keys):
        """Press keys, wherever the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()
        return self

    def slide(self, css, value):
        """Put a slider to a value, as a person's hand does: it tells of each change."""
        self.run(
            "const one = document.querySelector(arguments[0]); one.value = arguments[1];"
            "one.dispatchEvent(new Event('input', {bubbles: true}))",
            css,
            value,
        )

    def choose(self, css, value):
        """Choose an option of a select."""
        from selenium.webdriver.support.ui import Select

        Select(self.shows(css)).select_by_value(value)

    def hand_over(self, data, name, kind="drop"):
        """Drop or paste a file."""
        self.run(HAND_OVER, base64.b64encode(data).decode(), name, kind)

    def size(self, name):
        width, height = SIZES[name]
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": name == "phone"},
        )
        self.wait(lambda: self.run("return innerWidth") == width, f"a window of {width} pixels")

    # -- logs --------------------------------------------------------------------------------------

    def console(self):
        """What the console said since it was last asked, warnings and worse."""
        return [
            one["message"]
            for one in self.driver.get_log("browser")
            if one["level"] in ("SEVERE", "WARNING")
        ]

    def requests(self):
        """The addresses that were asked for since this was last called."""
        messages = [json.loads(one["message"]) for one in self.driver.get_log("performance")]
        found = [one["message"] for one in messages]
        return [
            one["params"]["request"]["url"]
            for one in found
            if one["method"] == "Network.requestWillBeSent"
        ]


def downloaded(folder, suffix, seconds=PATIENCE):
    """The file of that kind in a folder, once it is there as a whole."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = [one for one in folder.iterdir() if one.suffix == suffix and one.stat().st_size]
        if found and not list(folder.glob("*.crdownload")):
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"no {suffix} was saved: {sorted(folder.iterdir())}")
