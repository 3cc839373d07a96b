"""RISE: the score of random parts of the input, averaged over the parts."""

from __future__ import annotations

from collections import deque
from typing import Any, Iterator, Sequence

import numpy as np

from ..engine.chunks import AUTO, BatchSize, check_batch_size
from ..errors import MethodError
from . import baselines
from .baselines import Baseline, Curtain, positions_of
from .drawn_masks import Mask, Masks
from .perturbing import perturbation
from .register import Result
from .view import View


def _check(
    shape: Sequence[int],
    *,
    num_samples: int,
    cells: int,
    keep: float,
    baseline: Baseline,
    seed: int,
    batch_size: BatchSize,
    progress: bool,
) -> None:
    baselines.check(baseline, shape)
    check_batch_size(batch_size)
    if num_samples < 2 or not isinstance(cells, (int, np.integer)) or cells < 1:
        raise MethodError(
            f"expected two samples and one cell or more; got num_samples="
            f"{num_samples}, cells={cells}"
        )
    if not 0 < keep < 1:
        raise MethodError(f"keep is {keep}; expected a probability between 0 and 1")


@perturbation(
    paper="Petsiuk et al. 2018, arXiv:1806.07421",
    cost="1 forward, and 1 for each mask",
    check=_check,
)
def rise(
    run: View,
    *,
    num_samples: int = 4000,
    cells: int = 7,
    keep: float = 0.5,
    baseline: Baseline = "zero",
    seed: int = 0,
    batch_size: BatchSize = AUTO,
    progress: bool = True,
) -> list[Result]:
    """RISE: a position counts by the mean score of the masked inputs in which it is seen.

        R = 1 / (p M) Σ_i S(x ⊙ m_i) m_i

    for M random masks: a grid of cells, each kept with probability p, made larger linearly, and
    shifted at random by up to a cell. Petsiuk et al. 2018, arXiv:1806.07421, equation 6 and section
    3.2.

    Args:
        output: which of several outputs is explained, by number or name; or "probability", as the
            paper has it.
        num_samples: how many masks.
        cells: along each axis of positions. Of a vector each value is a cell.
        keep: p.
        baseline: what is seen where a mask is 0: "zero", "mean" (each channel's mean), "blur" (x
            without detail), a number or one for each channel, or an array like x or like one
            sample.
        seed: of the masks, which all samples share.

    Returns:
        An Explanation whose values are (N, H, W). All of them hold the mean score, so only their
        differences tell. `details["standard_error"]` is that of the values.

    Raises:
        MethodError: options out of range, no such baseline.
        InputError: a baseline of another shape.
        TargetError, NetworkError: what they say, before anything changes.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> gm.rise(net, mx.nd.ones((1, 3, 64, 64)), num_samples=8).values.shape
        (1, 64, 64)
    """
    x, curtain = run.x, Curtain(run.x, baseline)
    masks = Masks(positions_of(x.shape), cells if x.ndim > 2 else 0, keep)
    drawn: deque[Mask] = deque()

    def masked() -> Iterator[Any]:
        for mask in masks.drawn(num_samples, seed):
            drawn.append(mask)
            shown = masks.whole(mask)
            yield [curtain.mixes(sample, shown) for sample in range(len(x))]

    over_masks = masks.sums(run.scores.shape[1], len(x))
    for scores in run.perturbed(
        masked(), batch_size=batch_size, progress=progress, total=num_samples, what="RISE"
    ):
        over_masks.add(drawn.popleft(), scores.T)
    sums, squares = over_masks.totals()
    means = sums / num_samples
    variances = np.maximum(squares / num_samples - means**2, 0)
    errors = np.sqrt(variances / (num_samples - 1)) / keep
    return [
        Result(mean / keep, {"standard_error": error.astype(np.float32)})
        for mean, error in zip(means, errors)
    ]
