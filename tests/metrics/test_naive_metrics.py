"""The naive references of measures themselves, against what can be solved by hand."""

from __future__ import annotations

import math

import naive_metrics as naive
import numpy as np
import pytest

SHAPES = [(2, 7), (3, 4, 5), (1, 2, 3, 4)]


def total(batch):
    """The linear net f = Σ x."""
    return batch.reshape(len(batch), -1).sum(1)


def mean(batch):
    return batch.reshape(len(batch), -1).mean(1)


def weighted(w):
    """The linear net f = Σ w x."""
    return lambda batch: (batch * w).reshape(len(batch), -1).sum(1)


def only(position):
    """The net that reads one position of the first channel."""
    return lambda batch: batch[(slice(None), 0, *position)]


def drawn(shape, seed=0):
    """A sample, its baseline and an order of its positions."""
    random = np.random.default_rng(seed)
    return (
        random.normal(size=shape),
        random.normal(size=shape),
        random.permutation(math.prod(shape[1:])),
    )


def one_hot(shape, position):
    r = np.zeros(shape)
    r[position] = 1
    return r


# ---------------------------------------------------------------------------- removal of positions


def test_halves_are_rounded_to_even_numbers():
    assert naive.counts_of(5, 2) == [0, 2, 5]
    assert naive.counts_of(7, 2) == [0, 4, 7]
    assert naive.counts_of(2, 4) == [0, 0, 1, 2, 2]


def middles(order, steps):
    """For each position the middle of the stretch of n / P on which it goes."""
    counts = naive.counts_of(len(order), steps)
    middle = np.zeros(len(order))
    for before, after in zip(counts, counts[1:]):
        middle[order[before:after]] = (before + after) / 2 / len(order)
    return middle


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("steps", [1, 3, 5, 100])
def test_areas_of_a_linear_net(shape, steps):
    x, x0, order = drawn(shape)
    share = (x - x0).sum(0).ravel()
    gone, gone_last = middles(order, steps), middles(order[::-1], steps)
    deletion = naive.deletion(total, x, order, x0, steps)
    insertion = naive.insertion(total, x, order, x0, steps)
    assert deletion.value == pytest.approx(x0.sum() + share @ gone)
    assert insertion.value == pytest.approx(x0.sum() + share @ (1 - gone))
    srg = naive.srg(total, x, order, x0, steps)
    assert srg.value == pytest.approx(share @ (gone_last - gone))
    assert deletion.curve[[0, -1]] == pytest.approx([x.sum(), x0.sum()])
    assert insertion.curve[[0, -1]] == pytest.approx([x0.sum(), x.sum()])
    assert srg.curve[[0, -1]] == pytest.approx([0, 0])
    assert len(deletion.curve) == len(insertion.curve) == len(srg.curve) == steps + 1


@pytest.mark.parametrize("steps", [2, 4, 8])
def test_areas_of_a_net_of_one_position_are_the_bounds(steps):
    x, x0 = np.ones((1, 2, 4)), np.zeros((1, 2, 4))
    best = np.array([6, 0, 1, 2, 3, 4, 5, 7])
    f = only((1, 2))
    low, high = 1 / 2 / steps, 1 - 1 / 2 / steps
    assert naive.deletion(f, x, best, x0, steps).value == pytest.approx(low)
    assert naive.deletion(f, x, best[::-1], x0, steps).value == pytest.approx(high)
    assert naive.insertion(f, x, best, x0, steps).value == pytest.approx(high)
    assert naive.insertion(f, x, best[::-1], x0, steps).value == pytest.approx(low)
    assert naive.srg(f, x, best, x0, steps).value == pytest.approx(high - low)
    assert naive.srg(f, x, best[::-1], x0, steps).value == pytest.approx(low - high)


def test_curves_by_hand():
    x, x0 = np.array([[1.0, 2.0, 4.0]]), np.zeros((1, 3))
    order = np.array([2, 0, 1])
    assert naive.deletion(total, x, order, x0, 3).curve.tolist() == [7, 3, 2, 0]
    assert naive.insertion(total, x, order, x0, 3).curve.tolist() == [0, 4, 5, 7]
    assert naive.srg(total, x, order, x0, 3).curve.tolist() == [0, 2, 2, 0]
    assert naive.deletion(total, x, order, x0, 3).value == pytest.approx(8.5 / 3)


