"""What a run over a data set costs beside a bare loop, and what a billion photos would take.

    python benchmarks/fleet.py [SAMPLES] [SIDE]

A folder of pictures (by default 20,000 of 28 × 28, of Fashion-MNIST where it is installed) is
explained by Grad-CAM on a small net: by a loop of `gm.grad_cam` over what was read and prepared, by
one worker and by two, one thread each. Rates are of the time between the first and the last shard,
without the start of processes; memory is that of the workers, early and late. With SIDE 224 the net
is SqueezeNet.
"""

from __future__ import annotations

import gzip
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
import tracemalloc
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.apps.fleet.filling import SHARD
from gradcam_mx.data import open_samples
from gradcam_mx.store import shards

FASHION = Path("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")


def pictures(count: int, side: int, folder: Path) -> None:
    """Write so many pictures."""
    if FASHION.exists():
        pixels = np.frombuffer(gzip.decompress(FASHION.read_bytes()), np.uint8, offset=16)
        pixels = pixels.reshape(-1, 28, 28)
    else:
        pixels = np.random.RandomState(0).randint(0, 256, (1000, 28, 28), np.uint8)
    for number in range(count):
        place = folder / f"{number % 10}" / f"{number:06d}.png"
        place.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(place), cv2.resize(pixels[number % len(pixels)], (side, side)))


def network(side: int):
    """SqueezeNet, or a small net; and how its photos are prepared."""
    if side >= 64:
        net = gm.zoo.get_model("squeezenet1_1")
        return net, net.preprocess
    net = mx.gluon.nn.HybridSequential()
    for channels in (16, 32, 32):
        net.add(mx.gluon.nn.Conv2D(channels, 3, padding=1, activation="relu"))
        net.add(mx.gluon.nn.MaxPool2D(2))
    net.add(mx.gluon.nn.GlobalAvgPool2D(), mx.gluon.nn.Dense(10))
    net.initialize(mx.init.Xavier())
    return net, gm.zoo.Preprocess("RGB", (0.0,) * 3, (255.0,) * 3, short_side=side, size=side)


class Watch(threading.Thread):
    """Notes when each shard came to stand, and what the workers take, until it is stopped."""

    def __init__(self, store: Path) -> None:
        super().__init__(daemon=True)
        self.store, self.times, self.memory, self.is_over = store, [], [], False

    def run(self) -> None:
        while not self.is_over:
            now = time.perf_counter()
            count = len(shards.standing(self.store))
            self.times += [now] * (count - len(self.times))
            self.memory.append(_children_megabytes())
            time.sleep(0.1)


def _children_megabytes() -> float:
    total = 0
    for entry in Path("/proc").iterdir():
        try:
            status = (entry / "status").read_text() if entry.name.isdigit() else ""
        except OSError:
            continue
        if f"PPid:\t{os.getpid()}\n" in status and "VmRSS:" in status:
            total += int(status.partition("VmRSS:")[2].split()[0])
    return total / 1024


def by_run(net, prepare, folder: Path, workers: int, shard: int) -> tuple[float, Watch, Path]:
    """Samples a second, between the first and the last shard."""
    store = folder.parent / f"store{workers}"
    shutil.rmtree(store, ignore_errors=True)
    watch = Watch(store)
    watch.start()
    options = {"shard_size": shard, "progress": False}
    gm.run(net, folder, store, preprocess=prepare, workers=workers, **options)
    watch.is_over = True
    watch.join()
    whole = watch.times[workers:-1]  # the last shard is smaller
    return (len(whole) - 1) * shard / (whole[-1] - whole[0]), watch, store


