"""A naive float64 reference of relevance: the rules, on operators as explicit matrices.

Written from the papers alone, with numpy, plain loops and no code of the package, so that the
package can be held against it. Everything is about one sample: shapes have no batch axis.

A linear operator is the matrix M (outputs × inputs) and the bias b, both over flattened values:
y = M x + b. The contribution of input i to output j is z_ij = x_i M_ji. Every rule spreads the
relevance of each output over its inputs,

    R_i = Σ_j c_ij / stab(d_j) R_j,        stab(d) = d + ε sign(d), sign(0) = 1,

and differs in the contributions c_ij and the denominators d_j. With ε = 0 an output whose
denominator is exactly 0 gives nothing: there is nothing that the papers' formula could divide.

Bach et al. 2015, doi:10.1371/journal.pone.0130140 (z, ε, αβ); Montavon et al. 2017,
arXiv:1512.02479 (w², z⁺, z-box); Montavon et al. 2019, doi:10.1007/978-3-030-28954-6_10 (γ).
"""

from __future__ import annotations

from typing import Sequence

import numpy as np
from naive_operators import Window, softmax, softmax_jacobian, winner

EPSILON = 1e-6


# -------------------------------------------------------------------- rules of a linear operator


def stabilised(z: np.ndarray, eps: float) -> np.ndarray:
    """stab(z) = z + ε sign(z), where sign(0) = 1."""
    return z + eps * np.where(z >= 0, 1.0, -1.0)


def ratio(part: np.ndarray, whole: np.ndarray, eps: float) -> np.ndarray:
    """part / stab(whole), and 0 where the stabilised whole is exactly 0."""
    divisor = stabilised(whole, eps)
    return np.where(divisor == 0, 0.0, part / np.where(divisor == 0, 1.0, divisor))


def spread(
    contributions: np.ndarray, denominators: np.ndarray, relevance: np.ndarray, eps: float
) -> np.ndarray:
    """R_i = Σ_j c_ij / stab(d_j) R_j; `contributions` is outputs × inputs."""
    below = np.zeros(contributions.shape[1])
    for j in range(len(contributions)):
        below += ratio(contributions[j], denominators[j], eps) * relevance[j]
    return below


def positive(values: np.ndarray) -> np.ndarray:
    """max(v, 0)."""
    return np.maximum(values, 0.0)


def negative(values: np.ndarray) -> np.ndarray:
    """min(v, 0): negative numbers, not their sizes."""
    return np.minimum(values, 0.0)


def epsilon(
    M: np.ndarray, b: np.ndarray, x: np.ndarray, R: np.ndarray, eps: float = EPSILON
) -> np.ndarray:
    """R_i = Σ_j z_ij / stab(Σ_k z_kj + b_j) R_j (Bach 2015); ε = 0 is LRP-0."""
    z = M * x
    return spread(z, z.sum(1) + b, R, eps)


def gamma(
    M: np.ndarray,
    b: np.ndarray,
    x: np.ndarray,
    R: np.ndarray,
    gamma: float = 0.25,
    eps: float = EPSILON,
) -> np.ndarray:
    """Montavon 2019, for inputs and outputs of both signs.

    An output z_j ≥ 0 favours what is in its favour, c_ij = z_ij + γ z⁺_ij with b_j + γ b⁺_j in the
    denominator; an output z_j < 0 what makes it negative, z_ij + γ z⁻_ij with b_j + γ b⁻_j. As
    z⁺_ij is x⁺W⁺ + x⁻W⁻ and z⁻_ij is x⁺W⁻ + x⁻W⁺, inputs that are not negative give the paper's
    formula x (W + γW⁺).
    """
    z = M * x
    contributions, denominators = np.zeros(M.shape), np.zeros(len(M))
    for j in range(len(M)):
        favoured = positive if z[j].sum() + b[j] >= 0 else negative
        contributions[j] = z[j] + gamma * favoured(z[j])
        denominators[j] = contributions[j].sum() + b[j] + gamma * favoured(b[j])
    return spread(contributions, denominators, R, eps)


def z_plus(
    M: np.ndarray, b: np.ndarray, x: np.ndarray, R: np.ndarray, eps: float = EPSILON
) -> np.ndarray:
    """R_i = Σ_j z⁺_ij / stab(Σ_k z⁺_kj + b⁺_j) R_j (Montavon 2017; its biases are ≤ 0)."""
    z = positive(M * x)
    return spread(z, z.sum(1) + positive(b), R, eps)


def alpha_beta(
    M: np.ndarray,
    b: np.ndarray,
    x: np.ndarray,
    R: np.ndarray,
    alpha: float = 2.0,
    beta: float = 1.0,
    eps: float = EPSILON,
) -> np.ndarray:
    """R_i = Σ_j (α z⁺_ij / stab(Σ_k z⁺_kj + b⁺_j) − β z⁻_ij / stab(Σ_k z⁻_kj + b⁻_j)) R_j.

    Bach 2015. Each part has a denominator of its own, with its own bias. Where all
    contributions have one sign, the other part gives nothing and the relevance is not conserved.
    """
    up, down = positive(M * x), negative(M * x)
    favour = spread(up, up.sum(1) + positive(b), R, eps)
    against = spread(down, down.sum(1) + negative(b), R, eps)
    return alpha * favour - beta * against


