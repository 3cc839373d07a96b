"""The samples that snapshots show: copied, checked, and what is known of them."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from .. import picture
from ..engine import inputs
from ..engine.inputs import Input
from ..errors import InputError
from ..graph import outputs
from ..support.arrays import numbers_of


class Shown:
    """A fixed set of samples.

    Args:
        x: the samples, as the net takes them.
        labels: the true class of each; None if they have none.
        names: the classes' names; None if they have none.
        photos: what the net saw; None for the samples themselves.
        order: "RGB" or "BGR", the order of the channels in `x`.

    Raises:
        InputError: what does not go together.
    """

    def __init__(self, x: Input, labels: Any, names: Any, photos: Any, order: str) -> None:
        self.x = _copied(x)
        self.count = len(inputs.as_tuple(self.x)[0])
        self.labels = None if labels is None else _class_ids(labels, self.count)
        self._names = None if names is None else _class_names(names)
        if order not in ("RGB", "BGR"):
            raise InputError(f"order={order!r}; expected RGB or BGR")
        self.order = order
        self._photos = None if photos is None else self._checked(photos)

    def _checked(self, photos: Any) -> np.ndarray:
        photos = numbers_of(photos)
        if not isinstance(self.x, tuple) and self.x.ndim == 4:
            photos = picture.check_photos(photos)
        if len(photos) != self.count:
            raise InputError(
                f"{len(photos)} photos for {self.count} samples; expected one for each"
            )
        return photos

    @property
    def are_of_classes(self) -> bool:
        """Whether labels or names say so."""
        return not (self._names is None and self.labels is None)

    def check_classes(self, shape: Sequence[int]) -> None:
        """Refuse names and labels that do not fit an output.

        Raises:
            InputError: it holds no classes, or others.
        """
        if not self.are_of_classes:
            return
        if not outputs.holds_classes(shape):
            raise InputError(
                f"labels and names are of classes; the net's output has shape "
                f"{tuple(shape)}, which holds no score for each class: leave them out"
            )
        count = 2 if outputs.is_single(shape) else shape[1]
        if self._names is not None and len(self._names) != count:
            raise InputError(
                f"{len(self._names)} names for a net with {count} classes; expected "
                "one for each, class 0 first"
            )
        wrong = [one for one in self.labels or () if one >= count]
        if wrong:
            raise InputError(
                f"the label {wrong[0]} is out of range: the net has {count} classes, "
                f"0 to {count - 1}"
            )

    def photos(self, x: np.ndarray) -> np.ndarray:
        """What the net saw; by default the input that is explained, as pictures."""
        if self._photos is None:
            self._photos = picture.of_input(x, self.order)
        return self._photos

    def name(self, class_id: int) -> str:
        """What a class is called."""
        return f"class {class_id}" if self._names is None else self._names[class_id]


def _copied(x: Input) -> Any:
    """The samples as numpy arrays of our own, checked."""
    arrays = inputs.as_tuple(x)
    for array in arrays:
        # numbers of things, such as words, may be one of several inputs
        inputs.check(array, takes_integers=len(arrays) > 1)
    copies = tuple(np.array(numbers_of(array)) for array in arrays)
    return copies if isinstance(x, tuple) else copies[0]


def _class_ids(labels: Any, samples: int) -> list[int]:
    numbers = numbers_of(labels)
    if numbers.shape == (samples, 1):
        numbers = numbers[:, 0]
    if numbers.shape != (samples,):
        raise InputError(
            f"labels of shape {numbers.shape} for {samples} samples; expected the "
            "true class of each sample, one number"
        )
    # losses take classes as floats too
    if numbers.dtype.kind not in "iuf" or not (numbers >= 0).all() or (numbers % 1).any():
        raise InputError(f"the labels are {labels!r}; expected class ids, whole numbers from 0 on")
    return [int(one) for one in numbers]


def _class_names(names: Any) -> list[str]:
    if hasattr(names, "name"):
        return [names.name(number) for number in range(len(names))]
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise InputError(f"names={names!r}; expected a sequence with the name of each class")
    return [str(name) for name in names]
