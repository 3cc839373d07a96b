"""Small labelled pictures to train on, from packages that are installed: nothing is downloaded."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from gradcam_mx.errors import DataError
from gradcam_mx.support.optional import optional

__all__ = ["FASHION_MNIST", "Dataset", "digits", "fashion_mnist"]

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts its files."""

_GARMENTS = (
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
_FILES = {"train": "train", "test": "t10k"}
_DIGITS_TO_TRAIN = 1400


class Dataset(NamedTuple):
    """Grey pictures and their classes.

    Example:
        >>> test = digits("test")
        >>> test.names[test.labels[0]], test.images[0].shape
        ('2', (28, 28))
    """

    images: np.ndarray
    """(N, 28, 28) uint8."""
    labels: np.ndarray
    """(N,) int32."""
    names: tuple[str, ...]
    """The name of each class."""


def fashion_mnist(part: str = "train", folder: str | Path = FASHION_MNIST) -> Dataset:
    """Fashion-MNIST: 60,000 pictures of ten kinds of clothes to train on, 10,000 to test.

    Xiao et al. 2017, arXiv:1708.07747.

    Args:
        part: "train" or "test".
        folder: holds the four .gz files; by default where the Debian package
            dataset-fashion-mnist puts them.

    Returns:
        A Dataset with N = 60,000 or 10,000.

    Raises:
        DataError: there is no such part, or the files are missing or damaged.

    Example:
        >>> fashion_mnist("test").images.shape                          # doctest: +SKIP
        (10000, 28, 28)
    """
    name = _FILES[_checked(part)]
    images = _read(Path(folder) / f"{name}-images-idx3-ubyte.gz", axes=3)
    labels = _read(Path(folder) / f"{name}-labels-idx1-ubyte.gz", axes=1)
    if len(images) != len(labels):
        raise DataError(
            f"{folder} holds {len(images)} pictures and {len(labels)} labels to "
            f"{part}; expected one of each: install it again"
        )
    return Dataset(images, labels.astype(np.int32), _GARMENTS)


def _read(path: Path, axes: int) -> np.ndarray:
    """The array of bytes in a compressed file in the IDX format."""
    try:
        content = gzip.decompress(path.read_bytes())
        # a mark (bytes: 8), the number of axes, then each axis's length
        start = 4 + 4 * axes
        mark, *shape = np.frombuffer(content[:start], ">u4")
        if mark != 0x800 + axes:
            raise ValueError(f"it begins with {mark:#x}, not {0x800 + axes:#x}")
        return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
    except FileNotFoundError as error:
        raise DataError(
            f"Fashion-MNIST is not installed: there is no {path}; on Debian and Ubuntu: "
            "apt install dataset-fashion-mnist (gradcam_mx.zoo.digits() needs no such package)"
        ) from error
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}): install it again") from error


def digits(part: str = "train") -> Dataset:
    """scikit-learn's 1,797 handwritten digits, enlarged to 28 × 28 pixels.

    Args:
        part: "train", the first 1,400, or "test", the rest.

    Returns:
        A Dataset.

    Raises:
        DataError: there is no such part.
        DependencyError: scikit-learn is not installed.

    Example:
        >>> digits("test").images.shape
        (397, 28, 28)
    """
    found = optional("sklearn.datasets", "The digits are brought along", "inspect").load_digits()
    chosen = slice(_DIGITS_TO_TRAIN) if _checked(part) == "train" else slice(_DIGITS_TO_TRAIN, None)
    images = [
        cv2.resize(one, (28, 28), interpolation=cv2.INTER_LINEAR)
        for one in (found.images[chosen] / 16 * 255).astype(np.float32)
    ]
    return Dataset(
        np.round(images).astype(np.uint8),
        found.target[chosen].astype(np.int32),
        tuple(map(str, range(10))),
    )


def _checked(part: str) -> str:
    if part not in _FILES:
        raise DataError(f"there is no part {part!r}; expected 'train' or 'test'")
    return part
