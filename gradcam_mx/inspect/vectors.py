"""Images as vectors of features, and such vectors as points in a plane."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np

from ..engine.chunks import BatchSize, check_batch_size
from ..engine.recording import Recording
from ..engine.streaming import Reader, engine_for, numbers
from ..errors import InputError, MethodError
from ..graph.layers import PENULTIMATE
from ..graph.outputs import LayerOutputs
from ..graph.picture_input import Preprocess
from ..graph.trace import Net
from ..support.boundary import told
from ..support.callers import caller_level
from ..support.elsewhere import closest
from ..support.optional import optional
from ..support.progress import bar
from .samples import Images, samples


@told
def feature_vectors(
    net: Net,
    images: Images,
    layer: Any = PENULTIMATE,
    *,
    preprocess: Preprocess | None = None,
    batch_size: BatchSize = 32,
    progress: bool = True,
) -> np.ndarray:
    """What a layer gives for each image of a data set, as a vector: (N, D) float32.

    Maps (C, h, w) are averaged over their positions: D = C. Images are read as they are used.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        images: an array (N, C, H, W), a Gluon Dataset or DataLoader, or another iterable, of
            inputs (C, H, W), or of photos (H, W, 3) uint8; labels beside them are left out.
        layer: "penultimate", what goes into the last classifier; or a layer as everywhere.
        preprocess: from a photo to the net's input; by default the net's own, if it has one.
        batch_size: how many images run at once; "auto" finds a quick size.
        progress: whether to show a bar if it takes longer than two seconds.

    Raises:
        LayerError, InputError, NetworkError: what they say.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.squeezenet1_1()
        >>> net.initialize()
        >>> gm.inspect.feature_vectors(net, mx.nd.ones((2, 3, 224, 224))).shape
        (2, 512)
    """
    check_batch_size(batch_size)
    rows = (sample.row for sample in samples(net, images, preprocess))
    first = next(rows)
    engine = engine_for(net, first, LayerOutputs((layer,)), batch_size, _reader)
    all_rows = itertools.chain([first], rows)
    with bar(all_rows, what="feature vectors", show=progress, unit="image") as shown:
        return np.concatenate(list(engine([row] for row in shown))).astype(np.float32, copy=False)


def _reader(recording: Recording) -> Reader:
    def read(outputs: list[Any]) -> np.ndarray:
        (found,) = numbers(recording, outputs)
        return found.mean(axis=tuple(range(2, found.ndim))) if found.ndim > 2 else found

    return read


METHODS = ("pca", "tsne")


@told
def embed(vectors: np.ndarray, method: str = "pca", *, seed: int = 0, **options: Any) -> np.ndarray:
    """Vectors as points in a plane that keep the distances between them as far as can be: (N, 2).

    Draw them by `gm.picture.scatter`.

    Args:
        vectors: (N, D), such as `feature_vectors` gives.
        method: "pca", the two directions in which they differ most (Pearson 1901,
            doi:10.1080/14786440109462720); "tsne", which keeps neighbours together (van der Maaten
            & Hinton 2008, jmlr.org/papers/v9/vandermaaten08a.html).
        seed: of what is random.
        options: more of `sklearn.decomposition.PCA` or `sklearn.manifold.TSNE`, such as perplexity.

    Raises:
        MethodError: there is no such method.
        InputError: fewer than three vectors, no vectors, or NaN in them.
        DependencyError: scikit-learn is not installed.

    Example:
        >>> import gradcam_mx as gm, numpy as np
        >>> gm.inspect.embed(np.eye(5)).shape
        (5, 2)
    """
    vectors = np.asarray(vectors)
    if method not in METHODS:
        raise MethodError(
            f"there is no method {method!r}{closest(method, METHODS)}; there are "
            f"{', '.join(METHODS)}"
        )
    if vectors.ndim != 2 or len(vectors) < 3 or vectors.shape[1] < 2:
        raise InputError(
            f"the vectors have shape {vectors.shape}; expected (N, D), at least three "
            "of two numbers"
        )
    if not np.isfinite(vectors).all():
        raise InputError("the vectors hold NaN or infinity; expected finite numbers")
    if not np.ptp(vectors, axis=0).any():
        # t-SNE divides by their deviation, and ends the process
        warnings.warn(
            "all vectors are the same, and so are their points", stacklevel=caller_level()
        )
        return np.zeros((len(vectors), 2), np.float32)
    purpose = "Embeddings are made"
    if method == "pca":
        decomposition = optional("sklearn.decomposition", purpose, "inspect")
        return decomposition.PCA(2, random_state=seed, **options).fit_transform(vectors)
    manifold = optional("sklearn.manifold", purpose, "inspect")
    # not larger than the number of neighbours that there are
    options = {"perplexity": min(30.0, (len(vectors) - 1) / 3), "init": "pca", **options}
    return manifold.TSNE(2, random_state=seed, **options).fit_transform(vectors)
