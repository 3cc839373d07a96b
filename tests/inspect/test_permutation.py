"""Permutation tests against all permutations there are, plain loops, and chance."""

from __future__ import annotations

import math
from itertools import combinations, product

import numpy as np
import pytest

from gradcam_mx.inspect import permutation
from gradcam_mx.inspect.permutation import Categories, Design, Numbers, outcome_of

NO_PAIRS = np.zeros((0, 2), int)


def energy(first, second):
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| by plain loops."""

    def mean(a, b):
        return sum(abs(one - other) for one in a for other in b) / len(a) / len(b)

    return 2 * mean(first, second) - mean(first, first) - mean(second, second)


def chi_square(first, second):
    found, total = 0.0, len(first) + len(second)
    for level in {*first, *second}:
        both = list(first).count(level) + list(second).count(level)
        for one in (first, second):
            expected = both * len(one) / total
            found += (list(one).count(level) - expected) ** 2 / expected
    return found


NAIVE = {Numbers: energy, Categories: chi_square}


def split(values, chosen):
    """The numbers of those that are not chosen, and of those that are."""
    others = [one for one in range(len(values)) if one not in chosen]
    both = [[values[one] for one in part] for part in (others, chosen)]
    return [[one for one in part if not math.isnan(one)] for part in both]


def values_of(kind, count=9, seed=0):
    draws = np.random.RandomState(seed)
    found = draws.randint(4, size=count).astype(float)
    if kind is Numbers:
        found += np.round(draws.randn(count), 1)
        found[2] = found[6]
    found[4] = np.nan
    return found


@pytest.mark.parametrize("kind", [Numbers, Categories])
def test_statistics_are_those_of_plain_loops(kind):
    values = values_of(kind)
    splits = list(combinations(range(9), 4))
    found = kind(values).statistics(np.array(splits))
    for one, chosen in zip(found, splits):
        assert one == pytest.approx(NAIVE[kind](*split(values, chosen)), abs=1e-12)


@pytest.mark.parametrize("kind", [Numbers, Categories])
def test_a_side_that_has_nothing_does_not_differ(kind):
    values = np.array([1.0, 2, np.nan, np.nan])
    assert kind(values).statistics(np.array([[2, 3], [0, 1]])).tolist() == [0, 0]
    assert kind(np.full(4, np.nan)).statistics(np.array([[2, 3]])).tolist() == [0]
    assert kind(np.full(4, 7.0)).statistics(np.array([[2, 3]])).tolist() == [0]


def test_many_numbers_in_groups_differ_as_they_do_one_by_one(monkeypatch):
    draws = np.random.RandomState(3)
    values = np.concatenate([draws.randn(1500), draws.randn(1500) + 0.2])
    values[::7] = 0.5  # equal values stay in one group
    current = np.stack([draws.permutation(3000)[:1500], np.arange(1500, 3000)])
    grouped = Numbers(values).statistics(current)
    monkeypatch.setattr(permutation, "BINS", 10_000)
    np.testing.assert_allclose(grouped, Numbers(values).statistics(current), rtol=0.01)


def test_groups_know_nothing_of_the_order_of_the_samples():
    """It is by their order that samples are of one store or of the other."""
    draws = np.random.RandomState(4)
    values = np.concatenate([draws.randn(2000), np.zeros(2000)])
    order = draws.permutation(4000)
    place = np.argsort(order)
    current = np.stack([draws.permutation(4000)[:1000] for _ in range(5)])
    found = Numbers(values[order]).statistics(place[current])
    np.testing.assert_allclose(found, Numbers(values).statistics(current), rtol=1e-9)


@pytest.mark.parametrize("kind", [Numbers, Categories])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_p_values_are_those_of_all_permutations(kind, seed):
    values = values_of(kind, 9, seed)
    values[5:] += seed  # from no difference to a large one
    design = Design(5, 4, NO_PAIRS)
    all_there_are = [NAIVE[kind](*split(values, one)) for one in combinations(range(9), 4)]
    own = NAIVE[kind](*split(values, (5, 6, 7, 8)))
    exact = np.mean([one >= own - 1e-9 for one in all_there_are])
    found = outcome_of([kind(values)], design, permutations=20_000, seed=0, progress=False)
    error = math.sqrt(exact * (1 - exact) / 20_000)
    assert found.p[0] == pytest.approx(exact, abs=4 * error + 1e-4)
    assert found.corrected[0] == pytest.approx(found.p[0])


def test_p_values_with_pairs_are_those_of_all_swaps():
    """Two samples are in both stores, and change places with their like alone."""
    values = np.array([0.3, 1.0, 2.0, 0.1, 0.9, 1.9, 2.6])
    pairs = np.array([[1, 4], [2, 6]])
    design = Design(4, 3, pairs)
    alone = [0, 3, 5]
    found = []
    for single in combinations(alone, 1):
        for first, second in product((1, 4), (2, 6)):
            found.append(energy(*split(values, (*single, first, second))))
    exact = np.mean([one >= energy(*split(values, (4, 5, 6))) - 1e-9 for one in found])
    drawn = np.concatenate(list(design.draws(500, 0)))
    assert {tuple(sorted(one)) for one in drawn} == {
        tuple(sorted((single, first, second)))
        for single in alone
        for first, second in product((1, 4), (2, 6))
    }
    done = outcome_of([Numbers(values)], design, permutations=20_000, seed=1, progress=False)
    assert done.p[0] == pytest.approx(exact, abs=0.02)


def naive_correction(scores):
    """Step-down maxT as Westfall and Young tell it, by plain loops over (1 + B, T) scores."""
    own, drawn = scores[0], scores[1:]
    order = sorted(range(len(own)), key=lambda one: -own[one])
    found, before = {}, 0.0
    for place, one in enumerate(order):
        count = 0
        for row in drawn:
            count += max(row[other] for other in order[place:]) >= own[one] - 1e-12
        before = max(before, (1 + count) / (1 + len(drawn)))
        found[one] = before
    return [found[one] for one in range(len(own))]


@pytest.mark.parametrize("seed", range(5))
def test_the_correction_is_that_of_plain_loops(seed):
    scores = np.random.RandomState(seed).randn(60, 6)
    scores[:, 3] = scores[:, 2] + 0.1 * scores[:, 3]
    scores[0, seed % 6] += 2
    assert permutation._corrected(scores).tolist() == pytest.approx(naive_correction(scores))


def drawn(draws, count, shift=0.0, quantities=6):
    """Quantities that have something to do with each other, of two samples."""
    common = draws.randn(2 * count)
    found = []
    for number in range(quantities):
        values = common * 0.7 + draws.randn(2 * count)
        values[count:] += shift * (number == 0)
        found.append(Numbers(np.exp(values)) if number % 2 else Numbers(values))
    return [*found, Categories(draws.randint(5, size=2 * count).astype(float))]


def test_where_nothing_has_changed_p_is_uniform_and_alarms_are_as_rare_as_alpha():
    draws, runs, count, alpha = np.random.RandomState(0), 300, 40, 0.1
    design = Design(count, count, NO_PAIRS)
    found = [
        outcome_of(drawn(draws, count), design, permutations=99, seed=run, progress=False)
        for run in range(runs)
    ]
    single = np.array([one.p for one in found])
    for column in single.T:
        # Kolmogorov and Smirnov's bound for 1 in 10,000, and the step of p itself
        ranks = np.arange(1, runs + 1) / runs
        assert abs(np.sort(column) - ranks).max() < 2.23 / math.sqrt(runs) + 0.01
    alarms = sum(one.corrected.min() <= alpha for one in found)
    # 4 standard deviations of a binomial distribution, on both sides: it is as many as it may be
    assert abs(alarms - alpha * runs) <= 4 * math.sqrt(runs * alpha * (1 - alpha))
    # without the correction it would be far more
    assert (single.min(axis=1) <= alpha).sum() > 2 * alpha * runs


def test_the_correction_leaves_what_has_not_changed():
    draws, runs, count = np.random.RandomState(1), 60, 60
    design = Design(count, count, NO_PAIRS)
    of_changed = others = 0
    for run in range(runs):
        done = outcome_of(
            drawn(draws, count, shift=1.5), design, permutations=99, seed=run, progress=False
        )
        of_changed += done.corrected[0] <= 0.05
        others += done.corrected[1:].min() <= 0.05
    assert of_changed >= 0.95 * runs
    assert others <= 0.05 * runs + 4 * math.sqrt(runs * 0.05 * 0.95)


def test_no_p_value_is_below_one_in_all_that_were_looked_at():
    values = np.concatenate([np.zeros(50), np.ones(50)])
    done = outcome_of(
        [Numbers(values), Categories(values)],
        Design(50, 50, NO_PAIRS),
        permutations=99,
        seed=0,
        progress=False,
    )
    assert done.p.tolist() == done.corrected.tolist() == [0.01, 0.01]


def test_all_is_the_same_again_and_the_callers_random_state_stays():
    draws = np.random.RandomState(2)
    quantities, design = drawn(draws, 30), Design(30, 30, NO_PAIRS)
    before = np.random.get_state()[1].copy()
    one, other, third = (
        outcome_of(quantities, design, permutations=99, seed=seed, progress=False)
        for seed in (5, 5, 6)
    )
    assert one.corrected.tolist() == other.corrected.tolist() != third.corrected.tolist()
    assert (np.random.get_state()[1] == before).all()