def w_square(
    M: np.ndarray,
    b: np.ndarray,
    x: np.ndarray,
    R: np.ndarray,
    eps: float = EPSILON,
    with_bias: bool = False,
) -> np.ndarray:
    """R_i = Σ_j M_ji² / stab(Σ_k M_jk²) R_j (Montavon 2017), whatever the input is.

    The paper's denominator has no bias; `with_bias` adds b_j² to it.
    """
    squares = M**2
    return spread(squares, squares.sum(1) + (b**2 if with_bias else 0.0), R, eps)


def flat(
    connected: np.ndarray, b: np.ndarray, x: np.ndarray, R: np.ndarray, eps: float = EPSILON
) -> np.ndarray:
    """R_i = Σ_j [i is an input of j] / stab(number of j's inputs) R_j.

    `connected` is the operator's matrix with ones in place of its weights: an input whose weight
    happens to be 0 is an input all the same. Padding is none.
    """
    ones = (connected != 0).astype(np.float64)
    return spread(ones, ones.sum(1), R, eps)


def z_box(
    M: np.ndarray,
    b: np.ndarray,
    x: np.ndarray,
    R: np.ndarray,
    low: float | np.ndarray,
    high: float | np.ndarray,
    eps: float = EPSILON,
) -> np.ndarray:
    """c_ij = x_i M_ji − l_i M⁺_ji − h_i M⁻_ji, and their sum below (Montavon 2017, zᴮ).

    Of the bias b − b⁺ − b⁻ = 0 is left in the denominator. `low` and `high` are numbers, or
    arrays over the flattened input.
    """
    contributions = M * x - positive(M) * low - negative(M) * high
    return spread(contributions, contributions.sum(1), R, eps)


def excitation(M: np.ndarray, b: np.ndarray, x: np.ndarray, R: np.ndarray) -> np.ndarray:
    """R_i = Σ_j x_i M⁺_ji / Σ_k x_k M⁺_jk R_j (Zhang et al. 2016, arXiv:1608.00507).

    The probability that input i wins if output j has won. There are no biases, inputs are not
    negative, and an output without any excitation gives nothing.
    """
    if (x < 0).any():
        raise ValueError("excitation backprop needs inputs that are not negative")
    excited = x * positive(M)
    return spread(excited, excited.sum(1), R, 0.0)


# ------------------------------------------------------------------------------- other operators


def affine(
    scale: np.ndarray, shift: np.ndarray, x: np.ndarray, R: np.ndarray, eps: float = EPSILON
) -> np.ndarray:
    """ε at y = scale · x + shift, element by element: batch norm alone, or fixed statistics."""
    return ratio(scale * x, scale * x + shift, eps) * R


def sum_of_parts(
    parts: Sequence[np.ndarray], R: np.ndarray, eps: float = EPSILON
) -> list[np.ndarray]:
    """ε at y = Σ parts: each part has its share of the sum."""
    whole = sum(parts[1:], parts[0])
    return [ratio(part, whole, eps) * R for part in parts]


def fold(values: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """What came back to an array of this shape that was broadcast: sums over what it was over."""
    values = values.sum(tuple(range(values.ndim - len(shape))))
    for axis, size in enumerate(shape):
        if size == 1:
            values = values.sum(axis, keepdims=True)
    return values


def gated_product(
    signal: np.ndarray, gate: np.ndarray, R: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The signal takes all, the gate nothing (Arras et al. 2017, arXiv:1706.07206)."""
    return fold(R, signal.shape), np.zeros(gate.shape)


def product(
    a: np.ndarray, b: np.ndarray, R: np.ndarray, eps: float = EPSILON
) -> tuple[np.ndarray, np.ndarray]:
    """Half each where none of both is a gate: ½ ab / stab(ab) R for either."""
    half = 0.5 * ratio(a * b, a * b, eps) * R
    return fold(half, a.shape), fold(half, b.shape)


def softmax_relevance(x: np.ndarray, R: np.ndarray, eps: float = EPSILON) -> np.ndarray:
    """The general step: R_i = x_i Σ_j ∂y_j/∂x_i R_j / stab(y_j)."""
    return x * (softmax_jacobian(x).T @ ratio(R, softmax(x), eps))


def max_pool_relevance(values: np.ndarray, windows: Sequence[Window], R: np.ndarray) -> np.ndarray:
    """The winner of each window takes all."""
    below = np.zeros(len(values))
    for window, relevance in zip(windows, R):
        below[winner(values, window)] += relevance
    return below


def max_reduction_relevance(
    values: np.ndarray, windows: Sequence[Window], R: np.ndarray
) -> np.ndarray:
    """All that are equal to the maximum take the same share."""
    below = np.zeros(len(values))
    for window, relevance in zip(windows, R):
        largest = values[winner(values, window)]
        ties = [place for place in window.inputs if values[place] == largest]
        for place in ties:
            below[place] += relevance / len(ties)
    return below
