"""Naive float64 references, from the papers, of perturbation-based explanation methods.

A ``score`` maps one sample to a float. A sample is an array (C, *positions), or (F,) where there is
no channel axis and the features themselves are the positions. All channels of a position are hidden
together. A ``value`` maps a coalition, a tuple of 0 and 1 with one entry a player, to a float.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np


class Lime(NamedTuple):
    """A local linear surrogate: its weights (S,), its intercept and its weighted R^2."""

    weights: np.ndarray
    intercept: float
    fit: float


def positions_of(x: np.ndarray) -> tuple[int, ...]:
    """The shape of a sample's positions: (F,) for a sample (F,), else all axes but the first."""
    return x.shape if x.ndim == 1 else x.shape[1:]


def replaced(x: np.ndarray, hidden: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """A copy of x with the baseline, in every channel, at the positions where hidden is true.

    z[c, p] = baseline[c, p] if hidden[p] else x[c, p]
    """
    z = x.copy()
    for position in np.ndindex(*positions_of(x)):
        if hidden[position]:
            z[(..., *position)] = baseline[(..., *position)]
    return z


def windows(size: int, window: int, stride: int) -> list[slice]:
    """The stretches of one axis that occlusion hides in turn (Zeiler & Fergus 2014, section 4.2).

    They start at 0, stride, 2 stride, ... up to and including the first one whose end,
    start + window, reaches or passes the border; that one is clipped at the border. The stride
    may not exceed the window, for then some positions would never be hidden.
    """
    if not 1 <= stride <= window:
        raise ValueError(f"stride {stride} is not between 1 and the window {window}")
    found = []
    start = 0
    while True:
        end = start + window
        found.append(slice(start, min(end, size)))
        if end >= size:
            return found
        start += stride


def occlusion(
    score: Callable[[np.ndarray], float],
    x: np.ndarray,
    window: tuple[int, ...],
    stride: tuple[int, ...],
    baseline: np.ndarray,
    values: str = "drop",
) -> np.ndarray:
    """Occlusion sensitivity (Zeiler & Fergus 2014, arXiv:1311.2901, section 4.2; no equation).

    S_w = S(x with the baseline inside the window w), and over the windows W(p) that cover p

        map[p] = 1 / |W(p)| sum_{w in W(p)} (S(x) - S_w)    for values "drop"
        map[p] = 1 / |W(p)| sum_{w in W(p)} S_w             for values "score"
    """
    if values not in ("drop", "score"):
        raise ValueError(f"values is {values!r}, not 'drop' or 'score'")
    x = np.asarray(x, dtype=np.float64)
    baseline = np.asarray(baseline, dtype=np.float64)
    shape = positions_of(x)
    if not len(window) == len(stride) == len(shape):
        raise ValueError("window and stride need one int for each axis of positions")
    axes = [windows(shape[axis], window[axis], stride[axis]) for axis in range(len(shape))]
    whole = float(score(x.copy()))
    total = np.zeros(shape)
    count = np.zeros(shape)
    for where in itertools.product(*axes):
        hidden = np.zeros(shape, dtype=bool)
        hidden[where] = True
        occluded = float(score(replaced(x, hidden, baseline)))
        total[where] += whole - occluded if values == "drop" else occluded
        count[where] += 1
    return total / count


def rise(
    score: Callable[[np.ndarray], float],
    x: np.ndarray,
    masks: Sequence[np.ndarray],
    keep: float,
    baseline: np.ndarray,
) -> np.ndarray:
    """RISE (Petsiuk, Das & Saenko 2018, arXiv:1806.07421, eq. 6), E[M] being keep.

        map[p] = 1 / (keep N) sum_{i=1..N} S(M_i * x + (1 - M_i) * baseline) M_i[p]

    The paper's baseline is zero, which leaves S(x * M_i).
    """
    x = np.asarray(x, dtype=np.float64)
    baseline = np.asarray(baseline, dtype=np.float64)
    total = np.zeros(positions_of(x))
    for mask in masks:
        mask64 = np.asarray(mask, dtype=np.float64)
        if mask64.shape != total.shape:
            raise ValueError(f"a mask has shape {mask64.shape}, the positions {total.shape}")
        masked = mask64 * x + (1.0 - mask64) * baseline
        total += float(score(masked)) * mask64
    return total / (keep * len(masks))


def rise_of_linear(
    weights: np.ndarray, x: np.ndarray, mean: np.ndarray, covariance: np.ndarray, keep: float
) -> np.ndarray:
    """The expectation of `rise` (arXiv:1806.07421, eq. 6) for S(x) = w.x and a zero baseline.

    With a_j = sum_c w[c, j] x[c, j], S(m * x) = sum_j a_j m_j, so that

        E[map_i] = 1/keep sum_j a_j E[m_j m_i]
                 = 1/keep sum_j a_j (covariance[i, j] + mean[i] mean[j])

    weights and x are (C, P), or (P,) without a channel axis; the result is (P,).
    """
    product = np.asarray(weights, dtype=np.float64) * np.asarray(x, dtype=np.float64)
    mean = np.asarray(mean, dtype=np.float64)
    covariance = np.asarray(covariance, dtype=np.float64)
    share = product if product.ndim == 1 else product.sum(axis=0)
    size = len(share)
    expected = np.zeros(size)
    for i in range(size):
        for j in range(size):
            expected[i] += share[j] * (covariance[i, j] + mean[i] * mean[j])
    return expected / keep


def feature_ablation(
    score: Callable[[np.ndarray], float],
    x: np.ndarray,
    segments: np.ndarray,
    baseline: np.ndarray,
) -> np.ndarray:
    """Ablation of one segment at a time (as in Kokhlikyan et al. 2020, arXiv:2009.07896).

    map[p] = S(x) - S(x with the baseline in the segment of p)
    """
    x = np.asarray(x, dtype=np.float64)
    baseline = np.asarray(baseline, dtype=np.float64)
    segments = np.asarray(segments)
    if segments.shape != positions_of(x):
        raise ValueError(f"segments have shape {segments.shape}, positions {positions_of(x)}")
    whole = float(score(x.copy()))
    ablated = np.zeros(segments.shape)
    for label in np.unique(segments):
        hidden = segments == label
        ablated[hidden] = whole - float(score(replaced(x, hidden, baseline)))
    return ablated


def lime(
    present: np.ndarray, scores: np.ndarray, kernel_width: float = 0.25, ridge: float = 1.0
) -> Lime:
    """LIME's local surrogate (Ribeiro, Singh & Guestrin 2016, arXiv:1602.04938, eqs. 1 and 2).

    present is (M, S) of 0 and 1 with a first row of ones, and scores is (M,). With z_i a row and
    1 the row of ones,

        d_i = 1 - cos(z_i, 1), which is 1 for the row of zeros
        w_i = sqrt(exp(-d_i^2 / kernel_width^2))
        minimise over b and beta  sum_i w_i (y_i - b - z_i.beta)^2 + ridge |beta|^2
        fit = 1 - sum_i w_i (y_i - yhat_i)^2 / sum_i w_i (y_i - ybar)^2,  ybar the weighted mean

    The paper's kernel is exp(-d^2 / kernel_width^2); its square root, and the ridge in place of
    the paper's K-LASSO, are those of the authors' package. Where all scores are equal the fit is
    1 if they are met, else 0.
    """
    present = np.asarray(present, dtype=np.float64)
    scores = np.asarray(scores, dtype=np.float64)
    rows, segments = present.shape
    if not (present[0] == 1).all():
        raise ValueError("the first row of present is not all ones")

    weights = np.zeros(rows)
    for i in range(rows):
        kept = present[i].sum()
        # z.1 = kept, |z| = sqrt(kept), |1| = sqrt(segments)
        cosine = kept / (math.sqrt(kept) * math.sqrt(segments)) if kept > 0 else 0.0
        distance = 1.0 - cosine
        weights[i] = math.sqrt(math.exp(-(distance**2) / kernel_width**2))

    # The intercept is not penalised: a shift of all scores shifts it and changes nothing else.
    # Without the first score, equal scores are exact zeros.
    shift = scores[0]
    y = scores - shift

    # (A^T W A + ridge I') (b, beta) = A^T W y, with A = [1, present] and I' zero for b
    matrix = np.zeros((segments + 1, segments + 1))
    vector = np.zeros(segments + 1)
    for i in range(rows):
        row = np.concatenate([[1.0], present[i]])
        matrix += weights[i] * np.outer(row, row)
        vector += weights[i] * y[i] * row
    for s in range(1, segments + 1):
        matrix[s, s] += ridge
    solution = np.linalg.solve(matrix, vector)
    intercept = float(solution[0])
    beta = solution[1:]

    average = float((weights * y).sum() / weights.sum())
    residual = 0.0
    spread = 0.0
    for i in range(rows):
        predicted = intercept + float(present[i] @ beta)
        residual += float(weights[i] * (y[i] - predicted) ** 2)
        spread += float(weights[i] * (y[i] - average) ** 2)
    if spread == 0.0:
        return Lime(beta, intercept + float(shift), 1.0 if residual == 0.0 else 0.0)
    return Lime(beta, intercept + float(shift), 1.0 - residual / spread)


def coalition_of(members: Sequence[int] | set[int], players: int) -> tuple[int, ...]:
    """The tuple of 0 and 1, of length players, that has a 1 for each member."""
    return tuple(1 if player in members else 0 for player in range(players))


def shapley_by_orders(value: Callable[[tuple[int, ...]], float], players: int) -> np.ndarray:
    """Exact Shapley values as the mean over all orders in which players join (Shapley 1953).

    phi_i = 1/n! sum_{orders R} (v(P_i^R + i) - v(P_i^R)),  P_i^R those before i in R
    """
    phi = np.zeros(players)
    for order in itertools.permutations(range(players)):
        joined: set[int] = set()
        before = float(value(coalition_of(joined, players)))
        for player in order:
            joined.add(player)
            after = float(value(coalition_of(joined, players)))
            phi[player] += after - before
            before = after
    return phi / math.factorial(players)


def shapley_by_subsets(value: Callable[[tuple[int, ...]], float], players: int) -> np.ndarray:
    """Exact Shapley values by subsets (Lundberg & Lee 2017, arXiv:1705.07874, eq. 4).

    phi_i = sum_{S in F - i} |S|! (|F| - |S| - 1)! / |F|! (v(S + i) - v(S))
    """
    phi = np.zeros(players)
    for player in range(players):
        others = [other for other in range(players) if other != player]
        for size in range(players):
            weight = (
                math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)
            )
            for subset in itertools.combinations(others, size):
                without = float(value(coalition_of(subset, players)))
                with_player = float(value(coalition_of((*subset, player), players)))
                phi[player] += weight * (with_player - without)
    return phi