@pytest.mark.parametrize("edge", [[], [(0, 3), (0, 4), (1, 4)]], ids=["inner", "edge"])
def test_imputation_continues_a_ramp(edge):
    """The ramp solves the system where all eight neighbours of each removed pixel are there, and on
    a border along which it rises. Each channel has a ramp of its own."""
    rows, columns = np.mgrid[0.0:6, 0:7]
    slope = 0 if edge else 2
    x = np.array([2 * columns, 1 - 3 * columns + slope * rows])
    removed = [row * 7 + column for row, column in [(2, 2), (2, 3), (3, 3), (4, 5), (1, 1), *edge]]
    broken = x.copy()
    broken.reshape(2, -1)[:, removed] = 99
    assert naive.imputed(broken, removed, np.zeros_like(x)) == pytest.approx(x)


def test_imputation_by_hand():
    zero = np.zeros((1, 3, 3))
    x = np.array([[[1.0, 2, 3], [4, 99, 6], [7, 8, 10]]])
    middle = (2 + 4 + 6 + 8) / 6 + (1 + 3 + 7 + 10) / 12
    assert naive.imputed(x, [4], zero)[0, 1, 1] == pytest.approx(middle)
    corner = naive.imputed(x, [0], zero)[0, 0, 0]
    assert corner == pytest.approx(2 / 5 * (2 + 4) + 1 / 5 * 99)
    side = naive.imputed(x, [1], zero)[0, 0, 1]
    assert side == pytest.approx((2 * (1 + 3 + 99) + 4 + 6) / 8)
    pair = np.arange(12.0).reshape(1, 3, 4) ** 2
    near = (pair[0, 0, 1] + pair[0, 1, 0] + pair[0, 2, 1]) / 6 + (
        pair[0, 0, 0] + pair[0, 0, 2] + pair[0, 2, 0] + pair[0, 2, 2]
    ) / 12
    far = (pair[0, 0, 2] + pair[0, 1, 3] + pair[0, 2, 2]) / 6 + (
        pair[0, 0, 1] + pair[0, 0, 3] + pair[0, 2, 1] + pair[0, 2, 3]
    ) / 12
    filled = naive.imputed(pair, [5, 6], np.zeros((1, 3, 4)))
    assert filled[0, 1, 1] == pytest.approx((near + far / 6) / (1 - 1 / 36))
    assert filled[0, 1, 2] == pytest.approx((far + near / 6) / (1 - 1 / 36))
    row = np.array([[[99.0, 99, 5, 99, 99, 8]]])
    assert naive.imputed(row, [0, 1, 3, 4], np.zeros((1, 1, 6))) == pytest.approx(
        np.array([[[5, 5, 5, 6, 7, 8]]])
    )


def test_imputation_leaves_what_is_not_removed_and_adds_the_noise():
    x, noise, order = drawn((2, 4, 5))
    removed = order[:9]
    filled = naive.imputed(x, removed, noise).reshape(2, -1)
    quiet = naive.imputed(x, removed, 0 * noise).reshape(2, -1)
    kept = order[9:]
    assert (filled[:, kept] == x.reshape(2, -1)[:, kept]).all()
    assert filled - quiet == pytest.approx(
        np.where(np.isin(np.arange(20), removed), noise.reshape(2, -1), 0)
    )
    assert (naive.imputed(x, [], noise) == x).all()
    with pytest.raises(ValueError, match="no pixel is left"):
        naive.imputed(x, order, noise)


def test_road_of_one_pixel_on_black():
    x = one_hot((1, 3, 3), (0, 1, 1))
    order = np.array([4, 0, 1, 2, 3, 5, 6, 7, 8])
    quiet = np.zeros_like(x)
    road = naive.road(only((1, 1)), x, order, 9, quiet)
    assert road.curve == pytest.approx([0.5] * 8)
    assert road.value == pytest.approx(0.5)
    assert naive.road(only((1, 1)), x, order[::-1], 9, quiet).value == pytest.approx(-0.5)


