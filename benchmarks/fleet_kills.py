"""Runs that are killed at random moments, and what is in their stores after they are run again.

    python benchmarks/fleet_kills.py [ROUNDS] [KIND …] [--seed N]

In each round a run over a small data set is hurt once, at a random moment, and started again until
it comes to its end. Its store then has to have, row by row and byte by byte, what that of an
undisturbed run has. The kinds are

    all       SIGKILL to the process of the run and to all that it has started
    parent    SIGKILL to the process of the run alone; its workers have to end by themselves, and
              the second run is started at once
    worker    SIGKILL to one of the workers; the run has to go on by itself, and blame nobody
    here      SIGKILL to a run without workers
    ray       SIGKILL to one of the workers on a local Ray cluster
    node      SIGKILL to a machine of a cluster that is made of several on this one

By default those without Ray take turns. The exit code is 1 if a store was another one, or a process
was left behind.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import contextlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

SAMPLES, SHARD, SIDE = 320, 8, 24
METHODS = ["grad_cam", "saliency", "smooth_grad"]
WORKERS = 2
KINDS = ["all", "parent", "worker", "here"]
OF_RAY = ["ray", "node"]
LONGEST = 300.0
"""Seconds that anything may take."""


class Drawn(mx.init.Initializer):
    """Numbers that are the same in each process."""

    def __init__(self):
        super().__init__()
        self._state = np.random.RandomState(0)

    def _init_weight(self, name, array):
        array[:] = self._state.randn(*array.shape) * 0.2


def run(store: Path, workers: int, ray: str | None = None) -> gm.Store:
    """The run of which all is about."""
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Conv2D(8, 3, in_channels=3, activation="relu"))
    net.add(mx.gluon.nn.GlobalAvgPool2D(), mx.gluon.nn.Dense(5, in_units=8))
    net.initialize(Drawn())
    x = np.random.RandomState(1).randn(SAMPLES, 3, SIDE, SIDE).astype(np.float32)
    options = {"methods": METHODS, "shard_size": SHARD, "progress": False}
    return gm.run(net, x, store, workers=workers, ray=ray, **options)


# -- what is there, and who ----------------------------------------------------------------------


def rows(store: Path) -> dict[str, dict]:
    """Place → all columns; of nothing there may be two."""
    found = [dict(one.cells) for one in gm.Store(store)]
    assert len({one["number"] for one in found}) == len(found), "a sample is there twice"
    return {one["place"]: one for one in found}


def standing(store: Path) -> int:
    """How many shards stand."""
    return sum(1 for _ in store.glob("shards/*/[0-9]*.parquet"))


def below(parent: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    above = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] not in "ZX":
            above[int(path.name)] = int(fields[1])
    found, front = [], [parent]
    while front:
        front = [one for one, of in above.items() if of in front]
        found += front
    return found


def is_there(process: int) -> bool:
    """Whether a process does something; zombies do not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_for(condition, seconds: float = LONGEST) -> bool:
    """Whether something becomes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def kill(process: int) -> None:
    """SIGKILL, to one that may be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


# -- rounds --------------------------------------------------------------------------------------


def started(store: Path, workers: int) -> subprocess.Popen:
    """A run in a process of its own."""
    command = [sys.executable, __file__, "--run", str(store), str(workers)]
    return subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL)


