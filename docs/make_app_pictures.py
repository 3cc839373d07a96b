"""Makes the pictures of the app in docs/images: python docs/make_app_pictures.py

A headless Chromium looks at the app with SqueezeNet over photos of scikit-image. It needs Debian's
packages chromium and chromium-driver, and the package selenium.
"""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait
from skimage import data

IMAGES = Path(__file__).resolve().parent / "images"
PHOTOS = ["chelsea", "coffee", "astronaut", "rocket"]

SHOTS = {
    "app_map": ("#view=map&layer=features.9", (1280, 800), "light"),
    "app_channels": ("#view=channels&layer=features.9", (1280, 860), "light"),
    "app_methods": ("#view=grid&methods={}", (1280, 860), "dark"),
    "app_phone": ("#view=map&layer=features.9", (390, 844), "light"),
}
"""Name → the page's address, the window and the colours."""

METHODS = '["grad_cam","layer_cam","saliency","guided_backprop","guided_grad_cam","occlusion"]'

MOST_BYTES = 300_000
"""A larger file has fewer colours."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in PHOTOS:
            Image.fromarray(getattr(data, name)()).save(Path(folder) / f"{name}.png")
        command = ["app", "--model", "squeezenet1_1", "--photos", folder]
        server = subprocess.Popen(
            [sys.executable, "-u", "-m", "gradcam_mx", *command, "--port", "0", "--no-browser"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found is not None, "the app did not start"
        driver = browser()
        try:
            for name, (view, size, theme) in SHOTS.items():
                shot(driver, found.group() + view.replace("{}", METHODS), size, theme, name)
        finally:
            driver.quit()
            server.terminate()
            server.wait(30)


def browser() -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for one in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(one)
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    return webdriver.Chrome(options=options, service=service)


def shot(
    driver: webdriver.Chrome, address: str, size: tuple[int, int], theme: str, name: str
) -> None:
    width, height = size
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": theme}]},
    )
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    driver.get("about:blank")
    driver.get(address)
    ready = "return document.body.dataset.ready && !document.querySelector('[aria-busy]')"
    cat = "document.querySelector('.photo[title^=\"chelsea\"]').click()"
    for script in ("", cat, "document.activeElement.blur()"):
        driver.execute_script(script)
        WebDriverWait(driver, 120).until(lambda one: one.execute_script(ready))
    taken = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
    image = Image.open(io.BytesIO(base64.b64decode(taken))).convert("RGB")
    path = IMAGES / f"{name}.png"
    image.save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        palette = image.quantize(256)
        image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(
            path, optimize=True
        )
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