def test_road_of_noise_alone():
    """On a picture of one colour, a linear net sees nothing but the noise of what is removed."""
    x = np.full((2, 3, 4), 0.7)
    _, noise, order = drawn(x.shape)
    share = noise.sum(0).ravel()[order]
    counts = [3, 6, 9]
    expected = [(share[12 - n :].sum() - share[:n].sum()) / 2 for n in counts]
    road = naive.road(total, x, order, 4, noise)
    assert road.curve == pytest.approx(expected)
    assert road.value == pytest.approx(np.mean(expected))
    apart = np.empty((2, 3, *x.shape))
    apart[0], apart[1] = 5, 3
    apart[:, 2] *= 10
    road = naive.road(total, x, order, 4, apart)
    assert road.curve == pytest.approx([2 * 3, 2 * 6, 2 * 9 * 10])


# ----------------------------------------------------------------------------- what the map shows


def test_drop_increase_gain():
    x, x0 = np.full((3, 2, 2), 0.8), np.zeros((3, 2, 2))
    for height in (0, 0.25, 1):
        h = np.full((2, 2), height)
        assert naive.average_drop(mean, x, h, x0) == pytest.approx(1 - height)
        assert naive.increase(mean, x, h, x0) == 0
        assert naive.gain(mean, x, h, x0) == 0
        assert naive.average_drop(mean, x0 + 0.5, h, x0 + 1) == 0
        assert naive.increase(mean, x0 + 0.5, h, x0 + 1) == (height < 1)
        assert naive.gain(mean, x0 + 0.5, h, x0 + 1) == pytest.approx(1 - height)
    half = np.array([[1.0, 1.0], [0.0, 0.5]])
    assert naive.average_drop(mean, x, half, x0) == pytest.approx(1.5 / 4)
    assert math.isnan(naive.average_drop(mean, x0, half, x0 + 1))
    assert math.isnan(naive.gain(mean, x0 + 1, half, x0))


# ----------------------------------------------------------- agreement with what perturbations do


def test_infidelity_by_hand():
    """e = (1, 1), d = (1, 3): the best scale is 2, which leaves errors of 1."""
    x, phi, units = np.array([[5.0, 7.0]]), np.ones((1, 2)), np.eye(2)[:, np.newaxis]
    f = weighted(np.array([[1.0, 3.0]]))
    assert naive.infidelity(f, x, phi, units, normalise=False) == pytest.approx(1)
    assert naive.infidelity(f, x, phi, units) == pytest.approx(1 / 5)
    assert naive.infidelity(f, x, phi, units, scale=False, normalise=False) == pytest.approx(2)
    assert naive.infidelity(f, x, phi, units, scale=False) == pytest.approx(2 / 5)
    with pytest.raises(ValueError, match="shape"):
        naive.infidelity(f, x, phi[0], units)


@pytest.mark.parametrize("shape", SHAPES)
def test_infidelity_of_a_linear_net(shape):
    x, w, _ = drawn(shape)
    changes = np.random.default_rng(1).normal(size=(6, *shape))
    f = weighted(w)
    assert naive.infidelity(f, x, w, changes, scale=False) == pytest.approx(0, abs=1e-20)
    assert naive.infidelity(f, x, -3 * w, changes) == pytest.approx(0, abs=1e-20)
    assert naive.infidelity(f, x, 2 * w, changes, scale=False) == pytest.approx(1)
    assert naive.infidelity(f, x, 0 * w, changes) == 1
    assert naive.infidelity(weighted(0 * w), x, w, changes) == 0
    assert naive.infidelity(weighted(0 * w), x, w, changes, scale=False) == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_faithfulness_correlation_of_a_linear_net(shape):
    x, x0, order = drawn(shape)
    r = (x - x0).sum(0)
    subsets = np.array([np.roll(order, shift)[:3] for shift in range(6)])

    def measured(r):
        return naive.faithfulness_correlation(total, x, r, x0, subsets)

    assert measured(r) == pytest.approx(1)
    assert measured(1 - 2 * r) == pytest.approx(-1)
    assert measured(np.ones_like(r)) == 0
    assert naive.faithfulness_correlation(weighted(0), x, r, x0, subsets) == 0


def test_faithfulness_correlation_by_hand():
    x, x0, r = np.ones((1, 3)), np.zeros((1, 3)), np.array([1.0, 2, 3])
    f = weighted(np.array([[1.0, 2, 4]]))
    found = naive.faithfulness_correlation(f, x, r, x0, np.array([[0], [1], [2]]))
    assert found == pytest.approx(3 / math.sqrt(2 * 14 / 3))