def moment(chance: random.Random, store: Path, has_ended) -> int:
    """Wait for a random moment: when so many shards stand, and then some; how many stood."""
    shards = chance.randrange(SAMPLES // SHARD)
    delay = chance.uniform(0, 0.3)
    before_any = chance.uniform(0, 10)
    if shards:
        wait_for(lambda: standing(store) >= shards or has_ended())
    else:
        time.sleep(before_any)  # while things start
    time.sleep(delay)
    return standing(store)


def of_processes(kind: str, store: Path, chance: random.Random) -> tuple[int, list[str]]:
    """A round; how many shards stood as it was hurt, and what was wrong."""
    workers = 0 if kind == "here" else WORKERS
    wrong = []
    process = started(store, workers)
    stood = moment(chance, store, lambda: process.poll() is not None)
    theirs = below(process.pid)
    if kind == "worker":
        wait_for(lambda: below(process.pid) or process.poll() is not None)
        theirs = below(process.pid)
        if theirs:
            kill(chance.choice(theirs))
    else:
        kill(process.pid)
        if kind == "all":
            for one in theirs:
                kill(one)
        process.wait()
        process = started(store, workers)
        if not wait_for(lambda: not any(map(is_there, theirs)), 20):
            wrong.append("workers were left behind")
    theirs = below(process.pid)
    if process.wait(LONGEST) != 0:
        wrong.append(f"exit code {process.returncode}")
    if not wait_for(lambda: not any(map(is_there, theirs)), 20):
        wrong.append("workers were left behind at the end")
    return stood, wrong


def of_workers_on_ray(store: Path, chance: random.Random) -> tuple[int, list[str]]:
    """A round on a cluster of this machine alone."""
    import ray

    size = {"num_cpus": WORKERS, "object_store_memory": 80 << 20}
    ray.init("local", include_dashboard=False, log_to_driver=False, logging_level="ERROR", **size)
    stood = []

    def hurt():
        stood.append(moment(chance, store, lambda: False))
        theirs = [one for one in below(os.getpid()) if b"Actor" in _title(one)]
        if theirs:
            kill(chance.choice(theirs))

    try:
        _run_and(hurt, store)
    finally:
        ray.shutdown()
    return stood[0], []


def of_nodes(store: Path, chance: random.Random) -> tuple[int, list[str]]:
    """A round on a cluster of a head without processors, and two machines; one of them goes."""
    import ray
    from ray.cluster_utils import Cluster

    size = {"object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **size})
    nodes = [cluster.add_node(num_cpus=1, **size) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    stood = []

    def hurt():
        stood.append(moment(chance, store, lambda: False))
        cluster.remove_node(chance.choice(nodes), allow_graceful=False)

    try:
        _run_and(hurt, store)
    finally:
        ray.shutdown()
        cluster.shutdown()
    return stood[0], []


def _run_and(hurt, store: Path) -> None:
    thread = threading.Thread(target=hurt)
    thread.start()
    run(store, WORKERS, "auto")
    thread.join()


def _title(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def main() -> int:
    """Rounds of all kinds."""
    given = sys.argv[1:]
    seed = int(given.pop(given.index("--seed") + 1)) if "--seed" in given else 0
    given = [one for one in given if one != "--seed"]
    rounds = int(given[0]) if given else 30
    kinds = given[1:] or KINDS
    folder = Path(tempfile.mkdtemp(prefix="fleet-kills-"))
    run(folder / "undisturbed", 0)
    expected = rows(folder / "undisturbed")
    chance = random.Random(seed)
    failures = 0
    for number in range(rounds):
        kind = kinds[number % len(kinds)]
        store = folder / f"{number:03d}"
        start = time.monotonic()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UserWarning)
            if kind == "node":
                stood, wrong = of_nodes(store, chance)
            elif kind == "ray":
                stood, wrong = of_workers_on_ray(store, chance)
            else:
                stood, wrong = of_processes(kind, store, chance)
        found = rows(store)
        wrong += [str(one.message) for one in said if one.category is UserWarning]
        if found.keys() != expected.keys():
            wrong.append(f"{len(found)} rows, not {len(expected)}")
        others = sum(found[one] != expected[one] for one in found.keys() & expected.keys())
        if others:
            wrong.append(f"{others} rows are others")
        failures += bool(wrong)
        took = time.monotonic() - start
        total = SAMPLES // SHARD
        print(
            f"{number:3d} {kind:7s} hurt at {stood:2d} of {total} shards, {took:5.1f} s: "
            f"{'; '.join(wrong) or 'the same'}",
            flush=True,
        )
        shutil.rmtree(store)
    print(f"{rounds - failures} of {rounds} stores as that of the undisturbed run")
    shutil.rmtree(folder)
    return 1 if failures else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        run(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        sys.exit(main())
