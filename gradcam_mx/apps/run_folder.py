"""The folder that a run writes to: made by this program, or not there yet.

What a user has is never written over. A folder that holds anything else than runs is refused before
something is computed, and in a folder of ours a name that is taken by a file that no run has
recorded is passed over. Each run that was asked for the same has one folder, where photos are added
or written anew; a run with other settings has another.
"""

from __future__ import annotations

import itertools
import json
import os
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

from .._version import __version__
from ..errors import OutputError
from ..support import files
from ..support.ours import PROGRAM, RECORD, is_run, settings_of
from ..support.paths import absolute, source_of
from .results import Results, Row

RUNS = Path("explanations")
"""Where each run has a folder of its own, if none is named."""

_SCRATCH = ".gradcam-mx-"
_LONGEST = 150
"""Bytes of a photo's name that are kept: file systems allow 255, with what is added."""


# -- before anything is computed ---------------------------------------------------------------


def check_out(out: Path | None) -> None:
    """Find out whether a run may write there; nothing is left there.

    Args:
        out: the folder, new or one of this program's; None for one that will be made for the run.

    Raises:
        OutputError: it holds something else, or cannot be written to.
    """
    folder = RUNS if out is None else out
    if out is not None and folder.is_dir():
        _check_ours(folder)
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise OutputError(
            f"cannot write to {folder}: {error.strerror or error}; choose another folder with --out"
        ) from error


def _check_ours(folder: Path) -> None:
    foreign = _foreign(folder)
    if not foreign:
        return
    others = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
    raise OutputError(
        f"cannot write to {folder}: it holds what gradcam-mx did not make ({foreign[0]}{others}), "
        f"and nothing of yours is written over; choose a new folder with --out, such as "
        f"{folder / 'explanations'}"
    )


def _foreign(folder: Path) -> list[str]:
    """The names of what no run has made, in a folder that is no run's."""
    try:
        if is_run(folder):
            return []
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise OutputError(
            f"cannot write to {folder}: {error.strerror or error}; choose another folder with --out"
        ) from error
    return [
        one.name
        for one in entries
        if not one.name.startswith(_SCRATCH)
        and (one.is_symlink() or not one.is_dir() or not _holds_runs(one))
    ]


def _holds_runs(folder: Path) -> bool:
    return is_run(folder) or (any(folder.iterdir()) and not _foreign(folder))


# -- the folder of one run -------------------------------------------------------------------------


