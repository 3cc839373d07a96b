"""Controls: maps that look like explanations and know nothing of the network.

What a method finds has to beat them, by whatever measure: where a control does as well, the measure
or the map says nothing about the network.
"""

from __future__ import annotations

from functools import partial
from typing import Callable, Sequence

import numpy as np

from .. import picture
from ..errors import MethodError
from ..support.arrays import is_whole
from .functions import method
from .needs import Needs
from .view import View

FAMILY = "controls"
COST = "1 forward"
NUMBERS = (int, float, np.integer, np.floating)
CELLS = 7
"""Along each axis of a map that is of no layer, as the last layers of most networks have them."""
STEPS = 1 << 24
"""How many numbers in [0, 1) float32 holds at even distances."""


def _check_positions(name: str, shape: Sequence[int]) -> None:
    if len(shape) < 3:
        raise MethodError(
            f"{name} is made of where things lie on a picture, a signal or a volume; the input has "
            f"shape {tuple(shape)}, and a vector's values lie nowhere"
        )


def _check_seed(shape: Sequence[int], *, seed: int, start: int) -> None:
    if not (is_whole(start) and start >= 0):
        raise MethodError(f"start is {start!r}; expected the number of a sample, 0 or more")
    if not (is_whole(seed) and 0 <= seed < 1 << 32):
        raise MethodError(f"seed is {seed!r}; expected a whole number from 0 to {(1 << 32) - 1}")


@method(
    family=FAMILY,
    paper="Hooker et al. 2019, arXiv:1806.10758",
    cost=COST,
    needs=Needs(layer=True, gradient=False, does_without=True),
    check=_check_seed,
)
def random_map(run: View, *, seed: int = 0, start: int = 0) -> np.ndarray:
    """Random map: numbers at random where a layer's map would be.

        L_p ~ uniform in [0, 1), each position on its own

    A control: what does no better by some measure says nothing about the network. Hooker et al.
    2019, arXiv:1806.10758, hold methods against pixels in a random order; here the positions are
    those of a layer, so that the map is as smooth as a CAM of that layer once both are drawn, or
    measured, at the input's size. Of a black box, which has no layer that is known, they are 7
    along each axis, made as large as the input linearly.

    Args:
        seed: a sample's numbers follow from it and from the sample's number (the row's number, of a
            layer with several rows for each sample), and from nothing else: not from the net, the
            samples beside it, the target or the device.

        start: the number of the first sample, for batches of a data set one after another.

    Returns:
        An Explanation whose values are (N, h, w), float32 in [0, 1).

    Raises:
        MethodError: no such seed.
        LayerError, TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.random_map(net, mx.nd.ones((1, 3, 224, 224)), seed=3).values.shape
        (1, 7, 7)
    """
    rows, size = len(run.x), [min(CELLS, side) for side in run.input_size]
    if run.map is not None:
        rows, _, *size = run.activations.shape
    first = start * rows // len(run.score)
    # whole numbers first: float64 in [0, 1), rounded to float32, may be 1
    drawn = [
        np.random.RandomState([seed, row]).randint(STEPS, size=size)
        for row in range(first, first + rows)
    ]
    found = np.stack(drawn).astype(np.float32) / np.float32(STEPS)
    return found if run.map is not None else picture.resize(found, run.input_size)


def _check_centre(shape: Sequence[int], *, sigma: float) -> None:
    _check_positions("centre_map", shape)
    if isinstance(sigma, bool) or not (isinstance(sigma, NUMBERS) and 0 < sigma < np.inf):
        raise MethodError(f"sigma is {sigma!r}; expected a number above 0, a share of each side")


@method(
    family=FAMILY,
    paper="Judd et al. 2012, MIT-CSAIL-TR-2012-001",
    cost=COST,
    needs=Needs(gradient=False),
    check=_check_centre,
)
def centre_map(run: View, *, sigma: float = 0.25) -> np.ndarray:
    """Centre map: a bell in the middle of the input, whatever is there.

        L_p = exp(-½ Σ_a ((p_a - c_a) / (σ n_a))²)        c_a = (n_a - 1) / 2

    for the axes a of positions, of n_a positions each. A control: photographers put things in the
    middle, so it does well by measures of where a thing is. Judd et al. 2012,
    MIT-CSAIL-TR-2012-001, a Gaussian stretched to the picture's proportions.

    Args:
        input: which of several inputs it is of, by number or name; the first by default.
        sigma: σ, as a share of each side.

    Returns:
        An Explanation whose values are (N, H, W), at the input's size, in [0, 1].

    Raises:
        MethodError: a sigma that is not above 0, an input without positions.
        TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.centre_map(net, mx.nd.ones((1, 3, 65, 65))).values[0, 32, 32]
        1.0
    """
    samples, _, *size = run.x.shape
    bell = np.ones(())
    for length in size:
        away = (np.arange(length) - (length - 1) / 2) / length
        with np.errstate(over="ignore"):  # of a narrow bell: nothing is left there
            bell = bell[..., None] * np.exp(-0.5 * (away / sigma) ** 2)
    return np.broadcast_to(bell, (samples, *size))


def _check_edges(shape: Sequence[int]) -> None:
    _check_positions("edge_map", shape)


@method(
    family=FAMILY,
    paper="Sobel & Feldman 1968; as a control Adebayo et al. 2018, arXiv:1810.03292",
    cost=COST,
    needs=Needs(gradient=False),
    check=_check_edges,
)
def edge_map(run: View) -> np.ndarray:
    """Edge map: where the input changes from one position to the next, whatever the network.

        L = mean over the channels of √(Σ_a (K_a * x_c)²)

    with Sobel's kernel K_a for each axis a of positions: [-1, 0, 1] along it, [1, 2, 1] along every
    other axis; beyond the border its values go on. A control: people take maps that follow edges
    for good ones, and some methods hardly do more. Sobel & Feldman 1968, "A 3×3 isotropic gradient
    operator for image processing"; Adebayo et al. 2018, arXiv:1810.03292, hold methods against
    edges.

    Args:
        input: which of several inputs it is of, by number or name; the first by default.

    Returns:
        An Explanation whose values are (N, H, W), at the input's size, 0 or more.

    Raises:
        MethodError: an input without positions.
        TargetError, InputError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.edge_map(net, mx.nd.ones((1, 3, 64, 64))).values.any()
        False
    """
    return np.stack([_edges(one.astype(np.float64)) for one in run.x])


def _edges(sample: np.ndarray) -> np.ndarray:
    """The mean over the channels of a sample (C, …) of the length of Sobel's gradient."""
    axes = range(1, sample.ndim)
    squares = np.zeros(sample.shape)
    for along in axes:
        slope = sample
        for axis in axes:
            slope = _filtered(slope, axis, _derived if axis == along else _smoothed)
        squares += slope**2
    return np.sqrt(squares).mean(axis=0)


Kernel = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""From what is before, at and behind each position to what a kernel of three gives there."""


def _derived(before: np.ndarray, at: np.ndarray, behind: np.ndarray) -> np.ndarray:
    return behind - before


def _smoothed(before: np.ndarray, at: np.ndarray, behind: np.ndarray) -> np.ndarray:
    return before + 2 * at + behind


def _filtered(values: np.ndarray, axis: int, kernel: Kernel) -> np.ndarray:
    """Values under a kernel along one axis, those at the border repeated beyond it."""
    taken = partial(np.take, values, axis=axis, mode="clip")
    places = np.arange(values.shape[axis])
    return kernel(taken(places - 1), values, taken(places + 1))
