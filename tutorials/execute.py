"""Runs tutorials and keeps their outputs: python tutorials/execute.py [NOTEBOOK ...]

Each notebook runs in a folder of its own that is gone afterwards, by this Python, without any
installed kernel. What is kept says nothing of the machine. Nothing is kept if a cell fails.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Sequence
from unittest import mock

import nbformat
from ipykernel.kernelspec import write_kernel_spec
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
TIMEOUT = 300
"""Seconds that a cell may take."""


@contextmanager
def own_kernel(folder: Path) -> Iterator[None]:
    """This Python as the kernel "python3", all of whose files are in a folder."""
    write_kernel_spec(str(folder / "kernels/python3"))
    places = {
        "JUPYTER_PATH": folder,
        "JUPYTER_RUNTIME_DIR": folder / "runtime",
        "IPYTHONDIR": folder / "ipython",
    }
    with mock.patch.dict(os.environ, {name: str(place) for name, place in places.items()}):
        yield


def executed(path: Path, cwd: Path) -> Any:
    """A notebook with the outputs of a run in the folder `cwd`; raises what a cell raises."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder, own_kernel(Path(folder)):
        NotebookClient(
            notebook,
            timeout=TIMEOUT,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": str(cwd)}},
        ).execute()
    return notebook


def tidy(notebook: Any) -> Any:
    """The notebook without what differs from machine to machine, or from run to run."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number:02d}"
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if "outputs" in cell:
            cell.outputs = _joined(cell.outputs)
    return notebook


def _joined(outputs: Sequence[Any]) -> list[Any]:
    """What was printed in pieces, in one: where it is cut is a matter of time."""
    joined: list[Any] = []
    for one in outputs:
        if (
            joined
            and one.output_type == "stream" == joined[-1].output_type
            and one.name == joined[-1].name
        ):
            joined[-1].text += one.text
        else:
            joined.append(one)
    return joined


def main(names: Sequence[str]) -> None:
    """Run the notebooks that are named, or all, one after the other."""
    for path in [Path(name) for name in names] or sorted(HERE.glob("*.ipynb")):
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            notebook = tidy(executed(path, Path(folder)))
        nbformat.write(notebook, path)
        print(
            f"{path.name}: {time.perf_counter() - start:.1f} s, {path.stat().st_size / 1000:.0f} kB"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
