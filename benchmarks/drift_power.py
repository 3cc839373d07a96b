"""How often drift is found, and how often it is not there.

    python benchmarks/drift_power.py [--samples N] [--runs N] [--permutations N]
                                    [--changes background …]

Of a small net that is trained here on pictures of three shapes. First: alarms among random halves
of one store, where there is nothing to find. Then: alarms as a share of the current pictures has
changed: something stands in the background, the ground is lighter, red and blue are swapped, or
another training of the net has answered; by `gm.inspect.drift`, beside those of the scores alone,
compared by the same test at the same level without a correction. Last, the seconds that two stores
of 20,000 take.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from _tests import drifting

import gradcam_mx as gm

ALPHA = 0.01
SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


def compared(first, second, permutations, seed=0):
    with tempfile.TemporaryDirectory() as folder:
        places = [
            drifting.written(Path(folder, name), found)
            for name, found in (("a", first), ("b", second))
        ]
        return gm.inspect.drift(
            *places, alpha=ALPHA, permutations=permutations, seed=seed, progress=False
        )


def halves(found, runs, permutations):
    draws, alarms = np.random.RandomState(0), 0
    for run in range(runs):
        order = draws.permutation(len(found))
        first, second = ([found[one] for one in half] for half in np.array_split(order, 2))
        alarms += bool(compared(first, second, permutations, run))
    print(f"random halves of {len(found)} samples: {alarms} alarms in {runs} at {ALPHA:.0%}")


def power(change, clean, after, samples, runs, permutations):
    """Alarms of both ways for each share, from pools of rows before and after a change."""
    for share in SHARES:
        draws, alarms, of_scores = np.random.RandomState(1), 0, 0
        for run in range(runs):
            order = draws.permutation(len(clean))
            first = [clean[one] for one in order[:samples]]
            others = order[samples : 2 * samples]
            is_changed = draws.rand(samples) < share
            second = [(after if new else clean)[one] for one, new in zip(others, is_changed)]
            found = compared(first, second, permutations, run)
            alarms += bool(found)
            of_scores += found["score"].p <= ALPHA
        print(
            f"{change:<12}{share:>6.0%}{alarms / runs:>10.0%}{of_scores / runs:>16.0%}", flush=True
        )


def seconds(found, permutations, count=20_000):
    draws = np.random.RandomState(2)
    both = [[found[one] for one in draws.randint(len(found), size=count)] for _ in range(2)]
    both = [
        [{**one, "sha256": f"{which}{number:015x}"} for number, one in enumerate(ones, 1)]
        for which, ones in enumerate(both, 1)
    ]
    with tempfile.TemporaryDirectory() as folder:
        places = [
            drifting.written(Path(folder, str(which)), ones) for which, ones in enumerate(both)
        ]
        start = time.perf_counter()
        gm.inspect.drift(*places, permutations=permutations, progress=False)
        taken = time.perf_counter() - start
    print(f"two stores of {count} samples, {permutations} permutations: {taken:.1f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--permutations", type=int, default=199)
    parser.add_argument("--changes", nargs="+", default=drifting.CHANGES, choices=drifting.CHANGES)
    given = parser.parse_args()
    x, labels = drifting.pictures(5 * given.samples, 0)
    net, other = drifting.trained(0), drifting.trained(1)
    clean = drifting.rows(net, x, labels)
    right = np.mean([one["label"] == one["predicted"] for one in clean])
    print(f"{len(clean)} pictures, {right:.1%} right")
    halves(clean, given.runs, given.permutations)
    print(f"{'changed':<12}{'share':>6}{'drift':>10}{'scores alone':>16}")
    for change in given.changes:
        after = drifting.changed(change, net, other, x, labels)
        power(change, clean, after, given.samples, given.runs, given.permutations)
    seconds(clean, 999)
