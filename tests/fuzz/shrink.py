"""The smallest net that shows the same fault."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable

import numpy as np

from .recipe import Recipe, read_by


def smaller(recipe: Recipe) -> list[Recipe]:
    """Recipes that are a little smaller, the boldest first; some of them are no nets."""
    found = []

    def offer(new: Recipe) -> None:
        new = new.pruned()
        if new.steps and len(str(new)) < len(str(recipe)):
            found.append(new)

    for step in recipe.steps:
        if len(recipe.heads) == 1 and step.op not in ("SliceChannel", "foreach"):
            new = recipe.copy()  # it ends here
            new.heads = new.explained = [(step.name, 0)]
            new.samples_at, new.labels = 0, {}
            offer(new)
    for at, step in enumerate(recipe.steps):
        for ref in step.inputs[:2]:
            if ref[0] in recipe.parameters:
                continue
            new = recipe.copy()  # without this step
            del new.steps[at]
            for other in new.steps:
                other.inputs = [ref if r[0] == step.name else r for r in other.inputs]
            new.heads = [ref if r[0] == step.name else r for r in new.heads]
            new.explained = [ref if r[0] == step.name else r for r in new.explained]
            offer(new)
    if len(recipe.heads) > 1:
        new = recipe.copy()
        new.heads, new.explained = [new.heads[new.chosen]], [new.explained[new.chosen]]
        new.chosen = 0
        offer(new)
    if recipe.heads != recipe.explained:
        new = recipe.copy()
        new.heads = list(new.explained)
        offer(new)
    for step in recipe.steps:
        for key in step.attrs:
            new = recipe.copy()
            (same,) = (other for other in new.steps if other.name == step.name)
            del same.attrs[key]
            offer(new)
    used = {name for step in recipe.steps for name in read_by(step)}
    if set(recipe.inputs) - used:
        new = recipe.copy()
        new.inputs = {name: value for name, value in new.inputs.items() if name in used}
        offer(new)
    for form, dtype in (("symbol", recipe.dtype), (recipe.form, "float32")):
        if (form, dtype) != (recipe.form, recipe.dtype):
            new = recipe.copy()
            new.form, new.dtype = form, dtype
            found.append(new.pruned())
    if next(iter(recipe.inputs.values())).shape[0] > 1:
        new = recipe.copy()
        new.inputs = {name: np.ascontiguousarray(value[:1]) for name, value in new.inputs.items()}
        found.append(new)
    return found


def smallest(recipe: Recipe, same: Callable[[Recipe], bool], most: int = 150) -> Recipe:
    """Smaller and smaller recipes of which `same` is true.

    Args:
        recipe: to start from.
        same: whether a recipe shows the fault.
        most: how many are tried.
    """
    tried = 0
    found = True
    while found and tried < most:
        found = False
        for new in smaller(recipe):
            tried += 1
            if same(new):
                recipe, found = new, True
                break
            if tried >= most:
                break
    return recipe


def outcome_apart(recipe: Recipe, asked: list[str]) -> list[dict]:
    """What comes of a recipe in a process of its own; a fault "crash" if that ends."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "recipe"
        file.write_bytes(pickle.dumps(recipe))
        command = [sys.executable, "-m", "fuzz", "--recipe", str(file), *asked]
        run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    if run.returncode < 0:
        lines.append({"check": "process", "result": "fault", "reason": f"crash {-run.returncode}"})
    return lines