def by_loop(net, prepare, folder: Path, count: int) -> float:
    """Samples a second of a bare loop."""
    paths = sorted(folder.rglob("*.png"))[:count]
    graph = gm.trace(net)
    gm.grad_cam(graph, prepare(paths[0]))
    start = time.perf_counter()
    for path in paths:
        gm.grad_cam(graph, prepare(path))
    return len(paths) / (time.perf_counter() - start)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    side = int(sys.argv[2]) if len(sys.argv) > 2 else 28
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base) / "pictures"
        folder.mkdir()
        pictures(count, side, folder)
        net, prepare = network(side)
        net(mx.nd.array(prepare(sorted(folder.rglob("*.png"))[0])))
        shard = min(SHARD, max(1, count // 40))  # so that most are between the first and the last
        loops, ones, twos = [], [], []
        for _ in range(3):
            loops.append(by_loop(net, prepare, folder, min(count, 2000)))
            one, watch, store = by_run(net, prepare, folder, 1, shard)
            ones.append(one)
            twos.append(by_run(net, prepare, folder, 2, shard)[0])
        loop, one, two = map(statistics.median, (loops, ones, twos))
        print(f"a bare loop      {loop:8.1f} samples a second, one thread")
        print(f"one worker       {one:8.1f}   {one / loop:.2f} of it (wanted: 0.95)")
        print(f"two workers      {two:8.1f}   {two / one:.2f} of one (wanted: 1.8)")
        there = [one for one in watch.memory if one > max(watch.memory) / 2]  # not as it ends
        early, late = there[len(there) // 4], there[-1]
        print(f"memory of one worker: {early:.0f} MB at a quarter, {late:.0f} MB at the end")
        size = sum(one.stat().st_size for one in store.rglob("*.parquet"))
        print(f"on disk          {size / count:8.1f} bytes a sample")
        _billion(one, size / count, store, net, prepare, folder)


def _billion(rate: float, size: float, store: Path, net, prepare, folder: Path) -> None:
    """What 10⁹ photos on 1,000 workers take, by the figures of this machine."""
    files, manifest = len(shards.standing(store)), (store / "manifest.json").stat().st_size
    found, opened, _ = measured(lambda: gm.Store(store))
    _, filtered, _ = measured(lambda: len(found.filter(failed=True)))
    samples, listed, listed_bytes = measured(lambda: open_samples(folder))
    _, stamped, _ = measured(lambda: [samples.stamp(one) for one in range(len(samples))])
    _, stood, stood_bytes = measured(lambda: shards.standing(store))
    _, again, _ = measured(
        lambda: gm.run(net, folder, store, preprocess=prepare, workers=1, progress=False)
    )
    count = len(samples)
    print(
        f"a sample         {listed / count * 1e6:8.1f} µs to list, {listed_bytes / count:.0f} bytes"
    )
    print(f"                 {stamped / count * 1e6:8.1f} µs to see whether it changed")
    print(f"                 {again / count * 1e6:8.1f} µs in a run that finds all there")
    print(f"a shard          {stood / files * 1e6:8.1f} µs to see that it stands, ", end="")
    print(f"{stood_bytes / files:.0f} bytes; {opened / files * 1e6:.0f} µs to open, ", end="")
    print(f"{filtered / files * 1e6:.0f} µs to filter")
    print(f"the manifest     {manifest:8d} bytes")
    photos, workers = 1e9, 1000
    for shard in (SHARD, 16 * SHARD):
        many = photos / shard
        print(
            f"10^9 photos, 1,000 workers, shards of {shard}: "
            f"{photos / rate / workers / 3600:.1f} h of work at {rate:.0f} a second; "
            f"{many:,.0f} files, {workers * rate / shard:.0f} a second; "
            f"{photos * size / 1e12:.2f} TB, {workers * rate * size / 1e6:.0f} MB/s written; "
            f"in one process: {photos * listed / count / 3600:.1f} h and "
            f"{photos * listed_bytes / count / 1e9:.0f} GB to list, "
            f"{photos * stamped / count / 3600:.1f} h to see what changed, "
            f"{many * stood / files / 60:.0f} min and {many * stood_bytes / files / 1e9:.1f} GB to "
            f"see what stands; the store: {many * opened / files / 60:.1f} min to open, "
            f"{many * filtered / files / 3600:.1f} h to filter"
        )


def measured(function) -> tuple:
    """What a function gives, the seconds that it takes, and the bytes that it leaves in use."""
    start = time.perf_counter()
    function()
    took = time.perf_counter() - start
    tracemalloc.start()
    found = function()
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return found, took, left


if __name__ == "__main__":
    main()
