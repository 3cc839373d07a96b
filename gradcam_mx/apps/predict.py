"""A net as the plain function that explainers of other packages ask for."""

from __future__ import annotations

import threading
from typing import Any, Callable, Sequence

import numpy as np

from .. import picture
from ..engine.chunks import AUTO, BatchSize, check_batch_size
from ..engine.recording import Recording
from ..engine.streaming import Reader, engine_for
from ..errors import InputError, TargetError
from ..graph.outputs import PROBABILITY, OutputChoice, probabilities
from ..graph.picture_input import Preprocess, preprocess_of
from ..graph.trace import Net
from ..support.arrays import numbers_of
from ..support.boundary import told


@told
def predict_fn(
    net: Net,
    preprocess: Preprocess | None = None,
    *,
    output: OutputChoice = PROBABILITY,
    batch_size: BatchSize = AUTO,
) -> Callable[[Sequence[np.ndarray]], np.ndarray]:
    """The net as a function from photos to probabilities, for lime, shap, scikit-learn and others.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        preprocess: from a photo (H, W, 3) uint8 RGB to the net's input (1, C, h, w); by default
            `net.preprocess`, which the networks of `gm.zoo` have.
        output: "probability" of the classes; None for the scores before a softmax or sigmoid, or
            the number or name of another output.
        batch_size: how many photos run at once; "auto" finds a quick size.

    Returns:
        A function from photos, (N, H, W, 3) uint8 or numbers from 0 to 255, to (N, K) float32; of a
        net with one output value, the logit of a sigmoid, to (N, 2). It may be called from several
        threads.

    Raises:
        InputError: there is no preprocessing; from the function: photos of another shape or range.
        TargetError, NetworkError: from the function: the net gives no class scores, or fails.

    Example:
        >>> net = gm.zoo.squeezenet1_1()                                         # doctest: +SKIP
        >>> explainer = lime.lime_image.LimeImageExplainer()                     # doctest: +SKIP
        >>> explainer.explain_instance(photo, gm.predict_fn(net))                # doctest: +SKIP
    """
    check_batch_size(batch_size)
    prepare = preprocess_of(net, preprocess)
    if not callable(prepare):
        raise InputError(
            "how photos are prepared for this net is not known; pass preprocess=, a function from "
            "a photo (H, W, 3) uint8 to the net's input, such as gm.zoo.preprocess.IMAGENET"
        )
    lock, engines = threading.Lock(), {}

    @told
    def predict(images: Sequence[np.ndarray]) -> np.ndarray:
        photos = _photos(images)
        rows = (_one(prepare(photo)) for photo in photos)
        first = next(rows)
        with lock:
            if first.shape not in engines:
                engines[first.shape] = engine_for(
                    net, first, output, batch_size, lambda recording: reader_of(recording, output)
                )
            engine = engines[first.shape]
            return np.concatenate(list(engine([row] for row in (first, *rows))))

    return predict


def reader_of(recording: Recording, output: OutputChoice) -> Reader:
    """What reads probabilities, or the values of another output, off the outputs of a net.

    Raises:
        TargetError: there are no probabilities.
    """
    value, link = recording.values()[0], recording.outputs[0].link
    if output != PROBABILITY:
        return lambda outputs: outputs[0].asnumpy()
    if probabilities(value, link) is None:
        raise TargetError(
            f"the net's output has shape {value.shape}, which holds no probabilities of classes; "
            "pass output=None for the values themselves"
        )
    return lambda outputs: np.asarray(probabilities(outputs[0], link))


def _photos(images: Any) -> list[np.ndarray]:
    if hasattr(images, "asnumpy"):
        images = images.asnumpy()
    if np.ndim(images) == 3 or not len(images):
        raise InputError(
            f"the photos have shape {np.shape(images)}; expected (N, H, W, 3), one "
            "photo as photo[None]"
        )
    arrays = [np.asarray(one) for one in images]
    if arrays[0].dtype.kind == "f" and 0 < max(one.max() for one in arrays) <= 1:
        raise InputError(
            "the photos' values go from 0 to 1; expected 0 to 255, uint8 or float: photos * 255"
        )
    return [picture.check_photo(one) for one in arrays]


def _one(prepared: Any) -> np.ndarray:
    """The input for one photo, without the axis of samples."""
    numbers = numbers_of(prepared)
    return numbers[0] if numbers.ndim == 4 and len(numbers) == 1 else numbers