def shapley_kernel(players: int, size: int) -> float:
    """The Shapley kernel of one coalition of a size (Lundberg & Lee 2017, theorem 2).

    pi(z) = (M - 1) / (binom(M, |z|) |z| (M - |z|)),  0 < |z| < M
    """
    return (players - 1) / (math.comb(players, size) * size * (players - size))


def kernel_shap(value: Callable[[tuple[int, ...]], float], players: int) -> np.ndarray:
    """Kernel SHAP over every coalition (Lundberg & Lee 2017, arXiv:1705.07874, theorem 2).

        minimise  sum_{0 < |z| < M} pi(z) (v(z) - v(empty) - z.phi)^2
        subject to  sum_i phi_i = v(full) - v(empty)

    The kernel is infinite for the empty and the full coalition, hence the intercept v(empty) and
    the constraint.
    """
    coalitions = []
    weights = []
    scores = []
    for coalition in itertools.product((0, 1), repeat=players):
        size = sum(coalition)
        if 0 < size < players:
            coalitions.append(coalition)
            weights.append(shapley_kernel(players, size))
            scores.append(float(value(coalition)))
    return kernel_shap_sampled(
        np.array(coalitions, dtype=np.float64).reshape(-1, players),
        np.array(weights, dtype=np.float64),
        np.array(scores, dtype=np.float64),
        float(value((0,) * players)),
        float(value((1,) * players)),
    )


