"""The files of a report: one page, or an index and pages in a folder beside it; all, or none."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from ...errors import GradCamError, InputError, OutputError
from ...support import files
from . import sealing

SUFFIXES = (".html", ".htm")


class Files:
    """Where the files of a report go; they come there all together, at the end.

    Args:
        path: of the report.

    Raises:
        OutputError: something else is there, or nothing can be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.with_name(f"{path.stem}-files")
        self._check()
        self._scratch: Path | None = None

    def _check(self) -> None:
        if self.path.suffix.lower() not in SUFFIXES:
            raise OutputError(
                f"cannot write {self.path}: a report is a page, and its name ends in .html"
            )
        is_ours = False
        if self.path.exists():
            is_ours = self.path.is_file() and sealing.is_report(self.path)
            if not is_ours:
                raise self._refused(self.path)
        if self.folder.exists() and not (self.folder.is_dir() and self._holds_pages(is_ours)):
            raise self._refused(self.folder)
        place = next(one for one in self.path.absolute().parents if one.exists())
        try:
            with tempfile.TemporaryFile(dir=place):
                pass
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}") from error

    def _holds_pages(self, has_index: bool) -> bool:
        """Whether the folder holds what this report's index names, and nothing else."""
        there = {one.name for one in self.folder.iterdir()}
        if not has_index:
            return not there
        pages = sealing.read(self.path).record.get("pages", [])
        return there <= {one["file"].rpartition("/")[2] for one in pages}

    def _refused(self, there: Path) -> OutputError:
        return OutputError(
            f"cannot write {self.path}: {there} is there and is no report of gradcam-mx, and "
            "nothing of yours is written over; choose another name"
        )

    @contextmanager
    def writing(self) -> Iterator[Files]:
        """While it is entered, pages can be added; what was added is moved or gone at the end.

        Raises:
            OutputError: something cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(
                dir=self.path.parent, prefix=".gradcam-mx-"
            ) as scratch:
                self._scratch = Path(scratch)
                yield self
        except GradCamError:
            raise
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}") from error
        finally:
            self._scratch = None

    def add(self, number: int, page: str) -> dict[str, str]:
        """Write a page beside the index; gives its name, as the index names it, and its hash.

        Args:
            number: of the page, from 1 on.
            page: what is in it.
        """
        assert self._scratch is not None
        name, data = f"{number}.html", page.encode("utf-8")
        (self._scratch / name).write_bytes(data)
        return {
            "file": f"{self.folder.name}/{name}",
            "sha256": hashlib.sha256(data).hexdigest(),
        }

    def finish(self, page: str) -> None:
        """Move all pages to their place, and write the report itself.

        Args:
            page: what is in it.
        """
        assert self._scratch is not None
        added = sorted(self._scratch.glob("*.html"))
        if self.folder.exists():
            shutil.rmtree(self.folder)
        if added:
            self.folder.mkdir()
            for one in added:
                one.replace(self.folder / one.name)
        with files.whole(self.path) as part:
            part.write_bytes(page.encode("utf-8"))


def page_of(path: Path, name: str) -> Path:
    """Where a page is that an index names.

    Args:
        path: of the index.
        name: of the page, as the index names it.

    Raises:
        InputError: it is none of its folder.
    """
    folder, _, file = name.rpartition("/")
    if not file or not folder or "/" in folder or {folder, file} & {".", ".."}:
        raise InputError(f"{path} names a page {name!r}, which is none of its own")
    return path.parent / folder / file
