"""What a net says of photos: its top classes by name, as a table."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Sequence

import numpy as np

from ..engine.chunks import AUTO, BatchSize, check_batch_size
from ..engine.streaming import engine_for
from ..errors import InputError
from ..graph.outputs import PROBABILITY
from ..graph.picture_input import Preprocess
from ..graph.trace import Net
from ..inspect.samples import samples
from ..support.arrays import is_whole, numbers_of
from ..support.boundary import told
from ..support.labels import Names, names_of
from ..targets.names import ClassNames
from .predict import reader_of


class Prediction(NamedTuple):
    """A class, and how probable the net finds it."""

    name: str | None
    """Of the class; None if it is not known."""
    class_id: int
    probability: float


class Predictions(Sequence[Sequence[Prediction]]):
    """What a net says of photos: for each its top classes, the top one first.

    It prints as a table, and shows itself as one in notebooks.

    Args:
        probabilities: (N, K) float32, of every class.
        class_names: of the classes; None if they are not known.
        photos: what the photos are called.
        top: how many classes of each are listed.

    Example:
        >>> import numpy as np
        >>> found = Predictions(np.array([[0.1, 0.9]]), ["cat", "dog"], ["a.jpg"], 2)
        >>> found[0][0].name, found[0][0].class_id
        ('dog', 1)
        >>> print(found)
        photo  class  id  probability
        a.jpg  dog     1        0.900
               cat     0        0.100
    """

    def __init__(
        self,
        probabilities: np.ndarray,
        class_names: Sequence[str] | None,
        photos: Sequence[str],
        top: int,
    ) -> None:
        self.probabilities, self.class_names, self.photos = probabilities, class_names, photos
        count = min(top, probabilities.shape[1])
        self.class_ids = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
        """(N, top) the classes, the top one first; `[:, 0]` goes as a target."""

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, photo: Any) -> Any:
        if isinstance(photo, slice):
            return [self[number] for number in range(len(self))[photo]]
        found = zip(self.class_ids[photo], self.probabilities[photo][self.class_ids[photo]])
        names = self.class_names
        return [
            Prediction(None if names is None else names[one], int(one), float(chance))
            for one, chance in found
        ]

    def __iter__(self) -> Iterator[list[Prediction]]:
        return (self[number] for number in range(len(self)))

    def __repr__(self) -> str:
        rows = list(self._rows())
        widths = [max(map(len, column)) for column in zip(*rows)]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if title in _NUMBERS else cell.ljust(width)
                for title, cell, width in zip(rows[0], row, widths)
            ).rstrip()
            for row in rows
        )

    def _repr_html_(self) -> str:
        head, *rows = self._rows()
        lines = ["".join(f"<th>{html.escape(cell)}</th>" for cell in head)]
        lines += ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
        return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"

    def _rows(self) -> Iterator[list[str]]:
        """The lines of the table, the titles first; names are left out where there are none."""
        named = self.class_names is not None
        yield ["photo", *(["class"] if named else []), *_NUMBERS]
        for photo, found in zip(self.photos, self):
            for rank, one in enumerate(found):
                name = [one.name or ""] if named else []
                yield [
                    photo if rank == 0 else "",
                    *name,
                    str(one.class_id),
                    f"{one.probability:.3f}",
                ]


_NUMBERS = ("id", "probability")


@told
def predict(
    net: Net,
    photos: Any,
    preprocess: Preprocess | None = None,
    *,
    names: Names | None = None,
    top: int = 5,
    batch_size: BatchSize = AUTO,
) -> Predictions:
    """What a net says of photos: its top classes by name, with their probabilities, as a table.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        photos: a photo, (H, W, 3) or grey (H, W) uint8, or its path; a list or an array of photos,
            of any sizes; or inputs (N, C, H, W) of floats, as the net takes them.
        preprocess: from a photo to the net's input, such as `gm.zoo.IMAGENET`; by default
            `net.preprocess`, which the networks of `gm.zoo` have.
        names: of the classes: a list, a function from ids, or the path of a text file. By default
            those that the net has as its `class_names`.
        top: how many classes are listed for each photo.
        batch_size: how many photos run at once; "auto" finds a quick size.

    Raises:
        InputError: there is no preprocessing, or a photo cannot be prepared.
        PhotoError: a file is no photo.
        TargetError: the net gives no probabilities, or the names are of other classes.
        NetworkError: the net fails.

    Example:
        >>> gm.predict(net, ["cat.jpg", "cup.jpg"], top=2)               # doctest: +SKIP
        photo    class          id  probability
        cat.jpg  Egyptian cat  285        0.394
                 tiger cat     282        0.341
        cup.jpg  espresso      967        0.966
                 consomme      925        0.031
        >>> gm.predict(net, photo)[0][0].name                            # doctest: +SKIP
        'Egyptian cat'
    """
    check_batch_size(batch_size)
    if not is_whole(top) or top < 1:
        raise InputError(f"top={top!r}; expected how many classes are listed, 1 or more")
    given = [photos] if _is_one(photos) else photos
    rows = (sample.row for sample in samples(net, given, preprocess))
    first = next(rows)
    engine = engine_for(
        net, first, PROBABILITY, batch_size, lambda recording: reader_of(recording, PROBABILITY)
    )
    found = np.concatenate(list(engine([row] for row in _all(first, rows))))
    labels = ClassNames.of(net, names).labels(found.shape[1])
    called = names_of(labels)
    return Predictions(found, called, _titles(given, len(found)), top)


def _all(first: np.ndarray, rest: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    yield first
    yield from rest


def _is_one(photos: Any) -> bool:
    """Whether it is a photo or input by itself, rather than several."""
    if isinstance(photos, (str, Path)):
        return True
    if isinstance(photos, (list, tuple)) or not hasattr(photos, "shape"):
        return False
    if numbers_of(photos).dtype != np.uint8:
        return len(photos.shape) == 3
    return len(photos.shape) == 2 or (len(photos.shape) == 3 and photos.shape[-1] in (1, 3))


def _titles(given: Any, count: int) -> list[str]:
    """What the photos are called: by their files, or else by their numbers."""
    if isinstance(given, (list, tuple)) and all(isinstance(one, (str, Path)) for one in given):
        return [Path(one).name for one in given]
    return [str(number) for number in range(count)]