def kernel_shap_sampled(
    coalitions: np.ndarray,
    weights: np.ndarray,
    scores: np.ndarray,
    empty: float,
    full: float,
) -> np.ndarray:
    """Kernel SHAP's regression on given coalitions (arXiv:1705.07874, section 4.1, theorem 2).

    For coalitions (K, S), neither empty nor full, weights (K,) and scores (K,),

        minimise  sum_k w_k (y_k - empty - z_k.phi)^2  subject to  sum_i phi_i = full - empty

    by the system of Karush, Kuhn and Tucker, lambda being half the multiplier:

        [ Z^T W Z   1 ] [ phi    ]   [ Z^T W (y - empty) ]
        [   1^T     0 ] [ lambda ] = [   full - empty    ]

    Raises numpy.linalg.LinAlgError where the coalitions leave the system exactly singular.
    """
    coalitions = np.asarray(coalitions, dtype=np.float64)
    weights = np.asarray(weights, dtype=np.float64)
    scores = np.asarray(scores, dtype=np.float64)
    count, players = coalitions.shape
    system = np.zeros((players + 1, players + 1))
    right = np.zeros(players + 1)
    for k in range(count):
        z = coalitions[k]
        system[:players, :players] += weights[k] * np.outer(z, z)
        right[:players] += weights[k] * (scores[k] - empty) * z
    system[:players, players] = 1.0
    system[players, :players] = 1.0
    right[players] = full - empty
    return np.linalg.solve(system, right)[:players]


def owen_of_tree(value: Callable[[tuple[int, ...]], float], tree: Any, players: int) -> np.ndarray:
    """Owen values over a binary tree (Owen 1977), as shap's partition explainer defines them.

    The tree is nested pairs with players as leaves, such as ((0, 1), (2, (3, 4))). At a node of
    children L and R with the set m of players present and the weight w,

        visit(L, m, w/2), visit(L, m + R, w/2), visit(R, m, w/2), visit(R, m + L, w/2)

    and at a leaf p, phi_p += w (v(m + p) - v(m)). It starts with visit(root, {}, 1).
    """
    phi = np.zeros(players)

    def leaves(node: Any) -> set[int]:
        if not isinstance(node, tuple):
            return {node}
        left, right = node
        return leaves(left) | leaves(right)

    def visit(node: Any, context: set[int], weight: float) -> None:
        if not isinstance(node, tuple):
            without = float(value(coalition_of(context, players)))
            with_leaf = float(value(coalition_of(context | {node}, players)))
            phi[node] += weight * (with_leaf - without)
            return
        left, right = node
        visit(left, context, weight / 2)
        visit(left, context | leaves(right), weight / 2)
        visit(right, context, weight / 2)
        visit(right, context | leaves(left), weight / 2)

    if leaves(tree) != set(range(players)):
        raise ValueError(f"the tree's leaves are not the players 0 to {players - 1}")
    visit(tree, set(), 1.0)
    return phi
