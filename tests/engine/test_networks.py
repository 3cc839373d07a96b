"""Networks of every kind: each is explained, by the gradients that it has, and stays as it is.

The list is in networks.py. For each of them the gradients of the score at the input and at the
layer are those that finite differences of the net's own forward pass in float64 give, along random
directions.

Two comparisons are made, because in float32 an activation's input that is nearer to zero than
rounding errors may have either sign, and each such tie changes the gradient by a finite amount.

- The net cast to float64 has none: its gradient is that of the finite differences to `EXACT`. What
  is left is their own error, up to what they tolerate.
- The whole gradient in float32 is near that in float64, to the `close` of the case. Its error is
  made of the rounding errors, 1e-7 each and of random signs, and of the ties. Of a unit's values
  about a share of 1e-6 is as near to zero as a net's rounding errors are, 1e-6 of their size, and
  the gradient that comes through these has the square root of that, 1e-3 of its size; over the
  fifty layers of a deep net seven times as much. So 5e-2 is asked of the nets of GluonCV. Our own
  have some thousand units: in one of a thousand nets, one of its units is a tie. 1e-4 is asked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from finite_differences import Float64Net, directional, directional_inside, disagreement
from networks import DEADLY, GLUONCV, SMALL, Case, class_score, symbol_of
from test_untouched import assert_same, contents, state_of

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import NetworkError, RuleError
from gradcam_mx.run import Needs, Run

EXACT = 1e-5
SAME = 1e-5
STEPS = 1e-8, 1e-7, 1e-6, 1e-5
METHODS = {method.__name__: method for method in (
    gm.grad_cam, gm.saliency, gm.guided_backprop, gm.guided_grad_cam)}


class Reference:
    """A net in float64, and what its layers are called there."""

    def __init__(self, net, inputs):
        self.outputs = {}
        if isinstance(net, tuple):
            symbol, arguments, auxiliary = net
            parameters = {**arguments, **auxiliary}
            names = [name for name in symbol.list_inputs() if name not in parameters]
        else:
            symbol = self._traced(net, inputs)
            parameters = {name: one.data(one.list_ctx()[0])
                          for name, one in net.collect_params().items()}
            names = ["data"] if inputs == 1 else [f"data{number}" for number in range(inputs)]
        self.net = Float64Net(last_runs_named(symbol), parameters, names)

    def _traced(self, net, inputs):
        def visit(block, path):
            hooks.append(block.register_forward_hook(lambda block, given, output: (
                self.outputs.update({path: output.list_outputs()[0]})
                if isinstance(output, mx.sym.Symbol) else None)))
            for name, child in block._children.items():
                visit(child, f"{path}.{name}" if path else name)

        hooks = []
        visit(net, "")
        symbol = symbol_of(net, inputs)
        for hook in hooks:
            hook.detach()
        return symbol

    def node(self, layer):
        """The operator that gives a layer's output."""
        return self.outputs.get(layer, layer)[:-len("_output")]


def last_runs_named(symbol):
    """The JSON of a symbol; of operators of one name (a block that ran again) the last keeps it."""
    graph = json.loads(symbol.tojson(remove_amp_cast=False))
    seen = set()
    for at, node in reversed(list(enumerate(graph["nodes"]))):
        if node["op"] != "null" and node["name"] in seen:
            node["name"] += f"_run{at}"
        seen.add(node["name"])
    return json.dumps(graph)


def state(net, x):
    """What has to stay as it is."""
    if isinstance(net, mx.gluon.Block):
        return {(number, name): value for number, one in enumerate(x)
                for name, value in state_of(net, one).items()}
    arrays = ({**net[1], **net[2]} if isinstance(net, tuple)
              else net.parameters.on(net.parameters.contexts()[0]))
    return {name: contents(array) for name, array in arrays.items()}


def explained(case, net, x, layer=None):
    """The explanations by every method that fits, and the gradient at the layer."""
    options = {key: value for key, value in case.options.items() if key != "layer"}
    layer = layer or case.options.get("layer")
    found = {}
    for name, method in METHODS.items():
        at = {"layer": layer} if "cam" in name else {}
        given = {key: value for key, value in options.items() if name != "grad_cam"
                 or key != "input"}
        if name.startswith("guided") and not case.rectifies:
            with pytest.raises(RuleError):
                method(net, x, case.target, **at, **given)
        else:
            found[name] = method(net, x, case.target, **at, **given)
    return found, Run(net, x, case.target, layer, [Needs(layer=True)], **options)


