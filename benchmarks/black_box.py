"""How fast methods run on an ONNX file, beside a bare loop over its session.

    python benchmarks/black_box.py [--nets squeezenet1_1 …] [--batch 8 16] [--samples N]
        [--rounds N]

Images per second of whole calls, masks and all that is made of the scores included, as a share of
those of a loop of `session.run` over equally many images of the same batch size. The candidates
take turns in one process, and the share is the median of those of the rounds, as machines change
their speed. The nets are those of `gm.zoo`, exported by MXNet.
"""

from __future__ import annotations

import argparse
import operator
import statistics
import tempfile
from pathlib import Path

import numpy as np
from _timing import every

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

NETS = ["squeezenet1_1", "efficientnet_lite0"]
GOAL = 0.95
SHAPE = (3, 224, 224)
WINDOW, WINDOWS = 14, 16**2
"""Of occlusion: a sixteenth of the input, side by side; so many that all chunks are full."""
_ONLY_ERRORS = 3
"""Of onnxruntime's log: MXNet's exporter lists weights as inputs, which it warns of."""


def exported(name, folder):
    """The path of a net of the zoo in ONNX's format, for any number of samples."""
    net = getattr(gm.zoo, name)()
    net.hybridize()
    net(mx.nd.zeros((1, *SHAPE))).wait_to_read()
    prefix = str(Path(folder) / name)
    net.export(prefix)
    shape = ("N", *SHAPE)
    mx.onnx.export_model(
        f"{prefix}-symbol.json",
        f"{prefix}-0000.params",
        [(1, *SHAPE)],
        np.float32,
        f"{prefix}.onnx",
        dynamic=True,
        dynamic_input_shapes=[shape],
    )
    return f"{prefix}.onnx"


def calls(path, batch, samples):
    """What is timed: name → (call, how many images it runs)."""
    import onnxruntime

    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = _ONLY_ERRORS
    session = onnxruntime.InferenceSession(path, quiet, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    x = np.random.RandomState(0).normal(size=(1, *SHAPE)).astype("float32")
    pixels = np.repeat(x, batch, axis=0)
    net = gm.load(path)
    options = {"batch_size": batch, "progress": False}

    def bare():
        for _ in range(-(-samples // batch)):
            session.run(None, {name: pixels})

    return {
        "bare": (bare, -(-samples // batch) * batch),
        "rise": (lambda: gm.rise(net, x, num_samples=samples, **options), samples),
        "occlusion": (
            lambda: gm.occlusion(net, x, window=WINDOW, stride=WINDOW, **options),
            WINDOWS,
        ),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", nargs="+", default=NETS)
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in options.nets:
            path = exported(name, folder)
            for batch in options.batch:
                timed = calls(path, batch, options.samples)
                taken = every({one: call for one, (call, _) in timed.items()}, options.rounds)
                rates = {one: [timed[one][1] / seconds for seconds in taken[one]] for one in timed}
                bare = rates.pop("bare")
                shares = "  ".join(
                    f"{one} {statistics.median(map(operator.truediv, found, bare)):.2f}"
                    for one, found in rates.items()
                )
                print(
                    f"{name:20} batch {batch:3}  bare loop {statistics.median(bare):6.1f} images/s"
                    f"  {shares}   (goal {GOAL})",
                    flush=True,
                )


if __name__ == "__main__":
    main()
