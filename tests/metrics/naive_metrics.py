"""Naive float64 references, from the papers, of measures of explanations; no code of the package.

A score ``f`` maps a batch (M, C, *positions) to (M,). A sample ``x`` and what replaces it, ``x0``,
are arrays (C, *positions); its relevance ``r`` and a heat map ``h`` in [0, 1] are (*positions).
A position counts flat, in C order. An ``order`` lists all of them, the most relevant first: ties
are broken by chance, so that it is the caller's, as all other draws are.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Callable, Iterable, NamedTuple, Sequence

import numpy as np

Score = Callable[[np.ndarray], np.ndarray]
Explain = Callable[[np.ndarray], np.ndarray]


class Curve(NamedTuple):
    """A measure that sums up a curve, and the curve."""

    value: float
    curve: np.ndarray


# ------------------------------------------------------------------------------------------- parts


def score(f: Score, x: np.ndarray) -> float:
    """f of one sample."""
    return float(f(x[np.newaxis])[0])


def replaced(x: np.ndarray, chosen: Iterable[int], values: np.ndarray) -> np.ndarray:
    """A copy of x with the values, in every channel, at the chosen flat positions."""
    z = x.copy()
    for flat in chosen:
        position = np.unravel_index(flat, x.shape[1:])
        for channel in range(len(x)):
            z[(channel, *position)] = values[(channel, *position)]
    return z


def counts_of(positions: int, steps: int) -> list[int]:
    """n_k = round(k P / steps) for k = 0..steps, halves to the even number."""
    return [round(Fraction(k * positions, steps)) for k in range(steps + 1)]


def area(heights: Sequence[float], places: Sequence[float]) -> float:
    """The area under straight lines between the points."""
    return math.fsum(
        (places[k + 1] - places[k]) * (heights[k] + heights[k + 1]) / 2
        for k in range(len(places) - 1)
    )


def cell_of(position: Sequence[int], sizes: Sequence[int], cells: Sequence[int]) -> int:
    """The flat number of the cell that a position lies in.

    Along an axis of size H with G cells, h lies in cell c where c H // G <= h < (c + 1) H // G.
    """
    number = 0
    for h, size, many in zip(position, sizes, cells):
        (c,) = (c for c in range(many) if c * size // many <= h < (c + 1) * size // many)
        number = number * many + c
    return number


def positions_by_cell(sizes: Sequence[int], cells: Sequence[int]) -> list[list[int]]:
    """The flat positions in each cell; some are empty where cells outnumber positions."""
    inside: list[list[int]] = [[] for _ in range(math.prod(cells))]
    for flat, position in enumerate(np.ndindex(*sizes)):
        inside[cell_of(position, sizes, cells)].append(flat)
    return inside


def norm(values: np.ndarray) -> float:
    """The square root of the sum of squares."""
    return math.sqrt(math.fsum(float(value) ** 2 for value in values.flat))


# ------------------------------------------------------------------------------------ correlations


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation of two lists or maps; 0 if either is constant."""
    a, b = np.ravel(a).astype(float), np.ravel(b).astype(float)
    if min(a) == max(a) or min(b) == max(b):
        return 0.0
    mean_a, mean_b = math.fsum(a) / len(a), math.fsum(b) / len(b)
    both = math.fsum((p - mean_a) * (q - mean_b) for p, q in zip(a, b))
    square_a = math.fsum((p - mean_a) ** 2 for p in a)
    square_b = math.fsum((q - mean_b) ** 2 for q in b)
    return both / math.sqrt(square_a) / math.sqrt(square_b)