def check(case: Case, ctx):
    x = tuple(mx.nd.array(one, ctx=ctx, dtype=one.dtype) for one in case.x)
    before = state(case.net, x)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        found, run = explained(case, case.net, x)
    at_input, at_layer = found["saliency"].values, run.layer_gradient
    assert_same(state(case.net, x), before)
    said = [str(one.message) for one in said if issubclass(one.category, UserWarning)]
    assert len(said) == bool(case.warning) and all(case.warning in one for one in said), said
    assert (run.map.name, found["grad_cam"].layer) == (case.layer, case.layer)

    turned = tuple(case.turn(one) for one in case.x)
    which = case.options.get("input", 0)
    which = int(which[-1]) if isinstance(which, str) else which
    samples, _, *positions = shape = turned[which].shape
    assert {name: one.values.shape for name, one in found.items() if name != "grad_cam"} == {
        name: shape for name in found if name != "grad_cam"}
    assert found["grad_cam"].values.shape == (samples, *at_layer.shape[2:])
    assert {one.heatmap().shape for one in found.values()} == {(samples, *positions)}

    if case.twin is not None:
        expected, twin_run = explained(
            case, case.twin, tuple(mx.nd.array(one, ctx=ctx, dtype=one.dtype) for one in turned),
            layer=case.twin_layer or case.options.get("layer"))
        for name, one in found.items():
            assert distance(one.values, expected[name].values) <= SAME
        assert distance(at_layer, twin_run.layer_gradient) <= SAME

    reference = Reference(next(one for one in (case.reference, case.twin, case.net)
                               if one is not None), len(x))
    exact = in_float64(case)
    if exact is None:
        exact_at_input, exact_at_layer, tolerance = at_input, at_layer, case.close
    else:
        tolerance = EXACT
        layer = case.options.get("layer")
        options = {key: value for key, value in case.options.items() if key != "layer"}
        exact_at_input = gm.saliency(exact, x, case.target, **options).values
        exact_at_layer = Run(exact, x, case.target, layer, [Needs(layer=True)],
                             **options).layer_gradient
        print("CLOSE", distance(at_input, exact_at_input), distance(at_layer, exact_at_layer))
        assert distance(at_input, exact_at_input) <= case.close
        assert distance(at_layer, exact_at_layer) <= case.close

    scalar = case.scalar or class_score(case.target)
    node = reference.node(case.twin_layer or case.layer)
    for seed in range(1 + (case.close < 1e-2)):
        rng = np.random.RandomState(seed)
        for gradient, slope in (
                (exact_at_input, lambda d: directional(
                    reference.net, turned, which, d, scalar, steps=STEPS)),
                (exact_at_layer, lambda d: directional_inside(
                    reference.net, turned, node, d, scalar, steps=STEPS))):
            direction = rng.normal(size=gradient.shape)
            e = disagreement(gradient, direction, slope(direction))
            print("FD", e)
            assert e<= tolerance


def distance(found, expected):
    """Relative to the size of what is expected."""
    assert found.shape == expected.shape
    assert np.abs(expected).max() > 0
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def in_float64(case):
    """The case's net in float64: what is explained by then is cast in place; None for files."""
    if isinstance(case.net, mx.gluon.Block):
        case.net.cast("float64")
        return case.net
    if isinstance(case.net, tuple):
        symbol, *parameters = case.net
        return symbol, *({name: array.astype("float64") for name, array in one.items()}
                         for one in parameters)
    return None


@pytest.fixture(autouse=True)
def _numpy_interface_off():
    yield
    mx.npx.reset_np()


NETWORKS = [
    *(pytest.param(name, mx.cpu(number), id=f"{name}-cpu{number}")
      for name in SMALL for number in (0, 1)),
    *(pytest.param(name, mx.cpu(0), id=name) for name in GLUONCV),
]


@pytest.mark.parametrize(("name", "ctx"), NETWORKS)
def test_explained(name, ctx, tmp_path):
    if name in DEADLY:
        subprocess.run([sys.executable, __file__, name, str(ctx.device_id), str(tmp_path)],
                       check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    else:
        run(name, ctx, tmp_path)


def run(name, ctx, folder):
    with mx.name.NameManager():
        case = {**SMALL, **GLUONCV}[name](ctx, folder)
    check(case, ctx)


if __name__ == "__main__":
    run(sys.argv[1], mx.cpu(int(sys.argv[2])), Path(sys.argv[3]))
