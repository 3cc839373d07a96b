"""Networks that carry their maps: whether these are the package's own, and what they cost.

    python benchmarks/export_explained.py [--nets NAME …] [--tables maps cost] [--rounds N]
        [--batch N]

For every architecture of Gluon's model zoo with random weights, and each method that goes with it:
first, how far the map that the files give is from the one that `gm.cam` and its kin make, in Gluon
and, translated by mx.onnx, in ONNX Runtime, of the map's largest value, on pictures of the smallest
handy size. Then, on pictures of 224 × 224, how much of the processor's time the net with its map
takes, of that of the net alone; both take turns, and medians are of all rounds. With
OMP_NUM_THREADS=1, or threads that wait for each other count too.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
from _tests import nets

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx._names import CARRIED
from gradcam_mx.explanation.at_input import at_input

SAMPLES = 2
SIZE = 224
TABLES = ["maps", "cost"]


def built(name):
    mx.random.seed(1)
    net = mx.gluon.model_zoo.vision.get_model(name)
    net.initialize(mx.init.Xavier())
    return net


def pictures(count, size):
    return mx.nd.array(np.random.RandomState(0).normal(size=(count, 3, size, size)))


def exported(net, size, method, folder):
    """The files, or why there are none."""
    try:
        return gm.export_explained(
            net, Path(folder, method), method=method, input_shape=(1, 3, size, size)
        )
    except gm.GradCamError:
        return None


def in_gluon(made):
    block = mx.gluon.SymbolBlock.imports(
        str(made.symbol_file), made.input_names, str(made.params_file)
    )
    block.hybridize(static_alloc=True, static_shape=True)
    return block


def in_onnx_runtime(made, size):
    from mxnet.onnx import export_model  # it needs onnx

    file = made.symbol_file.with_suffix(".onnx")
    shape = (1, 3, size, size)
    export_model(
        str(made.symbol_file), str(made.params_file), [shape], np.float32, str(file),
        dynamic=True, dynamic_input_shapes=[(None, *shape[1:])],
    )  # fmt: skip
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def worst(found, expected):
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def compared(name, folder):
    """Method → (whether the outputs are the same, how far maps are in Gluon, in ONNX Runtime)."""
    (net, x), found = nets.random_net(name), {}
    x = pictures(SAMPLES, x.shape[2])
    net.hybridize()  # as a symbol runs: eagerly, operators that fuse round otherwise
    net(x)
    before = net(x).asnumpy()
    for method in CARRIED:
        made = exported(net, x.shape[2], method, folder)
        if made is None:
            continue
        quietly = {"progress": False} if method == "recipro_cam" else {}
        own = getattr(gm, method)(net, x, **quietly)
        expected = at_input(own.values, own.input_size, own.centres, fall_to_lowest=True)
        block = in_gluon(made)
        block(x)  # from the first run on weights have another memory layout
        scores, heat = (one.asnumpy() for one in block(x))
        session = in_onnx_runtime(made, x.shape[2])
        (data,) = session.get_inputs()
        _, translated = session.run(None, {data.name: x.asnumpy()})
        is_same = np.array_equal(scores, before)
        found[method] = is_same, worst(heat, expected), worst(translated, expected)
    return found


def cost(name, folder, batch, rounds):
    """Method → the median of its time by that of the net alone, round by round."""
    net = built(name)
    x = pictures(batch, max(SIZE, nets.input_size(name)))
    net.hybridize(static_alloc=True, static_shape=True)
    blocks = {"alone": net}
    for method in CARRIED:
        made = exported(net, x.shape[2], method, folder)
        if made is not None:
            blocks[method] = in_gluon(made)
    seconds = {one: [] for one in blocks}
    for number in range(rounds + 2):
        for one, block in blocks.items():
            block(x)
            mx.nd.waitall()
            start = time.process_time()
            block(x)
            mx.nd.waitall()
            if number >= 2:
                seconds[one].append(time.process_time() - start)
    alone = seconds.pop("alone")
    ratios = {
        one: statistics.median(after / before for after, before in zip(taken, alone))
        for one, taken in seconds.items()
    }
    return statistics.median(alone), ratios


def row(*cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def table_of_maps(names):
    row("net", "methods", "outputs to the bit", "worst in Gluon", "worst in ONNX Runtime")
    row(*["---"] * 5)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            found = compared(name, folder)
        same, gluon, onnx = zip(*found.values())
        row(name, ", ".join(found), str(all(same)), f"{max(gluon):.1e}", f"{max(onnx):.1e}")
        nets.give_memory_back()


def table_of_costs(names, batch, rounds):
    row("net", f"seconds of {batch}", *CARRIED)
    row(*["---"] * (2 + len(CARRIED)))
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            seconds, ratios = cost(name, folder, batch, rounds)
        cells = (f"{ratios[one]:.3f} ×" if one in ratios else "" for one in CARRIED)
        row(name, f"{seconds:.3f}", *cells)
        nets.give_memory_back()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--nets", nargs="+", default=nets.ARCHITECTURES)
    arguments.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--batch", type=int, default=4)
    options = arguments.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    if "maps" in options.tables:
        table_of_maps(options.nets)
        print()
    if "cost" in options.tables:
        table_of_costs(options.nets, options.batch, options.rounds)


if __name__ == "__main__":
    main()
