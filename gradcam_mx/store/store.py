"""A store: what was found of each sample of a data set, however many there are."""

from __future__ import annotations

import bisect
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, Iterator, Sequence, Union

import numpy as np

from ..data.opening import reopen
from ..data.samples import Samples
from ..errors import InputError
from ..support.boundary import told
from ..targets.names import ClassNames
from . import manifest, merging, parts, virelay
from .columns import LIGHT, Traits, arrow, traits_in, unpacked
from .condition import Condition
from .manifest import Manifest
from .parts import Part
from .rows import Row
from .seeing import seen_of

Classes = Union[int, str, Sequence[Union[int, str]], None]
"""Classes by number or name, one or several; None for all."""


class Store:
    """What `gm.run` or `gradcam-mx run` found of a data set, to be looked at.

    It is read shard by shard, so that memory does not grow with it, and may be opened while a run
    writes to it: it is of the shards that stood when it was opened; `refresh` gives it with those
    that were added.

    Args:
        path: of its folder.

    Raises:
        InputError: there is no store.
        DependencyError: pyarrow is not installed.

    Example:
        >>> store = gm.Store("found")                                    # doctest: +SKIP
        >>> wrong = store.filter(label=3, right=False)                   # doctest: +SKIP
        >>> len(store), len(wrong), wrong[0].place                       # doctest: +SKIP
        (20000, 41, 'dog/0131.png')
        >>> wrong.mean_map("grad_cam").shape                             # doctest: +SKIP
        (7, 7)
    """

    @told
    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        self.manifest: Manifest = manifest.read(self.path)
        """What it was made of."""
        self._parts = parts.parts_of(self.path)

    def __repr__(self) -> str:
        about = self.manifest
        return (
            f"<Store {self.path}: {len(self)} of {about.samples} samples, "
            f"{', '.join(self.methods)}>"
        )

    def __len__(self) -> int:
        """How many samples it has, those of which nothing was found among them."""
        return sum(one.count for one in self._parts)

    def __iter__(self) -> Iterator[Row]:
        return self._rows(self.columns)

    def __getitem__(self, number: int) -> Row:
        """The sample of that number among those that are meant.

        Raises:
            IndexError: there is none.
        """
        count = len(self)
        if not -count <= number < count:
            raise IndexError(f"sample {number} of {count}")
        (row,) = self.at([number % count], self.columns)
        return row

    @told
    def at(self, places: Sequence[int], columns: Sequence[str] = LIGHT) -> list[Row]:
        """The samples in these places among those that are meant, each with these columns alone.

        Args:
            places: from 0 on.
            columns: their names.

        Raises:
            InputError: there is no such place, or no such column.
        """
        names = self._checked(columns)
        ends = list(accumulate(one.count for one in self._parts))
        count = ends[-1] if ends else 0
        of_parts: dict[int, list[int]] = {}
        for one in places:
            if not 0 <= one < count:
                raise InputError(f"there is no sample {one}: they go from 0 to {count - 1}")
            of_parts.setdefault(bisect.bisect_right(ends, one), []).append(one)
        found: dict[int, Row] = {}
        for number, own in of_parts.items():
            part = self._parts[number]
            start, traits = ends[number] - part.count, traits_in(part.schema)
            table = part.read(names).take([one - start for one in own])
            for one, cells in zip(own, parts.rows_of(table)):
                found[one] = Row(self.manifest, cells, traits)
        return [found[one] for one in places]

    @property
    def methods(self) -> list[str]:
        """The names of the methods that were run."""
        return list(self.manifest.methods)

    @told
    def filter(
        self,
        *,
        label: Classes = None,
        predicted: Classes = None,
        right: bool | None = None,
        failed: bool | None = None,
        score: tuple[float, float] | None = None,
        probability: tuple[float, float] | None = None,
        place: str | None = None,
    ) -> Store:
        """The samples that meet all that is given, as a store.

        Args:
            label: their true class, by number or name, or several.
            predicted: their top class, likewise.
            right: whether the top class is the true class.
            failed: whether nothing was found of them.
            score: the lowest and highest number of what was explained.
            probability: the lowest and highest probability of the top class.
            place: a pattern of what the data set calls them, such as "cats/*.jpg".

        Raises:
            TargetError: there is no class of a name, or the names are not known.
        """
        wanted = Condition(
            self._ids(label), self._ids(predicted), right, failed, score, probability, place
        )
        found = self.refresh()
        found._parts = [Part(one.shard, (*one.conditions, wanted)) for one in self._parts]
        return found

    def refresh(self) -> Store:
        """All of the store as it stands now."""
        return Store(self.path)

    @told
    def samples(self) -> Samples:
        """The data set, opened again: `samples().read(row.number)` has the photo of a row.

        Raises:
            InputError: it was in memory.
            DataError: it is not there any more.
        """
        return reopen(self.manifest.data)

    @told
    def photo(self, row: Row, samples: Samples | None = None) -> np.ndarray:
        """What the net saw of a sample, (H, W, 3) uint8; of one that was no photo, stretched.

        Args:
            row: of this store.
            samples: the data set; by default it is opened again.

        Raises:
            InputError: the data set was in memory, or is one of inputs that are no pictures.
            DataError, PhotoError: it is not there any more.
        """
        return self._seen(self._samples if samples is None else samples)(row.number)

    # -- columns -----------------------------------------------------------------------------------

    @cached_property
    def columns(self) -> list[str]:
        """The names of all columns; `gradcam_mx.store.columns` tells what they hold."""
        return list(dict.fromkeys(name for one in self._parts for name in one.schema.names))

    @cached_property
    def traits(self) -> dict[str, Traits]:
        """Name of a method → what all its maps have in common, of those that have some."""
        found: dict[str, Traits] = {}
        for one in self._parts:
            found.update(traits_in(one.schema))
        return found

    @told
    def rows(self, columns: Sequence[str] = LIGHT) -> Iterator[Row]:
        """The samples, one after the other, each with these columns alone.

        Args:
            columns: their names.
        """
        return self._rows(self._checked(columns))

    @told
    def batches(self, columns: Sequence[str] = LIGHT) -> Iterator[dict[str, np.ndarray]]:
        """Columns of each shard in turn, as numpy has them: NaN or None where there is nothing.

        Args:
            columns: their names.
        """
        names = self._checked(columns)
        return (
            {name: parts.as_array(table[name]) for name in names}
            for table in (one.read(names) for one in self._parts)
        )

    @told
    def column(self, name: str) -> np.ndarray:
        """A column of numbers or texts as a whole, (N,).

        Args:
            name: of it.
        """
        found = [one[name] for one in self.batches([name])]
        return np.concatenate(found) if found else np.zeros(0)

    @told
    def maps(self, method: str) -> Iterator[tuple[list[int], np.ndarray]]:
        """The maps of a method, a shard after the other: the numbers of the samples, and (n, h, w).

        Samples without a map are left out; where sizes differ within a shard, each size comes for
        itself.

        Args:
            method: its name.

        Raises:
            InputError: there is no such method.
        """
        self._check_method(method)
        names = ["number", *(f"{method}.{one}" for one in ("shape", "scale", "map"))]
        return self._maps(names)

    def _maps(self, names: Sequence[str]) -> Iterator[tuple[list[int], np.ndarray]]:
        for part in self._parts:
            of_sizes: dict[tuple[int, ...], list[tuple[int, np.ndarray]]] = {}
            for row in parts.rows_of(part.read(names)):
                number, shape, scale, kept = (row[name] for name in names)
                if kept is not None:
                    of_sizes.setdefault(tuple(shape), []).append(
                        (number, unpacked(shape, scale, kept))
                    )
            for found in of_sizes.values():
                yield [number for number, _ in found], np.stack([one for _, one in found])

    @told
    def mean_map(self, method: str) -> np.ndarray:
        """The mean of all maps of a method, each first divided by its largest absolute value.

        Args:
            method: its name.

        Raises:
            InputError: there are no maps, or of several sizes.
        """
        total, count = None, 0
        for _, maps in self.maps(method):
            if total is not None and maps.shape[1:] != total.shape:
                raise InputError(
                    f"maps of {method} are of several sizes, {total.shape} and {maps.shape[1:]}"
                )
            largest = np.abs(maps).reshape(len(maps), -1).max(axis=1)
            largest = np.where(largest > 0, largest, 1).reshape(-1, *[1] * (maps.ndim - 1))
            summed = (maps / largest).sum(axis=0, dtype=np.float64)
            total, count = summed if total is None else total + summed, count + len(maps)
        if total is None:
            raise InputError(f"there is no map of {method} among the {len(self)} samples")
        return np.asarray(total / count, np.float32)

    # -- other packages ----------------------------------------------------------------------------

    @told
    def to_arrow(self, columns: Sequence[str] = LIGHT) -> Any:
        """Columns as a table of Arrow.

        Args:
            columns: their names; `columns` has all.
        """
        names = self._checked(columns)
        tables = [one.read(names) for one in self._parts]
        return arrow().concat_tables(tables, promote_options="default")

    @told
    def to_pandas(self, columns: Sequence[str] = LIGHT) -> Any:
        """Columns as a data frame of pandas.

        Args:
            columns: their names; `columns` has all.
        """
        return self.to_arrow(columns).to_pandas()

    @told
    def to_virelay(self, folder: str | Path, method: str, samples: Samples | None = None) -> Path:
        """HDF5 files of what the net saw and of the maps, in the layout that ViRelAy reads.

        Args:
            folder: a new one.
            method: whose maps are written, enlarged to the net's input.
            samples: the data set; by default it is opened again.

        Returns:
            The path of the project file: `python -m virelay PATH` shows it.

        Raises:
            InputError: there is no such method, or the data set cannot be opened again.
            OutputError: there is something in the folder, or it cannot be written.
        """
        self._check_method(method)
        place = Path(folder).expanduser()
        seen = self._seen(self._samples if samples is None else samples)
        return virelay.write(
            self._parts, self.manifest, self.columns, place, method, seen, self.path.name
        )

    @staticmethod
    @told
    def merge(stores: Sequence[str | Path], path: str | Path) -> Store:
        """One store of what several have, of the same net and methods.

        Args:
            stores: their folders.
            path: of the new one.

        Raises:
            InputError: they are of different nets or methods.
            OutputError: there is something in the folder, or it cannot be written.
        """
        out = Path(path).expanduser()
        merging.merge([Path(one).expanduser() for one in stores], out)
        return Store(out)

    # -- inside ------------------------------------------------------------------------------------

    @cached_property
    def _samples(self) -> Samples:
        return self.samples()

    def _seen(self, samples: Samples) -> virelay.Seen:
        """What gives the pixels that the net saw of a sample."""
        return lambda number: seen_of(self.manifest, samples.read(number))

    def _rows(self, columns: Sequence[str]) -> Iterator[Row]:
        for part in self._parts:
            traits = traits_in(part.schema)
            for cells in parts.rows_of(part.read(columns)):
                yield Row(self.manifest, cells, traits)

    def _ids(self, given: Classes) -> list[int] | None:
        """The numbers of classes."""
        if given is None:
            return None
        names = self.manifest.class_names
        find = ClassNames(names).finder(None if names is None else len(names))
        alone = isinstance(given, (int, np.integer, str))
        return [int(find(one)) for one in ([given] if alone else given)]  # type: ignore[union-attr]

    def _checked(self, columns: Sequence[str]) -> list[str]:
        known = self.columns
        unknown = [one for one in columns if one not in known]
        if unknown and known:
            raise InputError(
                f"the store has no column {', '.join(unknown)}; it has {', '.join(known)}"
            )
        return list(columns)

    def _check_method(self, method: str) -> None:
        if method not in self.manifest.methods:
            raise InputError(
                f"the store has no method {method!r}; it has {', '.join(self.methods) or 'none'}"
            )