def test_cells():
    assert naive.positions_by_cell((5,), (2,)) == [[0, 1], [2, 3, 4]]
    assert naive.positions_by_cell((2, 3), (2, 2)) == [[0], [1, 2], [3], [4, 5]]
    assert naive.positions_by_cell((2,), (3,)) == [[], [0], [1]]
    assert naive.positions_by_cell((7,), (3,)) == [[0, 1], [2, 3], [4, 5, 6]]


def test_mufidelity_looks_at_ranks():
    x, x0, _ = drawn((2, 4, 6))
    r = (x - x0).sum(0)
    subsets = np.array([[0, 1], [2, 5], [1, 4], [3, 5], [0, 3]])
    for f in (total, lambda batch: np.exp(total(batch))):
        assert naive.mufidelity(f, x, r, x0, (2, 3), subsets) == pytest.approx(1)
        assert naive.mufidelity(f, x, -r, x0, (2, 3), subsets) == pytest.approx(-1)
        assert naive.mufidelity(f, x, 0 * r + 0.1, x0, (2, 3), subsets) == 0


def test_mufidelity_of_a_net_of_one_position():
    x, x0 = np.ones((1, 4, 6)), np.zeros((1, 4, 6))
    each = np.arange(6)[:, np.newaxis]
    near, far = one_hot((4, 6), (0, 3)), one_hot((4, 6), (0, 4))
    assert naive.mufidelity(only((1, 2)), x, near, x0, (2, 3), each) == pytest.approx(1)
    assert naive.mufidelity(only((1, 2)), x, far, x0, (2, 3), each) == pytest.approx(-1 / 5)


def test_monotonicity_correlation_of_a_linear_net():
    x, w, _ = drawn((1, 4, 6))
    draws = x + np.array([1.0, -2.0]).reshape(2, 1, 1, 1)
    f = weighted(w)
    for sign in (1, -1):
        found = naive.monotonicity_correlation(f, x, sign * w[0], (2, 3), draws)
        assert found == pytest.approx(1)
    assert naive.monotonicity_correlation(f, x, 0 * w[0], (2, 3), draws) == 0


def test_monotonicity_correlation_squares_before_the_mean():
    """The effects of three cells are 1, 1/4, 0; the mean changes of the score 0, 1/2, 0."""
    x, r = np.zeros((1, 3)), np.array([3.0, -2.0, 1.0])
    draws = np.array([[[1.0, 0.5, 0]], [[-1.0, 0.5, 0]]])
    assert naive.monotonicity_correlation(total, x, r, (3,), draws) == pytest.approx(1)
    assert naive.monotonicity_correlation(total, x, r[::-1], (3,), draws) == pytest.approx(-1)


# --------------------------------------------------------------------------------------- stability


def test_sensitivity_by_hand():
    x, deltas = np.array([[1.0]]), np.array([[[0.1]], [[-0.5]]])
    assert naive.max_sensitivity(np.square, x, deltas) == pytest.approx(0.75)
    assert naive.local_lipschitz(np.square, x, deltas) == pytest.approx(2.1)


@pytest.mark.parametrize("shape", SHAPES)
def test_sensitivity_of_a_linear_map(shape):
    x, _, _ = drawn(shape)
    deltas = np.random.default_rng(1).normal(size=(4, *shape))
    largest = max(np.sqrt((deltas.reshape(4, -1) ** 2).sum(1)))
    found = naive.max_sensitivity(lambda x: -3 * x, x, deltas)
    assert found == pytest.approx(largest / np.sqrt((x**2).sum()))
    assert naive.local_lipschitz(lambda x: -3 * x, x, deltas) == pytest.approx(3)
    assert naive.max_sensitivity(np.ones_like, x, deltas) == 0
    assert naive.local_lipschitz(np.ones_like, x, deltas) == 0
    assert math.isnan(naive.max_sensitivity(np.zeros_like, x, deltas))


def test_moved():
    assert naive.moved(np.array([[1, 2, 3]]), (1,)).tolist() == [[1, 1, 2]]
    assert naive.moved(np.array([[1, 2, 3]]), (-1,)).tolist() == [[2, 3, 3]]
    found = naive.moved(np.array([[[1, 2, 3], [4, 5, 6]]]), (1, -2))
    assert found.tolist() == [[[3, 3, 3], [3, 3, 3]]]
    found = naive.moved(np.array([[[1, 2, 3], [4, 5, 6]]]), (-1, 1))
    assert found.tolist() == [[[4, 4, 5], [4, 4, 5]]]


