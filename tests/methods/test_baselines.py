"""What stands for the absence of a picture, and hiding parts behind it."""

import numpy as np
import pytest

from gradcam_mx.errors import InputError, MethodError
from gradcam_mx.methods.baselines import Curtain, baseline_of, inpainted

RNG = np.random.RandomState(0)
X = RNG.normal(size=(2, 3, 8, 10)).astype(np.float32)
HIDDEN = np.zeros((8, 10), bool)
HIDDEN[2:5, 3:7] = True


def written(writer):
    out = np.full(X.shape[1:], np.nan, np.float32)
    writer(out)
    return out


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [
        ("zero", np.zeros_like(X)),
        (2, np.full_like(X, 2)),
        ("mean", np.broadcast_to(X.mean(axis=(2, 3), keepdims=True), X.shape)),
        ((1.0, 2.0, 3.0), np.broadcast_to(np.reshape([1, 2, 3], (3, 1, 1)), X.shape)),
        (X[1], np.stack([X[1]] * 2)),
        (X[1:], np.stack([X[1]] * 2)),
        (X[::-1], X[::-1]),
    ],
    ids=["zero", "number", "mean", "color", "sample", "one of a batch", "batch"],
)
def test_baselines(baseline, expected):
    np.testing.assert_allclose(baseline_of(X, baseline), expected, rtol=1e-6, atol=1e-7)


def test_a_colour_is_for_channels_and_a_vector_has_none():
    vector = X[0, :, :, 0].reshape(2, 12)
    np.testing.assert_array_equal(baseline_of(vector, np.arange(12.0))[1], np.arange(12))
    with pytest.raises(InputError):
        baseline_of(vector, (1.0, 2.0))


@pytest.mark.parametrize("baseline", [np.zeros((3, 8)), (1, 2), [np.inf] * 3, [[1]]], ids=str)
def test_baselines_that_are_none(baseline):
    with pytest.raises(InputError, match="the baseline"):
        baseline_of(X, baseline)


def test_names_that_are_none():
    with pytest.raises(MethodError, match="there are zero, mean, blur, a number or one for each"):
        baseline_of(X, "inpaint")
    with pytest.raises(MethodError, match="only pictures can be inpainted"):
        Curtain(X[..., 0], "inpaint")


def test_hiding():
    """What is shown is as it was to the bit; what is hidden is the baseline to the bit."""
    curtain = Curtain(X, "mean")
    expected = np.where(HIDDEN, baseline_of(X, "mean")[1], X[1])
    np.testing.assert_array_equal(written(curtain.shows(1, ~HIDDEN)), expected)
    np.testing.assert_array_equal(written(curtain.hides(1, (slice(2, 5), slice(3, 7)))), expected)
    share = RNG.uniform(size=(8, 10)).astype(np.float32)
    np.testing.assert_allclose(
        written(curtain.mixes(0, share)),
        share * X[0] + (1 - share) * baseline_of(X, "mean")[0],
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("way", ["telea", "ns"])
def test_inpainting_goes_on_with_what_is_around(way):
    """A ramp is filled with what a ramp has there, in any range; what is shown stays to the bit."""
    rows, columns = np.mgrid[:20, :30]
    ramp = np.stack([columns / 29, rows / 19, (columns - rows) / 29]).astype(np.float32)
    hidden = np.zeros((20, 30), bool)
    hidden[8:12, 10:16] = True
    for scale, offset in ((1, 0), (200, -50), (1e-3, 7)):
        picture = (ramp * scale + offset).astype(np.float32)
        filled = inpainted(picture, hidden, way)
        np.testing.assert_array_equal(filled[:, ~hidden], picture[:, ~hidden])
        # a tenth of the ramp's range; the hidden part spans a fifth of it
        assert np.abs(filled - picture).max() < 0.1 * scale
        assert filled.dtype == np.float32


def test_inpainting_with_nothing_around():
    filled = inpainted(X[0], np.ones((8, 10), bool))
    np.testing.assert_allclose(filled, baseline_of(X, "mean")[0], rtol=1e-6)
    np.testing.assert_array_equal(inpainted(X[0], np.zeros((8, 10), bool)), X[0])
    flat = np.ones((1, 8, 10), np.float32)
    np.testing.assert_array_equal(inpainted(flat, HIDDEN), flat)


def test_curtains_inpaint():
    curtain = Curtain(X, "inpaint")
    expected = inpainted(X[0], HIDDEN)
    np.testing.assert_array_equal(written(curtain.shows(0, ~HIDDEN)), expected)
    np.testing.assert_array_equal(written(curtain.hides(0, (slice(2, 5), slice(3, 7)))), expected)
    assert np.abs(expected - X[0])[:, HIDDEN].min() > 0
