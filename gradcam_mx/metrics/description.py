"""How a map is spread over the input: descriptions, which are neither good nor bad."""

from __future__ import annotations

import numpy as np

from ..support.statistics import entropy, gini
from .case import Case
from .functions import metric
from .register import NEITHER, Wants

_ALONE = Wants(net=False)


@metric(
    family="description",
    paper="Chalasani et al. 2020, arXiv:1810.06583",
    cost="none",
    better=NEITHER,
    wants=_ALONE,
)
def sparseness(case: Case) -> np.ndarray:
    """Sparseness: how unevenly the relevance is spread, by Gini's index of its absolute values.

        G = Σ_i (2 i - n - 1) |R|_i / (n Σ |R|),    |R| sorted upwards, i = 1 … n

    Chalasani et al. 2020, arXiv:1810.06583: 0 for a map of equal numbers, near 1 for
    one position alone; NaN for a map of zeros. Net and x may be None.

    Returns:
        A Measured whose `values` are (N,), from 0 to 1.
    """
    return gini(_sizes(case))


@metric(
    family="description",
    paper="Bhatt et al. 2020, arXiv:2005.00631",
    cost="none",
    better=NEITHER,
    wants=_ALONE,
)
def complexity(case: Case) -> np.ndarray:
    """Complexity: the entropy of the shares that positions have in the relevance.

        H = -Σ p log p,    p = |R| / Σ |R|

    Bhatt et al. 2020, arXiv:2005.00631, natural logarithm: 0 for one position alone,
    log n for a map of n equal numbers; NaN for a map of zeros. Net and x may be None.

    Returns:
        A Measured whose `values` are (N,).
    """
    return entropy(_sizes(case))


def _sizes(case: Case) -> np.ndarray:
    """(E, N, P): the absolute relevance."""
    found = np.abs(case.relevance)
    return found.reshape(*found.shape[:2], -1)