@pytest.mark.parametrize("shape", SHAPES)
def test_continuity_of_what_moves_along(shape):
    x, _, _ = drawn(shape)
    axes = len(shape) - 1
    shifts = [(1,) * axes, (-1,) * axes, (0,) * (axes - 1) + (2,)]
    assert naive.continuity(lambda x: x.sum(0), x, shifts) == pytest.approx(1)


def test_continuity_of_what_stays():
    x, still = np.zeros((1, 4)), np.array([0.0, 3.0, 1.0, 2.0])
    assert naive.continuity(lambda x: still, x, [(1,)]) == pytest.approx(-1)
    assert naive.continuity(lambda x: still, x, [(-1,)]) == pytest.approx(-1)
    assert naive.continuity(lambda x: still, x, [(0,), (1,)]) == pytest.approx(0)


# ------------------------------------------------------------------------------------ localisation


def test_pointing_game():
    r, mask = np.array([[1.0, 0], [0, 1]]), np.array([[True, False], [False, False]])
    assert naive.pointing_game(r, mask, 0) == 0.5
    assert naive.pointing_game(r, mask, 1.4) == 0.5
    assert naive.pointing_game(r, mask, 1.5) == 1
    assert naive.pointing_game(r, ~mask, 0) == 0.5
    assert naive.pointing_game(r, mask & False, 9) == 0
    signal = np.array([0.0, 0, 0, 2, 0])
    assert naive.pointing_game(signal, np.arange(5) == 0, 2.9) == 0
    assert naive.pointing_game(signal, np.arange(5) == 0, 3) == 1


def test_energy():
    r, mask = np.array([[3.0, -5], [1, 0]]), np.array([[True, True], [False, False]])
    assert naive.energy(r, mask) == 0.75
    assert naive.energy(r, mask | True) == 1
    assert math.isnan(naive.energy(-abs(r), mask))


def test_shares_of_the_first_in_the_mask():
    order, mask = np.array([3, 0, 2, 1]), np.array([[True, False], [True, True]])
    assert naive.rank_accuracy(order, mask) == 1
    assert naive.rank_accuracy(order[::-1], mask) == pytest.approx(2 / 3)
    assert math.isnan(naive.rank_accuracy(order, mask & False))
    assert [naive.top_k_intersection(order[::-1], mask, k) for k in (1, 2, 4)] == [0, 0.5, 0.75]
    assert naive.top_k_overlap(order, order[::-1], 1) == 0
    assert naive.top_k_overlap(order, order[::-1], 3) == pytest.approx(2 / 3)
    assert naive.top_k_overlap(order, order, 3) == 1


def test_iou():
    h, mask = np.array([[0.5, 0.4], [1, 0]]), np.array([[True, True], [False, False]])
    assert naive.iou(h, mask, 0.5) == pytest.approx(1 / 3)
    assert naive.iou(h, mask, 0.4) == pytest.approx(2 / 3)
    assert naive.iou(h, h >= 0.5, 0.5) == 1
    assert naive.iou(h, mask & False, 0.5) == 0
    assert math.isnan(naive.iou(0 * h, mask & False, 0.5))


# ---------------------------------------------------------------------------------- form of the map


def test_sparseness():
    for n in (2, 5, 12):
        assert naive.sparseness(one_hot((n,), 1)) == pytest.approx((n - 1) / n)
        assert naive.sparseness(np.full((n,), -3.0)) == pytest.approx(0)
    assert naive.sparseness(np.array([[3.0, -1.0, 2.0]])) == pytest.approx(2 / 9)
    assert math.isnan(naive.sparseness(np.zeros((2, 2))))


def test_sparseness_is_the_mean_difference():
    """Gini's other definition: Σ_ij |v_i - v_j| / (2 n Σ v)."""
    v = np.random.default_rng(0).normal(size=(3, 4))
    sizes = abs(v).ravel()
    pairs = abs(sizes[:, np.newaxis] - sizes).sum()
    assert naive.sparseness(v) == pytest.approx(pairs / (2 * 12 * sizes.sum()))


