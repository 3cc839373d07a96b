"""Fashion-MNIST from files, and scikit-learn's digits."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx.errors import DataError

needs_fashion_mnist = pytest.mark.skipif(
    not gm.zoo.datasets.FASHION_MNIST.is_dir(),
    reason="Fashion-MNIST is not there: apt install dataset-fashion-mnist",
)


def write(folder, name, images, labels):
    """The two files of a part, as the format has them: yann.lecun.com/exdb/mnist."""
    head = struct.pack(">IIII", 0x803, *images.shape)
    (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + images.tobytes()))
    head = struct.pack(">II", 0x801, len(labels))
    (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(head + bytes(labels)))


def test_files_are_read_as_they_were_written(tmp_path):
    images = np.random.RandomState(0).randint(0, 256, (3, 28, 28), np.uint8)
    write(tmp_path, "train", images, [9, 0, 4])
    write(tmp_path, "t10k", images[:1], [7])
    found = gm.zoo.fashion_mnist("train", tmp_path)
    np.testing.assert_array_equal(found.images, images)
    np.testing.assert_array_equal(found.labels, [9, 0, 4])
    assert found.names[9] == "ankle boot"
    assert gm.zoo.fashion_mnist("test", tmp_path).labels.tolist() == [7]


def test_missing_files_say_how_to_get_them(tmp_path):
    with pytest.raises(DataError, match="apt install dataset-fashion-mnist"):
        gm.zoo.fashion_mnist(folder=tmp_path)


def test_damaged_files_are_refused(tmp_path):
    write(tmp_path, "train", np.zeros((2, 28, 28), np.uint8), [0, 1])
    whole = (tmp_path / "train-images-idx3-ubyte.gz").read_bytes()
    for broken in (whole[:-20], b"", b"no archive", gzip.compress(b"\0" * 999)):
        (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(broken)
        with pytest.raises(DataError, match="cannot be read"):
            gm.zoo.fashion_mnist("train", tmp_path)


def test_as_many_labels_as_pictures(tmp_path):
    write(tmp_path, "train", np.zeros((2, 28, 28), np.uint8), [0, 1, 2])
    with pytest.raises(DataError, match="2 pictures and 3 labels"):
        gm.zoo.fashion_mnist("train", tmp_path)


@pytest.mark.parametrize("read", [gm.zoo.fashion_mnist, gm.zoo.digits])
def test_there_are_two_parts(read):
    with pytest.raises(DataError, match="no part 'validation'; expected 'train' or 'test'"):
        read("validation")


@needs_fashion_mnist
def test_fashion_mnist_is_what_it_is_known_to_be():
    train, test = gm.zoo.fashion_mnist("train"), gm.zoo.fashion_mnist("test")
    assert train.images.shape == (60000, 28, 28)
    assert test.images.shape == (10000, 28, 28)
    # as many of each kind, and the first labels that everyone's first cell prints
    np.testing.assert_array_equal(np.bincount(train.labels), [6000] * 10)
    assert train.labels[:8].tolist() == [9, 0, 0, 3, 0, 2, 7, 2]
    # a boot's shaft is at the right, its toe below at the left
    boot = train.images[0].astype(int)
    assert boot[2:10, 14:24].mean() > 100 > 20 > boot[2:10, :10].mean()
    assert boot[22:, :14].mean() > 50


def test_digits_are_enlarged_and_keep_their_place():
    train, test = gm.zoo.digits("train"), gm.zoo.digits("test")
    assert (len(train.images), len(test.images)) == (1400, 397)
    from sklearn.datasets import load_digits

    known = load_digits()
    np.testing.assert_array_equal(np.concatenate([train.labels, test.labels]), known.target)
    small = known.images[1400]
    shrunk = test.images[0].astype(float).reshape(4, 7, 4, 7).mean(axis=(1, 3)) / 255 * 16
    expected = small.reshape(4, 2, 4, 2).mean(axis=(1, 3))
    assert np.corrcoef(shrunk.ravel(), expected.ravel())[0, 1] > 0.98
    assert train.names == tuple("0123456789")
    # 17 shades in the original, more where it is interpolated between them
    assert len(np.unique(test.images[:20])) > 100