def ranks(values: np.ndarray) -> np.ndarray:
    """The rank of each, from 1 for the lowest; equal ones have the mean of the ranks they take."""
    values = np.ravel(values)
    return np.array(
        [np.sum(values < value) + (np.sum(values == value) + 1) / 2 for value in values]
    )


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of two lists or maps; 0 if either is constant."""
    return pearson(ranks(a), ranks(b))


def top_k_overlap(order: np.ndarray, other: np.ndarray, k: int) -> float:
    """The share of the first k of an order that are among the first k of the other."""
    others = {int(flat) for flat in other[:k]}
    return sum(int(flat) in others for flat in order[:k]) / k


# ---------------------------------------------------------------------------- removal of positions


def deletion(f: Score, x: np.ndarray, order: np.ndarray, x0: np.ndarray, steps: int) -> Curve:
    """The area under the score while positions go, the first of the order first.

    curve_k = f(x with the first n_k positions at x0), over n_k / P
    (Petsiuk 2018, arXiv:1806.07421)
    """
    counts = counts_of(len(order), steps)
    curve = [score(f, replaced(x, order[:count], x0)) for count in counts]
    return Curve(area(curve, [count / len(order) for count in counts]), np.array(curve))


def insertion(f: Score, x: np.ndarray, order: np.ndarray, x0: np.ndarray, steps: int) -> Curve:
    """The area under the score while positions come, the first of the order first.

    curve_k = f(x0 with the first n_k positions at x), over n_k / P
    (Petsiuk 2018, arXiv:1806.07421)
    """
    counts = counts_of(len(order), steps)
    curve = [score(f, replaced(x0, order[:count], x)) for count in counts]
    return Curve(area(curve, [count / len(order) for count in counts]), np.array(curve))


def srg(f: Score, x: np.ndarray, order: np.ndarray, x0: np.ndarray, steps: int) -> Curve:
    """Symmetric relevance gain: area(least relevant first) - area(most relevant first).

    The curve is the difference of the two curves (Blücher 2024, arXiv:2401.06654).
    """
    most = deletion(f, x, order, x0, steps)
    least = deletion(f, x, order[::-1], x0, steps)
    return Curve(least.value - most.value, least.curve - most.curve)


def imputed(x: np.ndarray, removed: Sequence[int], noise: np.ndarray) -> np.ndarray:
    """A picture (C, H, W) with its removed pixels filled from those around, and noise on them.

    Each removed pixel is the weighted mean of those of its eight neighbours that lie within the
    picture: 1/6 for the four direct ones, 1/12 for the four diagonal ones, over the sum of the
    weights at hand. At least one pixel must be left: otherwise there is no unique solution.
    """
    _, height, width = x.shape
    unknown = {divmod(int(flat), width): i for i, flat in enumerate(removed)}
    filled = x.copy()
    if not unknown:
        return filled
    if len(unknown) == height * width:
        raise ValueError("no pixel is left to impute from")
    for channel in range(len(x)):
        system = np.zeros((len(unknown), len(unknown)))
        known = np.zeros(len(unknown))
        for (row, column), i in unknown.items():
            weights = {
                (row + down, column + right): 1 / 6 if 0 in (down, right) else 1 / 12
                for down, right in itertools.product((-1, 0, 1), repeat=2)
                if (down, right) != (0, 0)
                and 0 <= row + down < height
                and 0 <= column + right < width
            }
            whole = math.fsum(weights.values())
            system[i, i] = 1
            for pixel, weight in weights.items():
                if pixel in unknown:
                    system[i, unknown[pixel]] -= weight / whole
                else:
                    known[i] += weight / whole * x[(channel, *pixel)]
        solution = np.linalg.solve(system, known)
        for pixel, i in unknown.items():
            filled[(channel, *pixel)] = solution[i] + noise[(channel, *pixel)]
    return filled


def road(f: Score, x: np.ndarray, order: np.ndarray, steps: int, noise: np.ndarray) -> Curve:
    """Remove and debias: what the score falls more if the most relevant pixels are imputed.

    curve_k = (f(least relevant imputed) - f(most relevant imputed)) / 2 for the first n_k of
    either order, k = 1..steps-1; the value is its mean. The noise is (C, H, W) for all pictures
    alike, or (2, steps-1, C, H, W): least relevant first, then most (Rong 2022, arXiv:2202.00449).
    """
    noise = np.broadcast_to(noise, (2, steps - 1, *x.shape))
    counts = counts_of(len(order), steps)[1:-1]
    curve = []
    for k, count in enumerate(counts):
        least = score(f, imputed(x, order[::-1][:count], noise[0, k]))
        most = score(f, imputed(x, order[:count], noise[1, k]))
        curve.append((least - most) / 2)
    return Curve(math.fsum(curve) / len(curve), np.array(curve))


# ----------------------------------------------------------------------------- what the map shows


def shown(x: np.ndarray, h: np.ndarray, x0: np.ndarray) -> np.ndarray:
    """h x + (1 - h) x0, in every channel."""
    z = np.empty_like(x)
    for channel in range(len(x)):
        for position in np.ndindex(*h.shape):
            at = (channel, *position)
            z[at] = h[position] * x[at] + (1 - h[position]) * x0[at]
    return z


def average_drop(f: Score, x: np.ndarray, h: np.ndarray, x0: np.ndarray) -> float:
    """max(y - y', 0) / y of one sample, with y = f(x), y' = f(what the map shows); NaN if y = 0.

    (Chattopadhay 2018, arXiv:1710.11063)
    """
    y, seen = score(f, x), score(f, shown(x, h, x0))
    return math.nan if y == 0 else max(y - seen, 0.0) / y


def increase(f: Score, x: np.ndarray, h: np.ndarray, x0: np.ndarray) -> float:
    """1 if y' > y, else 0 (Chattopadhay 2018, arXiv:1710.11063)."""
    return float(score(f, shown(x, h, x0)) > score(f, x))


def gain(f: Score, x: np.ndarray, h: np.ndarray, x0: np.ndarray) -> float:
    """max(y' - y, 0) / (1 - y); NaN if y = 1 (Zhang 2023, arXiv:2301.07002)."""
    y, seen = score(f, x), score(f, shown(x, h, x0))
    return math.nan if y == 1 else max(seen - y, 0.0) / (1 - y)


# ----------------------------------------------------------- agreement with what perturbations do


def infidelity(
    f: Score,
    x: np.ndarray,
    phi: np.ndarray,
    perturbations: np.ndarray,
    scale: bool = True,
    normalise: bool = True,
) -> float:
    """The mean of (β e - d)² over perturbations I (J, C, *positions), of attributions like x.

    e = Σ I phi, d = f(x) - f(x - I). With scale, β = Σ e d / Σ e² (0 if Σ e² is 0), else 1.
    Normalised, it is over the mean of d² (0 if that is 0) (Yeh 2019, arXiv:1901.09392).
    """
    if phi.shape != x.shape:
        raise ValueError(f"attributions of shape {phi.shape} for a sample of shape {x.shape}")
    expected = [math.fsum((change * phi).flat) for change in perturbations]
    found = [score(f, x) - score(f, x - change) for change in perturbations]
    beta = 1.0
    if scale:
        squares = math.fsum(e * e for e in expected)
        beta = math.fsum(e * d for e, d in zip(expected, found)) / squares if squares else 0.0
    error = math.fsum((beta * e - d) ** 2 for e, d in zip(expected, found)) / len(found)
    if not normalise:
        return error
    power = math.fsum(d * d for d in found) / len(found)
    return error / power if power else 0.0


def sums_and_drops(
    f: Score, x: np.ndarray, r: np.ndarray, x0: np.ndarray, subsets: Iterable[Sequence[int]]
) -> tuple[np.ndarray, np.ndarray]:
    """For each set S of flat positions: Σ_{i in S} r_i, and f(x) - f(x with S at x0)."""
    relevance = np.ravel(r)
    sums, drops = [], []
    for chosen in subsets:
        sums.append(math.fsum(relevance[flat] for flat in chosen))
        drops.append(score(f, x) - score(f, replaced(x, chosen, x0)))
    return np.array(sums), np.array(drops)


def faithfulness_correlation(
    f: Score, x: np.ndarray, r: np.ndarray, x0: np.ndarray, subsets: np.ndarray
) -> float:
    """Pearson's correlation of relevance and drop over subsets (J, n) of flat positions.

    (Bhatt 2020, arXiv:2005.00631)
    """
    return pearson(*sums_and_drops(f, x, r, x0, subsets))


def mufidelity(
    f: Score,
    x: np.ndarray,
    r: np.ndarray,
    x0: np.ndarray,
    cells: Sequence[int],
    subsets: np.ndarray,
) -> float:
    """Spearman's correlation of relevance and drop over subsets (J, n) of flat cells.

    There are `cells` of them along each axis
    (Bhatt 2020, arXiv:2005.00631, with the grid of Fel 2022, arXiv:2009.04521).
    """
    inside = positions_by_cell(r.shape, cells)
    chosen = [[flat for cell in subset for flat in inside[cell]] for subset in subsets]
    return spearman(*sums_and_drops(f, x, r, x0, chosen))


def monotonicity_correlation(
    f: Score, x: np.ndarray, r: np.ndarray, cells: Sequence[int], draws: np.ndarray
) -> float:
    """Spearman's correlation of |Σ_{i in c} r_i| and e_c over the cells c.

    e_c = mean_j (f(x) - f(x with cell c from draw j))², of draws (J, C, *positions)
    (Nguyen & Martínez 2020, arXiv:2007.07584).
    """
    relevance = np.ravel(r)
    sizes, effects = [], []
    for inside in positions_by_cell(r.shape, cells):
        sizes.append(abs(math.fsum(relevance[flat] for flat in inside)))
        squares = [(score(f, x) - score(f, replaced(x, inside, draw))) ** 2 for draw in draws]
        effects.append(math.fsum(squares) / len(squares))
    return spearman(np.array(sizes), np.array(effects))


# --------------------------------------------------------------------------------------- stability


def max_sensitivity(phi: Explain, x: np.ndarray, deltas: np.ndarray) -> float:
    """max_j |φ(x + δ_j) - φ(x)|₂ / |φ(x)|₂ over δ (J, C, *positions); NaN if φ(x) is 0.

    (Yeh 2019, arXiv:1901.09392)
    """
    whole = norm(phi(x))
    if whole == 0:
        return math.nan
    return max(norm(phi(x + delta) - phi(x)) for delta in deltas) / whole


def local_lipschitz(phi: Explain, x: np.ndarray, deltas: np.ndarray) -> float:
    """max_j |φ(x + δ_j) - φ(x)|₂ / |δ_j|₂ over δ (J, C, *positions), none of them 0.

    (Alvarez-Melis & Jaakkola 2018, arXiv:1806.08049)
    """
    return max(norm(phi(x + delta) - phi(x)) / norm(delta) for delta in deltas)


def moved(x: np.ndarray, shift: Sequence[int]) -> np.ndarray:
    """x with what was at p now at p + shift; what comes in is the border's next position."""
    z = np.empty_like(x)
    sizes = x.shape[1:]
    for position in np.ndindex(*sizes):
        source = [min(max(p - s, 0), size - 1) for p, s, size in zip(position, shift, sizes)]
        for channel in range(len(x)):
            z[(channel, *position)] = x[(channel, *source)]
    return z


def continuity(phi: Explain, x: np.ndarray, shifts: Iterable[Sequence[int]]) -> float:
    """How far the map (*positions) moves as the picture does.

    The mean over shifts, a whole number for each axis, of Spearman's correlation of φ(x) at p and
    φ(moved x) at p + shift, over all p for which p + shift lies within the picture.
    """
    r = phi(x)
    found = []
    for shift in shifts:
        other = phi(moved(x, shift))
        here, there = [], []
        for position in np.ndindex(*r.shape):
            target = tuple(p + s for p, s in zip(position, shift))
            if all(0 <= t < size for t, size in zip(target, r.shape)):
                here.append(r[position])
                there.append(other[target])
        found.append(spearman(np.array(here), np.array(there)))
    return math.fsum(found) / len(found)


# ------------------------------------------------------------------------------------ localisation


def pointing_game(r: np.ndarray, mask: np.ndarray, tolerance: float) -> float:
    """The share of the positions of the highest r within Euclidean `tolerance` of the mask's.

    (Zhang 2016, arXiv:1608.00507)
    """
    inside = [position for position in np.ndindex(*mask.shape) if mask[position]]
    highest = [position for position in np.ndindex(*r.shape) if r[position] == r.max()]
    hits = [
        any(sum((p - q) ** 2 for p, q in zip(one, other)) <= tolerance**2 for other in inside)
        for one in highest
    ]
    return sum(hits) / len(hits)


def energy(r: np.ndarray, mask: np.ndarray) -> float:
    """Σ_mask max(r, 0) / Σ max(r, 0); NaN if nothing is positive (Wang 2020, arXiv:1910.01279)."""
    positive = {position: max(float(r[position]), 0.0) for position in np.ndindex(*r.shape)}
    whole = math.fsum(positive.values())
    if whole == 0:
        return math.nan
    return math.fsum(value for position, value in positive.items() if mask[position]) / whole


def top_k_intersection(order: np.ndarray, mask: np.ndarray, k: int) -> float:
    """The share of the first k positions that lie in the mask."""
    return sum(bool(mask[np.unravel_index(flat, mask.shape)]) for flat in order[:k]) / k


def rank_accuracy(order: np.ndarray, mask: np.ndarray) -> float:
    """The share of the first |M| positions that lie in the mask M; NaN if it is empty.

    (Arras 2022, arXiv:2003.07258)
    """
    size = sum(bool(one) for one in mask.flat)
    return top_k_intersection(order, mask, size) if size else math.nan


def iou(h: np.ndarray, mask: np.ndarray, threshold: float) -> float:
    """|{h >= threshold} ∩ mask| / |{h >= threshold} ∪ mask|; NaN if both are empty."""
    both = either = 0
    for position in np.ndindex(*h.shape):
        high, inside = bool(h[position] >= threshold), bool(mask[position])
        both += high and inside
        either += high or inside
    return both / either if either else math.nan


# ---------------------------------------------------------------------------------- form of the map


def sparseness(r: np.ndarray) -> float:
    """Gini's index of |r|: 1 - 2 Σ_k v_k / Σ v · (n - k + 1/2) / n, v ascending, k = 1..n.

    NaN for r = 0 (Chalasani 2020, arXiv:1810.06583).
    """
    v = sorted(abs(float(value)) for value in r.flat)
    whole = math.fsum(v)
    if whole == 0:
        return math.nan
    n = len(v)
    return 1 - 2 * math.fsum(v[k - 1] / whole * (n - k + 0.5) / n for k in range(1, n + 1))


def entropy(shares: Iterable[float]) -> float:
    """-Σ p ln p, where 0 ln 0 is 0."""
    return math.fsum(-p * math.log(p) for p in shares if p > 0)


def complexity(r: np.ndarray) -> float:
    """The entropy of |r| / Σ |r|; NaN for r = 0 (Bhatt 2020, arXiv:2005.00631)."""
    sizes = [abs(float(value)) for value in r.flat]
    whole = math.fsum(sizes)
    return entropy(size / whole for size in sizes) if whole else math.nan


def discrete_entropy(r: np.ndarray, bins: int) -> float:
    """The entropy of a histogram of equal bins from the lowest to the highest value.

    A bin has its lower end, the last one its upper end too. Fractions, as a value at an end could
    fall on either side of a rounded one.
    """
    values = [Fraction(float(value)) for value in r.flat]
    low, high = min(values), max(values)
    if low == high:
        return 0.0
    counts = [0] * bins
    for value in values:
        counts[min(math.floor((value - low) * bins / (high - low)), bins - 1)] += 1
    return entropy(count / len(values) for count in counts)


def emprt(r: np.ndarray, r_random: np.ndarray, bins: int) -> float:
    """(H(r_random) - H(r)) / H(r), H the discrete entropy; NaN if H(r) is 0.

    r_random is the relevance of the net with random parameters (Hedström 2024, arXiv:2401.06465).
    """
    own = discrete_entropy(r, bins)
    return (discrete_entropy(r_random, bins) - own) / own if own else math.nan


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """The structural similarity of two maps with values in [0, 1] (Wang 2004).

    The mean, over all windows of 7 positions along each axis within the map, of
    (2 μ_a μ_b + C1) (2 σ_ab + C2) / ((μ_a² + μ_b² + C1) (σ_a² + σ_b² + C2)),
    with C1 = 0.01², C2 = 0.03², and (co)variances over n - 1.
    """
    c1, c2, window = 0.01**2, 0.03**2, 7
    if min(a.shape) < window:
        raise ValueError(f"a window of {window} does not fit a map of shape {a.shape}")
    found = []
    for start in np.ndindex(*(size - window + 1 for size in a.shape)):
        part = tuple(slice(s, s + window) for s in start)
        p, q = [float(v) for v in a[part].flat], [float(v) for v in b[part].flat]
        n = len(p)
        mean_p, mean_q = math.fsum(p) / n, math.fsum(q) / n
        variance_p = math.fsum((v - mean_p) ** 2 for v in p) / (n - 1)
        variance_q = math.fsum((v - mean_q) ** 2 for v in q) / (n - 1)
        both = math.fsum((v - mean_p) * (w - mean_q) for v, w in zip(p, q)) / (n - 1)
        found.append(
            (2 * mean_p * mean_q + c1)
            * (2 * both + c2)
            / ((mean_p**2 + mean_q**2 + c1) * (variance_p + variance_q + c2))
        )
    return math.fsum(found) / len(found)
