"""Numbers that say where a map looks: by plain loops, and of maps where they are known."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from gradcam_mx.inspect.map_statistics import from_class_means, masses, of_masses


def naive(values, signed):
    """Name → number of one map; None of one that shows nothing."""
    size = values.shape
    low = min(0.0, float(values.min()))
    shown, total = {}, 0.0
    for place in product(*map(range, size)):
        value = float(values[place])
        shown[place] = max(value, 0.0) if signed else value - low
        total += shown[place]
    if total == 0:
        return None
    centre, names = [0.0] * len(size), "zyx"[-len(size) :]
    entropy = border = 0.0
    frame = [max(1, round(side / 8)) for side in size]
    for place, value in shown.items():
        p = value / total
        for axis, (at, side) in enumerate(zip(place, size)):
            centre[axis] += p * (at + 0.5) / side
        if p > 0:
            entropy -= p * math.log(p)
        if any(at < f or at >= side - f for at, side, f in zip(place, size, frame)):
            border += p
    variance = 0.0
    for place, value in shown.items():
        for at, side, middle in zip(place, size, centre):
            variance += value / total * ((at + 0.5) / side - middle) ** 2
    return {
        **{f"centre_{name}": one for name, one in zip(names, centre)},
        "spread": math.sqrt(variance),
        "entropy": entropy / math.log(values.size),
        "border": border,
        "flat": 0.0,
    }


def ring(side):
    found = np.ones((side, side))
    found[1:-1, 1:-1] = 0
    return found


def point(side, row, column):
    found = np.zeros((side, side))
    found[row, column] = 3
    return found


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("size", [(7, 7), (16, 9), (24, 24), (11,), (4, 5, 6)])
def test_all_numbers_are_those_of_plain_loops(size, signed):
    maps = np.random.RandomState(0).randn(5, *size)
    maps[1] = abs(maps[1])
    maps[2] = 0
    maps[3] = 0.7
    found = of_masses(masses(maps.astype(np.float32), signed=signed))
    for number, one in enumerate(maps.astype(np.float32)):
        expected = naive(one, signed)
        for name, values in found.items():
            if expected is None:
                assert values[number] == 1 if name == "flat" else np.isnan(values[number])
            else:
                assert values[number] == pytest.approx(expected[name], abs=1e-6), name


def test_maps_where_the_numbers_are_known():
    maps = np.stack([point(8, 2, 7), ring(8), np.full((8, 8), 5.0), point(8, 4, 4), -ring(8)])
    found = of_masses(masses(maps, signed=True))
    assert found["centre_y"][:4] == pytest.approx([2.5 / 8, 0.5, 0.5, 4.5 / 8])
    assert found["centre_x"][:4] == pytest.approx([7.5 / 8, 0.5, 0.5, 4.5 / 8])
    assert found["spread"][[0, 3]] == pytest.approx([0, 0])
    # of cells side by side, n of them from 0 to 1: √(2 (1 - 1/n²) / 12)
    assert found["spread"][2] == pytest.approx(math.sqrt((1 - 1 / 64) / 6))
    assert found["entropy"][:4] == pytest.approx([0, math.log(28) / math.log(64), 1, 0])
    assert found["border"][:4] == pytest.approx([1, 1, 28 / 64, 0])
    assert found["flat"].tolist() == [0, 0, 0, 0, 1]
    # of what has no sign, the lowest value is nothing: the inside of the ring is what is seen
    inside = of_masses(masses(-ring(8)[None], signed=False))
    assert (inside["border"][0], inside["flat"][0]) == (0, 0)
    assert inside["entropy"][0] == pytest.approx(math.log(36) / math.log(64))


def test_one_position_has_no_entropy():
    found = of_masses(masses(np.ones((1, 1, 1)), signed=False))
    assert (found["entropy"][0], found["border"][0], found["spread"][0]) == (0, 1, 0)


def test_distances_from_the_mean_of_the_class_by_plain_loops():
    draws = np.random.RandomState(1)
    mass, classes = masses(draws.rand(12, 3, 4), signed=False), draws.randint(3, size=12)
    mass[5] = np.nan
    found = from_class_means(mass, classes)
    for number, one in enumerate(mass):
        if number == 5:
            assert np.isnan(found[number])
            continue
        like = [m for other, m in enumerate(mass) if classes[other] == classes[number]]
        like = [m for m in like if not np.isnan(m).any()]
        mean = sum(like) / len(like)
        assert found[number] == pytest.approx(sum(abs(one - mean).ravel()) / 2)


def test_distances_know_nothing_of_the_stores():
    """So that a permutation of the samples is a permutation of the distances."""
    draws = np.random.RandomState(2)
    mass, classes = masses(draws.rand(20, 3, 3), signed=False), draws.randint(2, size=20)
    order = draws.permutation(20)
    found = from_class_means(mass[order], classes[order])
    np.testing.assert_allclose(found, from_class_means(mass, classes)[order])
