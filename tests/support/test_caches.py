"""Caches: bounded, the least recently used goes first, safe between threads."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np

import gradcam_mx as gm
from gradcam_mx.support.caches import Cache


def kept(cache, keys):
    """Which of the keys a cache gives without working anything out."""
    made = []
    for key in keys:
        cache.get(key, lambda key=key: made.append(key))
    return [key for key in keys if key not in made]


def test_a_value_is_worked_out_once():
    cache, made = Cache(2), []
    for _ in range(3):
        assert cache.get("key", lambda: made.append(1) or "value") == "value"
    assert made == [1]
    assert len(cache) == 1


def test_it_never_grows_beyond_its_size():
    cache = Cache(3)
    for key in range(30):
        assert cache.get(key, lambda key=key: -key) == -key
        assert len(cache) == min(key + 1, 3)


def test_what_was_used_least_recently_goes_first():
    cache = Cache(3)
    for key in "abc":
        cache.get(key, lambda: "old")
    cache.get("a", lambda: "new")  # now b is the oldest
    cache.get("d", lambda: "old")
    assert kept(cache, "acd") == ["a", "c", "d"]
    assert kept(cache, "b") == []


def test_the_newest_is_what_was_used_last():
    cache = Cache(3)
    assert cache.newest() is None
    for key in "abc":
        cache.get(key, lambda key=key: key)
    cache.get("a", lambda: None)
    assert cache.newest() == "a"


def test_threads_that_work_out_the_same_get_the_same():
    cache, both = Cache(4), threading.Barrier(2)
    found = []

    def work_out():
        both.wait(timeout=20)  # neither was kept when either began
        return object()

    threads = [
        threading.Thread(target=lambda: found.append(cache.get("key", work_out))) for _ in range(2)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found[0] is found[1] is cache.get("key", object)


def test_what_is_worked_out_may_use_the_cache():
    cache = Cache(4)
    assert cache.get("outer", lambda: cache.get("inner", lambda: 1) + 1) == 2
    assert kept(cache, ["inner", "outer"]) == ["inner", "outer"]


def test_many_threads_leave_it_bounded():
    cache, wrong = Cache(5), []

    def use(seed):
        for key in np.random.RandomState(seed).randint(0, 20, 500).tolist():
            if cache.get(key, lambda key=key: key * key) != key * key:
                wrong.append(key)

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong
    assert len(cache) == 5


def test_a_graph_does_not_keep_the_shapes_of_every_size(tmp_path):
    net = gm.nn.HybridSequential()
    net.add(gm.nn.Conv2D(2, 3, in_channels=1), gm.nn.GlobalAvgPool2D(), gm.nn.Dense(2, in_units=2))
    net.initialize()
    graph = gm.trace(net)
    tables = [weakref.ref(graph.shapes((1, 1, size, size))) for size in range(8, 38)]
    gc.collect()
    alive = [number for number, one in enumerate(tables) if one() is not None]
    assert alive == [*range(22, 30)]
    assert graph.shapes((1, 1, 9, 9))[graph.heads[0]] == (1, 2)
