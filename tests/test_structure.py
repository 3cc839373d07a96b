"""One home for each thing: what draws, trains, reads networks.

What may import what is in the contracts of pyproject.toml, which `make lint` checks.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("gradcam_mx", "zoo")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not path.is_symlink()
}
NOTEBOOKS = {
    path.name: "\n".join(
        line
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code"
        for line in "".join(cell["source"]).splitlines()
        if not line.lstrip().startswith(("%", "!"))
    )
    for path in sorted((ROOT / "tutorials").glob("*.ipynb"))
}


def imported(tree):
    """The modules that a file imports at run time, by their first names."""
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return found


def used(tree):
    """The names and attributes in a file's code."""
    return {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(tree)
        if isinstance(node, (ast.Attribute, ast.Name))
    }


def homes(names, of):
    return {path for path, tree in MODULES.items() if set(names) & of(tree)}


def test_one_room_draws():
    drawing = homes(["matplotlib"], imported) | homes(
        ["applyColorMap", "polylines", "imshow", "add_subplot"], used
    )
    assert drawing
    assert {path.rpartition("/")[0] for path in drawing} == {"gradcam_mx/picture"}
    # the others read photos and scale them
    assert homes(["PIL"], imported) == {
        "gradcam_mx/apps/object_masks.py",
        "gradcam_mx/apps/outputs.py",
        "gradcam_mx/apps/web/album.py",
        "gradcam_mx/auditing/conventions.py",
        "gradcam_mx/picture/encoded.py",
        "gradcam_mx/picture/figures.py",
        "gradcam_mx/picture/pictures.py",
        "gradcam_mx/picture/sheet.py",
        "zoo/depth.py",
        "zoo/photo.py",
        "zoo/preprocess.py",
    }


def test_nothing_trains():
    """Gluon's Estimator and Module do, and loops of users' own."""
    assert not homes(["Trainer", "Estimator", "init_optimizer"], used)


def test_networks_are_read_in_one_place_and_weights_of_the_zoo_in_another():
    assert homes(["load_frombuffer"], used) == {"gradcam_mx/graph/load.py", "zoo/readers.py"}
    assert not homes(["load_checkpoint", "load_parameters"], used)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_tutorials_have_no_drawing_training_or_loading_of_their_own(name):
    tree = ast.parse(NOTEBOOKS[name])
    assert not imported(tree) & {"matplotlib", "cv2", "PIL", "torch"}
    assert not used(tree) & {
        "record",
        "backward",
        "imshow",
        "load_checkpoint",
        "SymbolBlock",
        "load_json",
    }
