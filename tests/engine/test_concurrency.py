"""Threads and forked processes: the same numbers as one call after the other."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from nets import random_net

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

NAMES = ["grad_cam", "guided_backprop", "guided_grad_cam", "saliency"]
TESTS = Path(__file__).resolve().parent.parent


def explained(net, x):
    return {name: one.values for name, one in gm.explain(net, x, NAMES, target=3).items()}


def assert_equal(found, expected):
    for name in NAMES:
        np.testing.assert_array_equal(found[name], expected[name], name)


@pytest.fixture(scope="module")
def pairs():
    """Two nets and their inputs, and what explaining them alone gives."""
    nets = [random_net("squeezenet1.1"), random_net("resnet18_v2", seed=1)]
    return [(net, x, explained(net, x)) for net, x in nets]


@pytest.mark.parametrize("which", [(0, 1), (0, 0), (0, 1, 0, 1)], ids=str)
def test_threads_give_the_numbers_of_one_call_after_the_other(pairs, which):
    failures = []
    start = threading.Barrier(len(which))

    def work(net, x, expected):
        try:
            start.wait()
            for _ in range(5):
                assert_equal(explained(net, x), expected)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=work, args=pairs[one]) for one in which]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_nets_new_to_threads_are_traced_one_by_one():
    nets = [random_net("resnet18_v1", seed=seed) for seed in range(3)]
    expected = [gm.saliency(gm.trace(net), x).values for net, x in nets]
    fresh = [random_net("resnet18_v1", seed=seed) for seed in range(3)]
    found = [None] * len(fresh)

    def work(number, net, x):
        found[number] = gm.saliency(net, x).values

    threads = [
        threading.Thread(target=work, args=(number, *pair)) for number, pair in enumerate(fresh)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(found, expected):
        np.testing.assert_array_equal(one, other)


# In a process of its own: where a fork goes wrong, it hangs.
FORKS = """
import os
import numpy as np
from nets import random_net
from test_concurrency import assert_equal, explained
from gradcam_mx._mxnet import mx


class Numbers(mx.gluon.data.Dataset):
    def __len__(self):
        return 16

    def __getitem__(self, index):
        return mx.nd.full((3, 8, 8), index), index


net, x = random_net("resnet18_v1")
expected = explained(net, x)
for _ in range(2):
    total = 0
    for numbers, _ in mx.gluon.data.DataLoader(Numbers(), 4, num_workers=2):
        total += numbers.asnumpy().sum()
        assert_equal(explained(net, x), expected)
    assert total == sum(range(16)) * 3 * 8 * 8
child = os.fork()
if child == 0:
    assert_equal(explained(net, x), expected)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print("done")
"""


@pytest.mark.slow
def test_forks_between_calls_change_nothing():
    path = os.pathsep.join([str(TESTS), str(TESTS / "engine"), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS],
        timeout=300,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert ran.stdout.endswith("done\n"), ran.stdout + ran.stderr


def test_a_batch_with_a_target_each_equals_single_calls(ctx):
    net, _ = random_net("resnet18_v1", ctx=ctx)
    # in float64, so that the sums of another kernel for another batch size flip no ReLU's sign
    net.cast("float64")
    x = mx.nd.random.normal(shape=(4, 3, 48, 48), ctx=ctx, dtype="float64")
    ids = [3, 1, 926, 535]
    together = gm.explain(net, x, NAMES, target=ids)
    for number, class_id in enumerate(ids):
        alone = gm.explain(net, x[number : number + 1], NAMES, target=class_id)
        for name in NAMES:
            # results are float32
            np.testing.assert_allclose(
                together[name].values[number],
                alone[name].values[0],
                rtol=1e-5,
                atol=1e-6 * np.abs(alone[name].values).max(),
            )
            np.testing.assert_allclose(
                together[name].score[number], alone[name].score[0], rtol=1e-6
            )
