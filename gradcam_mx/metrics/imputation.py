"""Noisy linear imputation: what is hidden is filled from around it, and tells nothing of its own.

Rong et al. 2022, arXiv:2202.00449.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..support.optional import optional

_NEIGHBOURS = {
    (down, right): 1 / 6 if 0 in (down, right) else 1 / 12
    for down in (-1, 0, 1)
    for right in (-1, 0, 1)
    if (down, right) != (0, 0)
}
"""Of each position: its neighbours, and their share in its mean."""


def imputed(sample: np.ndarray, hidden: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """A picture whose hidden positions are means of their neighbours, and noise.

    Each hidden value is the mean of those of its eight neighbours, hidden or not, with the weights
    1/6 beside and 1/12 across; at the border, of those that there are.

    Args:
        sample: (C, H, W).
        hidden: (H, W) bool.
        noise: (C, H, W), what is added to hidden values.
    """
    if not hidden.any():
        return sample
    if hidden.all():
        return sample.mean(axis=(1, 2), keepdims=True) + noise
    purpose = "linear imputation solves a sparse system"
    solver = optional("scipy.sparse.linalg", purpose)
    weights = _weights(hidden.shape)
    places = hidden.ravel()
    rows = weights[places]
    inside, around = rows[:, places], rows[:, ~places]
    # the sums of the weights at the border are less than 1, and are divided by: the mean is of
    # those that there are. Written with the sums on the diagonal the system is symmetric.
    sums = np.asarray(rows.sum(axis=1)).ravel()
    sparse = optional("scipy.sparse", purpose)
    system = (sparse.diags(sums) - inside).tocsc()
    known = sample.reshape(len(sample), -1)[:, ~places].astype(np.float64)
    factor = solver.splu(system, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    filled = np.array(sample, np.float64).reshape(len(sample), -1)
    filled[:, places] = factor.solve(np.ascontiguousarray(around @ known.T)).T
    filled[:, places] += noise.reshape(len(sample), -1)[:, places]
    return filled.reshape(sample.shape)


@lru_cache(maxsize=4)
def _weights(shape: tuple[int, int]) -> Any:
    """(P, P) sparse: the weight of each position in the mean of each other."""
    sparse = optional("scipy.sparse", "linear imputation solves a sparse system")
    height, width = shape
    numbers = np.arange(height * width).reshape(shape)
    rows, columns, values = [], [], []
    for (down, right), weight in _NEIGHBOURS.items():
        to = (
            slice(max(0, -down), height - max(0, down)),
            slice(max(0, -right), width - max(0, right)),
        )
        source = (
            slice(max(0, down), height - max(0, -down)),
            slice(max(0, right), width - max(0, -right)),
        )
        rows.append(numbers[to].ravel())
        columns.append(numbers[source].ravel())
        values.append(np.full(rows[-1].size, weight))
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_matrix(entries, shape=(numbers.size, numbers.size))
