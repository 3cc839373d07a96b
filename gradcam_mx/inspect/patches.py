"""The patches of a data set that units of a layer respond to most strongly, or that are most
relevant there."""

from __future__ import annotations

import bisect
from collections import deque
from dataclasses import dataclass
from typing import Any, Generic, Iterator, Sequence, Tuple, TypeVar

import numpy as np

from .. import picture
from ..engine.chunks import BatchSize, check_batch_size
from ..engine.recording import Recording
from ..engine.streaming import Reader, engine_for, numbers
from ..errors import InputError, LayerError
from ..graph.outputs import LayerOutputs
from ..graph.picture_input import Preprocess
from ..graph.trace import Net, trace
from ..support import html
from ..support.arrays import is_whole
from ..support.boundary import told
from ..support.boxes import Box
from ..support.equality import equal_by_fields
from ..support.progress import bar
from .receptive_field import ReceptiveField, check_positions
from .samples import Images, Sample, samples

T = TypeVar("T")

Where = Tuple[Sample, Tuple[int, ...]]
"""An image, and a position in a layer's output."""


@equal_by_fields
@dataclass(frozen=True, eq=False, repr=False)
class Patch:
    """What excited a unit.

    Args:
        activation: of the unit, at that position.
    """

    unit: int
    """The channel of the layer."""
    activation: float
    index: int
    """The number of the image in the data set."""
    position: tuple[int, ...]
    """Where in the layer's output: (row, column)."""
    box: Box | None
    """The part of the input that the unit sees from there: a slice of rows, one of columns; None if
    it sees nothing but padding."""
    picture: np.ndarray
    """That part of the photo, (h, w, 3) uint8; of the input, (C, h, w), where there is no photo, or
    it is not known which part of it the net saw."""
    relevance: float | None = None
    """Of the unit there, if the patch was chosen by that."""

    def __repr__(self) -> str:
        where = ", ".join(map(str, self.position))
        relevance = "" if self.relevance is None else f", relevance {self.relevance:.4g}"
        return (
            f"<Patch of unit {self.unit}, activation {self.activation:.4g}{relevance}, "
            f"image {self.index}, at ({where})>"
        )

    def _repr_png_(self) -> bytes | None:
        return picture.png(shown_picture(self.picture))

    def _repr_html_(self) -> str:
        return html.image(self._repr_png_(), repr(self))


def shown_picture(part: np.ndarray) -> np.ndarray:
    """A part of a photo, or of an input (C, h, w), as a picture."""
    is_photo = part.dtype == np.uint8 or part.ndim < 3 or 0 in part.shape
    return part if is_photo else picture.of_input(part[None])[0]


