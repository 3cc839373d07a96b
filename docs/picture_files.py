"""Where the pictures of these pages go."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gradcam_mx import picture

IMAGES = Path(__file__).resolve().parent / "images"


def save(name: str, panels: list[np.ndarray], titles: list[str], heading: str) -> None:
    save_figure(name, picture.figure(panels, titles, heading))


def save_figure(name: str, figure: Any) -> None:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=80)
    Image.open(drawn).convert("RGB").save(IMAGES / f"{name}.jpg", quality=85)
    print(IMAGES / f"{name}.jpg")
