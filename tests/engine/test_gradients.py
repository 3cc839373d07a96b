"""The engine's gradients against the same net in a process without oneDNN, and against float64.

Both are float32, and where an activation's input is nearer to zero than float32 resolves, one may
take it for positive and the other for negative; a deep net has such ties for almost every input,
and each changes the gradient by a finite amount. Where the two differ, the cause has to be shown:
with the signs that the engine saw, all of them ties, the float64 gradient must be the engine's.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from nets import ARCHITECTURES, random_net
from reference import Reference

from gradcam_mx import trace
from gradcam_mx._mxnet import mx
from gradcam_mx.engine.rules import DECONVNET, GUIDED, PLAIN
from gradcam_mx.engine.tape import Tape
from gradcam_mx.graph.layers import find_map

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("plain_gradients.py")
TOLERANCE = 1e-3
# Rounding errors of a sum grow with its length: over a hundred layers the activations of float32
# and float64 differ by some 1e-6 of the largest, so no true sign is lost beyond a tenfold of that.
TIE = 1e-5


def relative_error(found, expected):
    assert found.shape == expected.shape
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.fixture(scope="module")
def process_without_onednn():
    """One process for all nets: its start takes longer than most nets do."""
    path = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "MXNET_MKLDNN_ENABLED": "0", "PYTHONPATH": path},
    )
    yield process
    process.stdin.close()
    assert process.wait(timeout=60) == 0


def without_onednn(process, net, name, x, layer, class_id, folder):
    net.save_parameters(str(folder / "net.params"))
    np.savez(folder / "given.npz", x=x.asnumpy(), layer=layer, class_id=class_id)
    files = [str(folder / file) for file in ("net.params", "given.npz", "result.npz")]
    process.stdin.write(json.dumps([name, *files]) + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == "done\n"
    (folder / "net.params").unlink()
    return np.load(folder / "result.npz")


def one_hot(output, class_id):
    head = mx.nd.zeros_like(output)
    head[:, class_id] = 1
    return head


def pooled(graph):
    """What is pooled: there the largest of a window may be a tie."""
    return [node.inputs[0] for node in graph.live_nodes if node.op == "Pooling"]


def float64_gradient_with_the_signs_of(tape, net, x, class_id, rule="plain"):
    """The float64 gradient at the input, where the engine's choices replace those at ties."""
    parameters = {p.name: p.data().asnumpy() for p in net.collect_params().values()}
    reference = Reference(net(mx.sym.var("data")).tojson(), parameters)
    output = reference.forward(x.asnumpy())
    for index in sorted(GUIDED.acts(tape.graph)):
        node = tape.graph.nodes[index]
        seen = tape.value((index, 0)).asnumpy()
        z = reference.values[f"{tape.graph.nodes[node.inputs[0][0]].name}_output"]
        other = (seen > 0) != (z > 0)
        assert (np.abs(z[other]) <= TIE * np.abs(z).max()).all(), f"no tie at {node.name}"
        z[other] = np.where(seen[other] > 0, 1e-30, -1e-30)
    for entry in pooled(tape.graph):
        reference.values[f"{tape.graph.nodes[entry[0]].name}_output"][...] = tape.value(
            entry
        ).asnumpy()
    head = np.zeros_like(output)
    head[:, class_id] = 1
    return reference.backward(head, rule)["data"]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_gradients_equal_those_without_onednn(name, process_without_onednn, tmp_path):
    net, x = random_net(name)
    graph = trace(net)
    layer, path, _ = find_map(graph, None, graph.shapes(x.shape), graph.heads)
    data, head = graph.inputs[0], graph.heads[0]
    tape = Tape(graph, [x], [data, layer, *pooled(graph)], [PLAIN, GUIDED])
    # the top class: SqueezeNet ends in a ReLU, so other classes may have no gradient at all
    class_id = int(tape.value(head).asnumpy().argmax())
    found = tape.backward({head: one_hot(tape.value(head), class_id)})
    layer_index = int(path.split(".")[1])
    expected = without_onednn(process_without_onednn, net, name, x, layer_index, class_id, tmp_path)

    assert relative_error(found[layer].asnumpy(), expected["at_layer"]) <= TOLERANCE
    error = relative_error(found[data].asnumpy(), expected["at_input"])
    if error > TOLERANCE:
        exact = float64_gradient_with_the_signs_of(tape, net, x, class_id)
        assert relative_error(found[data].asnumpy(), exact) <= TOLERANCE / 10, error


@pytest.mark.parametrize("name", ["squeezenet1.1", "resnet18_v2", "densenet121"])
@pytest.mark.parametrize("rule", [GUIDED, DECONVNET], ids=lambda rule: rule.name)
def test_rules_equal_float64(name, rule, ctx):
    net, x = random_net(name, ctx=ctx)
    graph = trace(net)
    tape = Tape(graph, [x], [*graph.inputs, *pooled(graph)], [rule])
    data, head = graph.inputs[0], graph.heads[0]
    class_id = int(tape.value(head).asnumpy().argmax())
    found = tape.backward({head: one_hot(tape.value(head), class_id)}, rule, [data])[data].asnumpy()
    exact = float64_gradient_with_the_signs_of(tape, net, x, class_id, rule.name)
    assert relative_error(found, exact) <= TOLERANCE / 10