def test_complexity():
    assert naive.complexity(np.full((3, 4), -2.0)) == pytest.approx(math.log(12))
    assert naive.complexity(one_hot((3, 4), (1, 1))) == 0
    assert naive.complexity(np.array([1.0, -1.0, 2.0])) == pytest.approx(1.5 * math.log(2))
    assert math.isnan(naive.complexity(np.zeros((2, 2))))


def test_discrete_entropy():
    assert naive.discrete_entropy(np.arange(12.0).reshape(3, 4), 4) == pytest.approx(math.log(4))
    assert naive.discrete_entropy(np.full((3, 4), 0.1), 4) == 0
    split = -(1 / 3) * math.log(1 / 3) - (2 / 3) * math.log(2 / 3)
    assert naive.discrete_entropy(np.array([0.0, 0.5, 1.0]), 2) == pytest.approx(split)
    assert naive.discrete_entropy(np.array([0.0, 0.4, 1.0]), 2) == pytest.approx(split)
    assert naive.discrete_entropy(np.array([-1.0, 0.25, 1.0]), 3) == pytest.approx(math.log(3))
    r = np.random.default_rng(0).normal(size=(9, 9))
    shares = np.histogram(r, 7)[0] / 81
    assert naive.discrete_entropy(r, 7) == pytest.approx(-(shares * np.log(shares)).sum())


def test_emprt():
    two, four = np.array([0.0, 0, 3, 3]), np.array([0.0, 1, 2, 3])
    assert naive.emprt(two, four, 4) == pytest.approx(1)
    assert naive.emprt(four, two, 4) == pytest.approx(-0.5)
    assert naive.emprt(four, four * 0, 4) == -1
    assert math.isnan(naive.emprt(four * 0, four, 4))


def test_ssim_by_hand():
    a = np.random.default_rng(0).uniform(size=(8, 9))
    assert naive.ssim(a, a) == pytest.approx(1)
    dark, light = np.full((8, 9), 0.2), np.full((8, 9), 0.6)
    level = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert naive.ssim(dark, light) == pytest.approx(level)
    waves = np.array([0.1] * 24 + [0] + [-0.1] * 24).reshape(7, 7)
    opposite = (-0.02 + 9e-4) / (0.02 + 9e-4)
    assert naive.ssim(0.5 + waves, 0.5 - waves) == pytest.approx(opposite)
    b = 0.5 * a + 0.2
    each = [
        naive.ssim(a[i : i + 7, j : j + 7], b[i : i + 7, j : j + 7])
        for i in range(2)
        for j in range(3)
    ]
    assert naive.ssim(a, b) == pytest.approx(np.mean(each))
    with pytest.raises(ValueError, match="does not fit"):
        naive.ssim(a[:6], a[:6])


@pytest.mark.parametrize("shape", [(9,), (8, 10), (7, 8, 7)])
def test_ssim_is_that_of_scikit_image(shape):
    metrics = pytest.importorskip("skimage.metrics")
    a, b = np.random.default_rng(0).uniform(size=(2, *shape))
    b = 0.7 * a + 0.3 * b
    expected = metrics.structural_similarity(a, b, win_size=7, data_range=1)
    assert naive.ssim(a, b) == pytest.approx(expected)


# ------------------------------------------------------------------------------------ correlations


def test_correlations_by_hand():
    a = np.array([1.0, 2, 3])
    assert naive.pearson(a, 5 - 2 * a) == pytest.approx(-1)
    assert naive.pearson(a, np.array([1.0, 2, 4])) == pytest.approx(3 / math.sqrt(2 * 14 / 3))
    assert naive.ranks(np.array([5.0, 1, 5, 7, 5])).tolist() == [3, 1, 3, 5, 3]
    assert naive.spearman(a, np.exp(a)) == pytest.approx(1)
    assert naive.spearman(np.array([1.0, 1, 2]), a) == pytest.approx(1.5 / math.sqrt(3))
    for constant in (np.full(3, 0.1), np.zeros(3)):
        for correlation in (naive.pearson, naive.spearman):
            assert correlation(a, constant) == correlation(constant, a) == 0


def test_correlations_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 6, 7))
    assert naive.pearson(a, b) == pytest.approx(stats.pearsonr(a.ravel(), b.ravel())[0])
    tied, other = random.integers(0, 5, size=(2, 6, 7))
    expected = stats.spearmanr(tied.ravel(), other.ravel())[0]
    assert naive.spearman(tied, other) == pytest.approx(expected)
