"""Groups of vectors that hang together, found by the spectrum of their neighbourhood graph."""

from __future__ import annotations

import numpy as np

from ..support.optional import optional

_SAME = 1e-12
"""The squared distance of two vectors of length 1 that differ by rounding."""


def clusters_of(vectors: np.ndarray, most: int, neighbors: int, seed: int) -> np.ndarray:
    """(N,) the cluster of each vector, 0 for the largest.

    The vectors are the nodes of a graph, each tied to its nearest neighbours. There are as many
    clusters as eigenvalues of its normalised Laplacian lie before the widest gap among the lowest
    (von Luxburg 2007, doi:10.1007/s11222-007-9033-z, section 8.3); the rows of the eigenvectors of
    these, each of length 1, are parted by k-means (Ng, Jordan & Weiss 2001).

    Args:
        vectors: (N, D), each of length 1.
        most: how many clusters there are at most.
        neighbors: of each vector.
        seed: of k-means.

    Raises:
        DependencyError: scikit-learn is not installed.
    """
    vectors = np.asarray(vectors, np.float64)
    if len(vectors) < 3 or ((vectors - vectors[0]) ** 2).sum(axis=1).max() < _SAME:
        return np.zeros(len(vectors), int)
    values, modes = np.linalg.eigh(laplacian(neighbor_graph(vectors, neighbors)))
    count = eigengap(values, most)
    if count == 1:
        return np.zeros(len(vectors), int)
    embedded = modes[:, :count]
    lengths = np.linalg.norm(embedded, axis=1, keepdims=True)
    embedded = embedded / np.where(lengths > 0, lengths, 1)
    k_means = optional("sklearn.cluster", "clusters are found", "inspect").KMeans
    return _largest_first(k_means(count, n_init=10, random_state=seed).fit(embedded).labels_)


def neighbor_graph(vectors: np.ndarray, neighbors: int) -> np.ndarray:
    """(N, N) of 0 and 1: which vectors are tied, as one is among the nearest of the other.

    Args:
        vectors: (N, D), at least two.
        neighbors: how many each has at least; all others where there are fewer.
    """
    squares = (vectors**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * vectors @ vectors.T
    np.fill_diagonal(distances, np.inf)
    count = min(neighbors, len(vectors) - 1)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :count]
    graph = np.zeros(distances.shape)
    np.put_along_axis(graph, nearest, 1, axis=1)
    return np.maximum(graph, graph.T)


def laplacian(graph: np.ndarray) -> np.ndarray:
    """The symmetric normalised Laplacian of a graph.

        L = I - D^(-1/2) W D^(-1/2),    D the degrees

    Args:
        graph: (N, N) W, symmetric, of no node without a tie.
    """
    scale = 1 / np.sqrt(graph.sum(axis=1))
    found = -scale[:, None] * graph * scale
    found[np.diag_indices_from(found)] += 1
    return found


def eigengap(values: np.ndarray, most: int) -> int:
    """How many eigenvalues lie before the widest gap between two that follow each other.

    Args:
        values: (N,) upwards, at least two.
        most: the largest answer.
    """
    return int(np.argmax(np.diff(values[: most + 1]))) + 1


def _largest_first(labels: np.ndarray) -> np.ndarray:
    """The same clusters, numbered by their size."""
    _, first, place, sizes = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    rank = np.empty(len(sizes), int)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    return np.asarray(rank[place])
