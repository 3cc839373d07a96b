"""Clusters by the spectrum of a neighbourhood graph, against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradcam_mx.inspect.shared_region import elsewhere, shared_region
from gradcam_mx.inspect.shortcuts import distance
from gradcam_mx.inspect.spectral import clusters_of, eigengap, laplacian, neighbor_graph
from gradcam_mx.support.statistics import holm, sign_test


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def groups():
    """Twenty vectors near each of three axes, in no order; and the axis of each."""
    random = np.random.RandomState(0)
    truth = random.permutation(np.repeat(np.arange(3), 20))
    return unit(np.eye(6)[truth] + 0.2 * random.randn(60, 6)), truth


def naive_graph(vectors, neighbors):
    count = len(vectors)
    found = np.zeros((count, count))
    for one in range(count):
        others = [other for other in range(count) if other != one]
        others.sort(key=lambda other: sum((vectors[one] - vectors[other]) ** 2))
        for other in others[:neighbors]:
            found[one, other] = found[other, one] = 1
    return found


def naive_laplacian(graph):
    count = len(graph)
    degrees = [sum(row) for row in graph]
    found = np.zeros((count, count))
    for one in range(count):
        for other in range(count):
            tie = graph[one][other] / math.sqrt(degrees[one] * degrees[other])
            found[one, other] = (one == other) - tie
    return found


@pytest.mark.parametrize("neighbors", [1, 4, 100])
def test_graph_and_laplacian_are_those_of_plain_loops(neighbors):
    vectors = unit(np.random.RandomState(1).randn(17, 5))
    graph = neighbor_graph(vectors, neighbors)
    np.testing.assert_array_equal(graph, naive_graph(vectors, neighbors))
    np.testing.assert_allclose(laplacian(graph), naive_laplacian(graph), atol=1e-14)
    assert np.linalg.eigvalsh(laplacian(graph))[0] == pytest.approx(0, abs=1e-12)


def test_the_widest_gap_is_found():
    assert eigengap(np.array([0, 0.01, 0.02, 0.5, 0.6, 1.9]), 8) == 5
    assert eigengap(np.array([0, 0.01, 0.02, 0.5, 0.6, 1.9]), 4) == 3
    assert eigengap(np.array([0, 1.0]), 8) == 1


def test_planted_groups_are_found_whatever_the_seed(groups):
    vectors, truth = groups
    for seed in range(3):
        found = clusters_of(vectors, 8, 10, seed)
        assert found.max() == 2
        together = found[:, None] == found
        np.testing.assert_array_equal(together, truth[:, None] == truth)


def test_the_largest_cluster_is_the_first():
    axes = np.eye(6)[[0] * 12 + [1] * 20 + [2] * 16]
    vectors = unit(axes + 0.1 * np.random.RandomState(0).randn(48, 6))
    assert np.bincount(clusters_of(vectors, 8, 10, 0)).tolist() == [20, 16, 12]


@pytest.mark.parametrize("count", [1, 2, 3, 30])
def test_equal_vectors_are_one_cluster(count):
    assert clusters_of(np.tile([[0.6, 0.8]], (count, 1)), 8, 10, 0).tolist() == [0] * count


def test_fewer_vectors_than_neighbours():
    found = clusters_of(unit(np.random.RandomState(0).randn(4, 3)), 8, 10, 0)
    assert found.shape == (4,)
    assert len(clusters_of(np.zeros((0, 4)), 8, 10, 0)) == 0


def test_nothing_is_drawn_from_the_callers_random_state(groups):
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    clusters_of(groups[0], 8, 10, 0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_the_distance_has_chance_taken_off():
    """Of clusters drawn at random the squared distance is that of chance on the mean: exactly, over
    all choices of two vectors of five."""
    vectors = np.random.RandomState(2).randn(5, 3)
    middle = vectors.mean(axis=0)
    variance = ((vectors - middle) ** 2).sum() / 4
    squares = []
    for one in range(5):
        for other in range(one):
            own = np.isin(np.arange(5), [one, other])
            squares.append(((vectors[own].mean(axis=0) - middle) ** 2).sum())
            chance = (1 - 2 / 5) * variance / 2
            assert distance(vectors, own) == pytest.approx(math.sqrt(max(0, squares[-1] - chance)))
    assert np.mean(squares) == pytest.approx((1 - 2 / 5) * variance / 2)
    assert distance(vectors, np.ones(5, bool)) == 0


# -- tests of many -----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 5, 9])
def test_the_sign_test_counts_all_signs(count):
    for above in range(count + 1):
        values = np.array([1.0] * above + [-2.0] * (count - above))
        signs = [bin(one).count("1") for one in range(2**count)]
        expected = np.mean([one >= above for one in signs])
        assert sign_test(values) == pytest.approx(expected)
    assert sign_test(np.array([0.0, 0.0])) == 1
    assert sign_test(np.array([np.nan, 1.0])) == 0.75
    assert sign_test(np.array([])) == 1


def test_corrected_p_values_refuse_what_holms_steps_refuse():
    random = np.random.RandomState(0)
    for _ in range(20):
        p = random.rand(7) ** 3
        corrected = holm(p)
        for level in (0.001, 0.01, 0.05, 0.3):
            rejected = []
            for step, place in enumerate(sorted(range(7), key=lambda one: p[one])):
                if p[place] > level / (7 - step):
                    break
                rejected.append(place)
            assert sorted(np.flatnonzero(corrected <= level)) == sorted(rejected)
    assert len(holm(np.array([]))) == 0


# -- regions -----------------------------------------------------------------------------------


def test_the_region_is_where_the_map_is_and_no_larger_than_asked():
    found = np.zeros((7, 7), np.float32)
    found[1, 5] = 1
    region = shared_region(found, (28, 28), 0.3)
    assert region[6, 22]
    assert not region[20:].any()
    assert not region[:, :10].any()
    for area in (0.02, 0.1, 0.3):
        everywhere = shared_region(
            np.random.RandomState(0).rand(7, 7).astype(np.float32), (28, 28), area
        )
        assert 0 < everywhere.mean() <= area
    assert not shared_region(-found, (28, 28), 0.1).any()


def test_what_is_hidden_elsewhere_is_as_large_and_elsewhere():
    region = np.zeros((10, 15), bool)
    region[1:6, 2:5] = True  # some of what is tried overlaps it
    others = elsewhere(region)
    assert [one.sum() for one in others] == [15] * 3
    assert not any((one & region).any() for one in others)
