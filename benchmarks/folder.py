"""A folder of photos: `gradcam-mx explain` against the bare loop of its methods.

The loop runs the same three methods on inputs that are prepared, and writes nothing. Both run in
processes of their own, in turns. `python benchmarks/folder.py [photos]`
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
from PIL import Image

METHODS = ["grad_cam", "guided_grad_cam", "saliency"]
SIZE = (640, 480)


def write_photos(folder: Path, count: int) -> None:
    """JPEG files of smooth noise, as large as a photo's."""
    for number in range(count):
        small = np.random.RandomState(number).randint(0, 256, (48, 64, 3), np.uint8)
        picture = Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC)
        picture.save(folder / f"{number:04}.jpg", quality=90)


def write_net(prefix: Path) -> None:
    """ResNet-18 with random weights."""
    import mxnet as mx

    mx.random.seed(0)
    net = mx.gluon.model_zoo.vision.resnet18_v1()
    net.initialize(mx.init.Xavier(magnitude=2))
    net.hybridize()
    net(mx.nd.zeros((1, 3, 224, 224))).wait_to_read()
    net.export(str(prefix))


def loop(folder: Path, prefix: Path) -> None:
    """Print how long the methods take on prepared inputs."""
    import gradcam_mx as gm

    graph = gm.load(prefix)
    inputs = [gm.zoo.IMAGENET(path) for path in sorted(folder.iterdir())]
    gm.explain(graph, inputs[0], METHODS)
    start = perf_counter()
    for x in inputs:
        gm.explain(graph, x, METHODS)
    print(perf_counter() - start)


def main(count: int) -> None:
    """Time both three times, and print the medians and the memory of the command."""
    with tempfile.TemporaryDirectory() as place:
        folder, prefix = Path(place, "photos"), Path(place, "net")
        folder.mkdir()
        write_photos(folder, count)
        write_net(prefix)
        bare, whole = [], []
        for turn in range(3):
            given = [sys.executable, __file__, "loop", str(folder), str(prefix)]
            bare.append(float(subprocess.run(given, check=True, capture_output=True).stdout))
            command = [sys.executable, "-m", "gradcam_mx", "explain", str(folder)]
            start = perf_counter()
            process = subprocess.Popen(
                [*command, "--symbol", str(prefix), "--out", str(Path(place, f"out{turn}"))],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            _, status, used = os.wait4(process.pid, 0)
            assert status == 0, "the command failed"
            whole.append(perf_counter() - start)
            memory = used.ru_maxrss / 1024
        loop_time, time = np.median(bare), np.median(whole)
    print(f"{count} photos: loop {loop_time:.1f} s, explain {time:.1f} s", end=", ")
    print(f"{time / loop_time:.2f} x; at most {memory:.0f} MB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["loop"]:
        loop(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