class RunFolder:
    """The folder of one run; it is made when the first photo is written.

    Args:
        out: the folder that was asked for; None for one that is made for this run.
        settings: what the run was asked for, as JSON has it.
    """

    def __init__(self, out: Path | None, settings: Mapping[str, Any]) -> None:
        # as it is read back: numbers and lists, no tuples
        self._settings = json.loads(
            json.dumps({**settings, "version": __version__}, default=str, sort_keys=True)
        )
        self._is_new = out is None
        self.path = next(one for one in _candidates(out) if self._fits(one))
        self._results = Results(self.path)
        self._planned: set[str] = set()
        self._held: dict[str, Sequence[Row]] = {}

    def _fits(self, folder: Path) -> bool:
        """Whether it is not there yet, empty, or of a run that was asked for the same."""
        if not folder.exists():
            return True
        if self._is_new:
            return False
        if is_run(folder):
            return bool(settings_of(folder) == self._settings)
        return folder.is_dir() and not any(folder.iterdir())

    def names(
        self, photos: Sequence[Path], base: Path, files_of: Callable[[str], Iterable[str]]
    ) -> list[str]:
        """What each photo is called in this folder: its place below `base`, without its suffix.

        Photos that differ in nothing else keep their suffix, "coffee_png" and "coffee_jpg". One
        that was written before is called as it was.

        Args:
            photos: their paths.
            base: a folder that all are in.
            files_of: gives the files, relative to this folder, for such a name.
        """
        plain = [_place(path, base) for path in photos]
        counts: dict[str, int] = {}
        for one in plain:
            counts[one.casefold()] = counts.get(one.casefold(), 0) + 1
        return [
            self._free(
                path,
                one if counts[one.casefold()] == 1 else _with_suffix(one, path.suffix),
                files_of,
            )
            for path, one in zip(photos, plain)
        ]

    def _free(self, path: Path, name: str, files_of: Callable[[str], Iterable[str]]) -> str:
        own = set(self._results.files_of(source_of(path)))
        before = [one[: -len(".npz")] for one in own if one.endswith(".npz")]
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        for one in itertools.chain(before, [name], numbered):
            wanted = {file.casefold() for file in files_of(one)}
            taken = (file for file in files_of(one) if file not in own and self._has(file))
            if not wanted & self._planned and not any(taken):
                self._planned |= wanted
                return one
        raise AssertionError("there is always another number")

    def _has(self, file: str) -> bool:
        return os.path.lexists(self.path / file)

    def check_free(self, source: str, names: Iterable[str]) -> None:
        """Find out, before anything is computed, whether files of a source may be written.

        Args:
            source: as its rows name it.
            names: of the files, relative to this folder.

        Raises:
            OutputError: a file that no run has written has one of these names.
        """
        own = self._results.files_of(source)
        taken = [one for one in names if one not in own and self._has(one)]
        if taken:
            raise OutputError(
                f"cannot write {self.path / taken[0]}: there is a file that gradcam-mx did not "
                "make, and nothing of yours is written over; choose another folder with --out"
            )

    @contextmanager
    def adding(self, source: str) -> Iterator[Path]:
        """A place to write the files of a source to, which are moved into the folder at the end.

        So nothing half-written ever stands there. What was written of the source before goes.

        Args:
            source: as `source_of` names it.

        Raises:
            OutputError: they cannot be written, or a file that is no run's is in the way.
        """
        try:
            self._start()
            with tempfile.TemporaryDirectory(dir=self.path, prefix=_SCRATCH) as folder:
                scratch = Path(folder)
                yield scratch
                self._move(scratch, set(self._results.files_of(source)))
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(f"cannot write to {self.path}: {error.strerror or error}") from error

    def _move(self, scratch: Path, before: set[str]) -> None:
        made = [one for one in sorted(scratch.rglob("*")) if one.is_file()]
        names = [one.relative_to(scratch).as_posix() for one in made]
        for name in names:
            if name not in before and self._has(name):
                raise OutputError(
                    f"cannot write {self.path / name}: since this run began, something else was "
                    "written there; run it again"
                )
        for name in names:
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        for file, name in zip(made, names):
            file.replace(self.path / name)
        for name in before - set(names):
            if self._has(name):
                (self.path / name).unlink()

    def record(self, source: str, rows: Sequence[Row]) -> None:
        """Say in the table of results what was found of a source.

        Args:
            source: as `source_of` names it.
            rows: of it.

        Raises:
            OutputError: the table cannot be written.
        """
        held, self._held = self._held, {}
        try:
            self._start()
            for one, found in {**held, source: rows}.items():
                self._results.add(one, found)
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(f"cannot write to {self.path}: {error.strerror or error}") from error

    def record_failure(self, source: str, said: str) -> None:
        """Say in the table of results what went wrong with a source.

        What was found of it before stays. For failures alone no folder is made.

        Args:
            source: as `source_of` names it.
            said: the message.

        Raises:
            OutputError: the table cannot be written.
        """
        rows = [*self._results.found_of(source), {"error": said}]
        if is_run(self.path):
            self.record(source, rows)
        else:
            self._held[source] = rows

    def _start(self) -> None:
        if self._is_new:  # another run may have begun in the same second
            self.path = next(one for one in _candidates(None) if _made(one))
            self._results = Results(self.path)
            self._is_new = False
        self.path.mkdir(parents=True, exist_ok=True)
        if is_run(self.path):
            return
        record = {"program": PROGRAM, "settings": self._settings}
        with files.whole(self.path / RECORD) as part:
            part.write_text(json.dumps(record, indent=1), encoding="utf-8")


def _made(folder: Path) -> bool:
    """Whether it could be made, and was not there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def _candidates(out: Path | None) -> Iterator[Path]:
    if out is None:
        now = RUNS / time.strftime("%Y-%m-%d_%H-%M-%S")
        yield now
        yield from (Path(f"{now}-{number}") for number in itertools.count(2))
    else:
        yield out
        yield from (out / f"run-{number}" for number in itertools.count(2))


def _place(path: Path, base: Path) -> str:
    parent = absolute(path).parent.relative_to(base)
    stem = os.fsencode(path.stem)[:_LONGEST].decode("utf-8", "ignore") or "photo"
    return (parent / stem).as_posix()


def _with_suffix(name: str, suffix: str) -> str:
    return f"{name}_{suffix[1:].lower()}" if suffix else name