@told
def max_activating_patches(
    net: Net,
    images: Images,
    layer: Any,
    units: Sequence[int],
    k: int = 9,
    *,
    preprocess: Preprocess | None = None,
    batch_size: BatchSize = 32,
    progress: bool = True,
) -> list[list[Patch]]:
    """For each unit of a layer the patches of a data set that excite it most, the strongest first.

    Zeiler & Fergus 2014, arXiv:1311.2901, section 4.1. A unit is a channel; of each image its
    strongest position counts. A patch is exactly what the unit sees from there. Draw them by
    `gm.picture.patch_grid`; `gm.guided_backprop(net, x, gm.targets.Unit(layer, unit, position))`
    and `gm.deconvnet` show what in a patch it was.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params); it has to be traceable.
        images: an array (N, C, H, W), a Gluon Dataset or DataLoader, or another iterable, of
            inputs (C, H, W), or of photos (H, W, 3) uint8; all of one size once prepared.
        layer: a Block, a dotted path, a block's name, or the name of an output.
        units: channels of the layer.
        k: how many patches for each unit, at most one of each image.
        preprocess: from a photo to the net's input; by default the net's own, if it has one.
        batch_size: how many images run at once; "auto" finds a quick size.
        progress: whether to show a bar if it takes longer than two seconds.

    Returns:
        For each unit a list of up to k of `Patch`.

    Raises:
        LayerError: no such layer, or no such unit.
        InputError, NetworkError: what they say.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> images = mx.nd.random.normal(shape=(4, 3, 224, 224))
        >>> found = gm.inspect.max_activating_patches(net, images, "features.3", [0, 5], k=2)
        >>> [len(patches) for patches in found]
        [2, 2]
    """
    check_batch_size(batch_size)
    if not is_whole(k) or k < 1:
        raise InputError(f"k is {k!r}; expected 1 or more patches")
    if isinstance(units, (str, int)):
        raise InputError(f"units is {units!r}; expected a sequence of channels, such as [3, 17]")
    graph, units = trace(net), list(units)
    every = samples(net, images, preprocess)
    first = next(every)
    engine = engine_for(
        graph,
        first.row,
        LayerOutputs((layer,)),
        batch_size,
        lambda recording: _reader(recording, layer, units),
    )
    strongest: list[Strongest[Where]] = [Strongest(k) for _ in units]
    waiting: deque[Sample] = deque()

    def rows() -> Iterator[list[np.ndarray]]:
        with bar(what="strongest activations", show=progress, unit="image") as done:
            sample: Sample | None = first
            while sample is not None:
                waiting.append(sample)  # until its results come
                yield [sample.row]
                done.update()
                sample = next(every, None)

    for found in engine(rows()):
        sample = waiting.popleft()
        for kept, (activation, *position) in zip(strongest, found[0]):
            kept.add(float(activation), (sample, tuple(int(one) for one in position)))
    field = ReceptiveField.of(graph, layer, (1, *first.row.shape))
    return picture.ShownList(
        picture.ShownList(patch_of(field, unit, one, *where) for one, where in kept.found)
        for unit, kept in zip(units, strongest)
    )


class Strongest(Generic[T]):
    """The k strongest responses of a unit so far; of equal ones those that came first.

    Args:
        k: how many are kept.
    """

    def __init__(self, k: int) -> None:
        self._k = k
        self._keys: list[float] = []
        self.found: list[tuple[float, T]] = []
        """Each with where it was."""

    def add(self, response: float, where: T) -> None:
        """Take notice of a response.

        Args:
            response: how strong it is.
            where: it was.
        """
        place = bisect.bisect_right(self._keys, -response)
        if place < self._k:
            self._keys.insert(place, -response)
            self.found.insert(place, (response, where))
            del self._keys[self._k :], self.found[self._k :]


def _reader(recording: Recording, layer: Any, units: list[int]) -> Reader:
    """Reads the strongest activation of each unit and its position: (rows, units, 1 + axes)."""
    shape = numbers(recording, recording.values())[0].shape
    check_positions(layer, shape)
    wrong = [unit for unit in units if not is_whole(unit) or not 0 <= unit < shape[1]]
    if wrong or not units:
        raise LayerError(
            f"the layer {layer!r} has the units 0 to {shape[1] - 1}; got {wrong or units}"
        )

    def read(outputs: list[Any]) -> np.ndarray:
        maps = numbers(recording, outputs)[0][:, units]
        flat = maps.reshape(*maps.shape[:2], -1)
        best = flat.argmax(axis=2)
        strength = np.take_along_axis(flat, best[..., None], axis=2)[..., 0]
        positions = np.unravel_index(best, maps.shape[2:])
        return np.stack([strength, *positions], axis=-1).astype(np.float64)

    return read


def patch_of(
    field: ReceptiveField, unit: int, activation: float, sample: Sample, position: tuple[int, ...]
) -> Patch:
    """What a unit sees of an image from a position.

    Args:
        field: of the layer.
        unit: a channel.
        activation: of the unit there.
        sample: the image.
        position: in the layer's output.
    """
    box, shown = field.box(position, unit), sample.shown
    cut = box if box is not None else (slice(0, 0),) * len(position)
    if not sample.is_photo:
        shown, cut = field.channels_first(shown), (slice(None), *cut)
    return Patch(unit, activation, sample.index, position, box, shown[cut].copy())
