"""What runs over data sets are tested with: small nets, photos, data sets that do harm. Workers
import it too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np

import gradcam_mx as gm
from gradcam_mx import zoo
from gradcam_mx._mxnet import mx

CLASSES = 5
SIZE = 16
PREPARE = zoo.Preprocess("RGB", (127.0,) * 3, (64.0,) * 3, short_side=SIZE, size=SIZE)


def net(ctx=None, seed=0, deferred=False):
    """Two convolutions, and a classifier; its numbers are the same in each process."""
    nn = mx.gluon.nn
    made = nn.HybridSequential()
    first = {} if deferred else {"in_channels": 3}
    made.add(
        nn.Conv2D(8, 3, activation="relu", padding=1, **first),
        nn.Conv2D(8, 3, activation="relu", padding=1, **({} if deferred else {"in_channels": 8})),
        nn.GlobalAvgPool2D(),
        nn.Dense(CLASSES, **({} if deferred else {"in_units": 8})),
    )
    made.initialize(Drawn(seed), ctx=ctx)
    return made


class Drawn(mx.init.Initializer):
    """Numbers that no random state has a part in."""

    def __init__(self, seed):
        super().__init__()
        self._state = np.random.RandomState(seed)

    def _init_weight(self, name, array):
        array[:] = self._state.randn(*array.shape) * 0.3

    def _init_bias(self, name, array):
        array[:] = self._state.randn(*array.shape) * 0.1


def photo(seed):
    return np.random.RandomState(seed).randint(0, 255, (20, 24, 3), np.uint8)


def write_photo(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", photo(seed))[1].tobytes())


def photos(folder, count, damaged=()):
    """A folder of photos in two classes, some of them damaged."""
    for number in range(count):
        path = folder / "ab"[number % 2] / f"{number:03d}.png"
        write_photo(path, number)
        if number in damaged:
            path.write_bytes([b"", b"no photo", path.read_bytes()[:300]][number % 3])
    return folder


def inputs(count, seed=0):
    """Samples that are ready for the net."""
    return np.random.RandomState(seed).randn(count, 3, SIZE, SIZE).astype(np.float32)


def run(out, data, given=None, *, methods=("grad_cam", "saliency"), **more):
    """A run with what the tests have in common."""
    options = {"shard_size": 8, "progress": False, "preprocess": PREPARE, **more}
    return gm.run(net() if given is None else given, data, out, methods=methods, **options)


def rows(store):
    """Place → all columns of a row, also those that are not numbers."""
    found = {one.place: dict(one.cells) for one in gm.Store(getattr(store, "path", store))}
    assert len(found) == len(gm.Store(getattr(store, "path", store)))  # nothing is there twice
    return found


# -- data sets that do harm ----------------------------------------------------------------------


def harm(kind):
    """Do something that a decoder in C may do."""
    if kind == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == "abort":
        os.abort()
    if kind == "exit":
        os._exit(3)
    if kind == "hang":
        time.sleep(1000)
    if kind == "raise":
        raise ValueError("the sample is odd")


class Dataset:
    """A data set as Gluon has them, of which some samples do harm as they are read.

    Args:
        faults: number of a sample → the kind of harm.
        once: a folder; what is noted there has done its harm.
        slow: seconds that each sample takes.
    """

    def __init__(self, count, faults=(), once=None, slow=0.0):
        self._count, self._faults, self._once, self._slow = count, dict(faults), once, slow

    def __len__(self):
        return self._count

    def __getitem__(self, number):
        time.sleep(self._slow)
        if number in self._faults and not self._is_past(number):
            harm(self._faults[number])
        return photo(number), number % CLASSES

    def _is_past(self, number):
        if self._once is None:
            return False
        mark = Path(self._once, str(number))
        if mark.exists():
            return True
        mark.touch()
        return False


# -- processes -----------------------------------------------------------------------------------


def python(code, *arguments, **more):
    """A process of its own that runs some code; it finds what the tests find."""
    where = os.pathsep.join(one for one in sys.path if one)
    environment = {**os.environ, "PYTHONPATH": where, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def below(parent):
    """The processes that a process has started, and that these have."""
    of = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            of[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
    found, front = [], [parent]
    while front:
        front = [one for one, above in of.items() if above in front]
        found += front
    return found


def is_alive(process):
    """Whether a process, given by its number, computes or waits; a zombie does neither."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(condition, seconds=60.0):
    """Whether something becomes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
