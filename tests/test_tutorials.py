"""The tutorials run, and what is kept of them is a whole run: in order, with pictures, clean."""

import base64
import copy
import io
import re
import runpy
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

FOLDER = Path(__file__).resolve().parent.parent / "tutorials"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
EXECUTE = runpy.run_path(str(FOLDER / "execute.py"))

MACHINE_PATH = re.compile(r"/(work|root|home|tmp)/")
OWN_DRAWING = re.compile(r"pyplot|cv2\.")
LARGEST = 500_000

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.mark.slow
@every_notebook
def test_runs_and_leaves_nothing(path, tmp_path):
    before = sorted(FOLDER.iterdir())
    lesson = shutil.copy(path, tmp_path)
    EXECUTE["executed"](Path(lesson), tmp_path)  # raises what a cell raises
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert sorted(FOLDER.iterdir()) == before


@every_notebook
def test_what_is_kept_was_run_in_order(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        kinds = [one.output_type for one in cell.outputs]
        assert "error" not in kinds or "raises-exception" in cell.metadata.get("tags", [])
        # neither warnings nor progress bars
        assert not [one.text for one in cell.outputs if one.get("name") == "stderr"]


@every_notebook
def test_pictures_are_kept(path):
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(content)))
        for cell in code_cells(path)
        for one in cell.outputs
        for kind, content in one.get("data", {}).items()
        if kind in ("image/png", "image/jpeg")
    ]
    assert len(pictures) >= 2
    for picture in pictures:
        assert np.asarray(picture).std() > 10
        # white margins and grey panels alone have few colours
        assert picture.convert("RGB").getcolors(maxcolors=1000) is None


@every_notebook
def test_the_file_is_small_and_says_nothing_of_a_machine(path):
    assert path.stat().st_size < LARGEST
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert EXECUTE["tidy"](copy.deepcopy(notebook)) == notebook
    for text in texts(notebook):
        assert not MACHINE_PATH.search(text), text


@every_notebook
def test_drawing_is_left_to_the_package(path):
    for cell in code_cells(path):
        assert not OWN_DRAWING.search(cell.source), cell.source


def code_cells(path):
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def texts(notebook):
    """All sources and all outputs that are read, not looked at."""
    for cell in notebook.cells:
        yield cell.source
        for one in cell.get("outputs", ()):
            yield from (one.get("text", ""), *one.get("traceback", ()))
            yield from (
                str(content)
                for kind, content in one.get("data", {}).items()
                if not kind.startswith("image/")
            )
