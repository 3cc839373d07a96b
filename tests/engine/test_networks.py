"""Networks of every kind: each is explained, by the gradients that it has, and stays as it is.

The list is at the end of networks.py. Of each net, the gradients of the score at the input and at
the layer are compared with finite differences of the net's own forward pass in float64, along
random directions, and with another net (its twin) where one has to have the same explanations.

In float32 an activation's input that is nearer to zero than rounding errors reach may have either
sign, and each such tie changes the gradient by a finite amount. So there are two comparisons.

- The net cast to float64 has none; its gradient is that of the finite differences to `EXACT`. Their
  own error is that of rounding: 1e-16 of the score, over a step of 1e-8 that changes it by 1/√n of
  its size, where the n numbers of the input number 1e3 to 1e5. That makes up to 3e-6 (measured:
  below 4e-7 in small nets, up to 3e-6 in deep ones). Larger steps would be crossed by kinks.
- The whole gradient in float32 is that in float64 to `close`. About a share of 1e-6 of the values
  before activations is so near to zero, so a gradient that comes through a layer has √1e-6 = 1e-3
  of its size in ties, and over 50 layers in a row √50 times that: 5e-2 is asked of the nets of
  GluonCV (measured: below 2e-6 without a tie, up to 1e-2 with some). The small ones have some
  thousand such values, and most likely no tie; rounding errors alone, of 1e-7 each, are far below
  the 1e-4 that is asked (measured: below 1e-6).
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from finite_differences import Float64Net, directional, directional_inside, disagreement
from networks import (
    DEADLY,
    GLUONCV,
    NEED_ONEDNN,
    SLOW,
    SMALL,
    Branching,
    Case,
    class_score,
    flat,
    symbol_of,
)
from test_untouched import assert_same, contents, state_of

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import GradCamError, NetworkError, RuleError
from gradcam_mx.methods.needs import Needs
from gradcam_mx.methods.run import Run

EXACT = 1e-5
STEPS = {"steps": (1e-8, 1e-7, 1e-6, 1e-5), "tolerance": EXACT}
# Between a net and its twin: rounding errors, in Grad-CAMs of sums in which much cancels.
SAME = 1e-5
METHODS = {"grad_cam", "saliency", "guided_backprop", "guided_grad_cam"}
GUIDED, OF_A_LAYER = {"guided_backprop", "guided_grad_cam"}, {"grad_cam", "guided_grad_cam"}


# GluonCV initialises some of its layers itself, and takes pieces out of other nets.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Parameter .* is already initialized:UserWarning"),
    pytest.mark.filterwarnings("ignore:Cannot decide type for the following:UserWarning"),
]


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
            parameters = {
                name: one.data(one.list_ctx()[0]) for name, one in net.collect_params().items()
            }
            names = ["data"] if inputs == 1 else [f"data{number}" for number in range(inputs)]
        self.net = Float64Net(last_runs_named(symbol), parameters, names)

    def _traced(self, net, inputs):
        def visit(block, path):
            hooks.append(
                block.register_forward_hook(
                    lambda block, given, output: self.outputs.update(
                        {path: flat(output)[0].list_outputs()[0]}
                    )
                )
            )
            for name, child in block._children.items():
                visit(child, f"{path}.{name}" if path else name)

        hooks = []
        visit(net, "")
        symbol = symbol_of(net, inputs)
        for hook in hooks:
            hook.detach()
        return symbol

    def node(self, layer):
        """The operator that gives a layer's output; of one that runs several times, the last."""
        layer = layer.split("#")[0]
        return self.outputs.get(layer, layer)[: -len("_output")]


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
        return {
            (number, name): value
            for number, one in enumerate(x)
            for name, value in state_of(net, one).items()
        }
    parameters = (
        {**net[1], **net[2]}
        if isinstance(net, tuple)
        else net.parameters.on(net.parameters.contexts()[0])
    )
    return {name: contents(array) for name, array in [*parameters.items(), *enumerate(x)]}


def gradients(case, net, x, explained=None):
    """At the input, and at the layer if there is one; and what the layer is called."""
    options = case.options_of_inputs
    saliency = explained or gm.saliency(net, x, case.target, **options)
    if case.layer is None:
        return [saliency.values], None
    layer = case.twin_layer if net is case.twin else ""
    run = Run(
        net, x, case.target, layer or case.options.get("layer"), [Needs(layer=True)], **options
    )
    return [saliency.values, run.layer_gradient], run.map.name


def explanations(case, net, x):
    """By every method that fits."""
    options = dict(case.options)
    if net is case.twin and case.twin_layer:
        options["layer"] = case.twin_layer
    names = METHODS if case.layer is not None else METHODS - OF_A_LAYER
    return gm.explain(net, x, names if case.rectifies else names - GUIDED, case.target, **options)


def check(case: Case, ctx):
    x = arrays(case.x, ctx)
    before = state(case.net, x)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        found = explanations(case, case.net, x)
        slopes, layer = gradients(case, case.net, x, found["saliency"])
    assert_same(state(case.net, x), before)
    said = [str(one.message) for one in caught if issubclass(one.category, UserWarning)]
    assert len(said) == bool(case.warning)
    assert all(case.warning in one for one in said)
    assert layer == case.layer
    if not case.rectifies:
        with pytest.raises(RuleError, match="rectifiers"):
            gm.guided_backprop(case.net, x, case.target, **case.options)

    turned = tuple(case.turn(one) for one in case.x)
    which = int(str(case.options.get("input", 0))[-1])
    check_shapes(found, turned[which].shape, slopes)
    check_ablation(case, x, turned, which, found["saliency"], ctx)
    assert_same(state(case.net, x), before)
    if case.twin is not None:
        check_same(case, found, slopes, arrays(turned, ctx))
    exact = in_float64(case)
    if exact is not None:
        narrow, (slopes, _) = slopes, gradients(case, exact, x)
        for one, other in zip(narrow, slopes):
            assert distance(one, other) <= case.close
    check_differences(case, slopes, turned, which, case.close if exact is None else EXACT)


def arrays(numbers, ctx):
    return tuple(mx.nd.array(one, ctx=ctx, dtype=one.dtype) for one in numbers)


def check_shapes(found, shape, slopes):
    """Of the explanations, for an input of this shape, channels first."""
    for name, one in found.items():
        expected = shape if name != "grad_cam" else (shape[0], *slopes[1].shape[2:])
        assert one.values.shape == expected, name
        assert np.abs(one.values).max() > 0, name
        if len(shape) > 2:
            assert one.heatmap().shape == (shape[0], *shape[2:]), name


def check_ablation(case, x, turned, which, whole, ctx):
    """Halves of the input hidden by the perturbation engine, and by hand for a recorded run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = gm.feature_ablation(
            case.net,
            x,
            case.target,
            segments="grid",
            num_segments=2,
            batch_size=3,
            progress=False,
            **case.options_of_inputs,
        )
        cut, drops = found.details["segments"], found.details["segment_values"]
        of_classes = isinstance(whole.target, list) and all(
            isinstance(one, int) for one in whole.target
        )
        for number in range(min(2, drops.shape[1])):
            hidden = cut == number if turned[which].ndim == 2 else (cut == number)[:, None]
            moved = tuple(
                np.where(hidden, 0, one).astype(one.dtype) if at == which else one
                for at, one in enumerate(turned)
            )
            target = whole.target if of_classes else target_of_variants(case, x)
            left = gm.saliency(
                case.twin or case.net, arrays(moved, ctx), target, **case.options_of_inputs
            ).score
            np.testing.assert_allclose(
                drops[:, number],
                whole.score - left,
                rtol=1e-3,
                atol=1e-4 * np.abs(whole.score).max(),
            )


def target_of_variants(case, x):
    """Of a detection the box that is meant, which may be gone, in the place of its number."""
    if not isinstance(case.target, gm.targets.Detection):
        return case.target
    if case.target.index is None:
        return dataclasses.replace(case.target, lost=0)
    ids, _, boxes = case.net(*x)
    number = case.target.index
    return [
        gm.targets.Detection(box=box[number], class_id=int(kind[number, 0]), lost=0)
        for kind, box in zip(ids.asnumpy(), boxes.asnumpy())
    ]


def check_same(case, found, slopes, x):
    expected = explanations(case, case.twin, x)
    for name, one in found.items():
        assert distance(one.values, expected[name].values) <= SAME, name
    for one, other in zip(slopes, gradients(case, case.twin, x, expected["saliency"])[0]):
        assert distance(one, other) <= SAME


def check_differences(case, slopes, x, which, tolerance):
    """Gradients at the input and the layer, against differences along random directions."""
    net = next(one for one in (case.reference, case.twin, case.net) if one is not None)
    reference = Reference(net, len(x))
    scalar = case.scalar or class_score(case.target)
    # the gradients of a deep net were compared as a whole, so one direction finds any error
    for seed in range(2 if case.close < 1e-2 else 1):
        rng = np.random.RandomState(seed)
        for at, gradient in enumerate(slopes):
            direction = rng.normal(size=gradient.shape)
            if at == 0:
                slope = directional(reference.net, x, which, direction, scalar, **STEPS)
            else:
                node = reference.node(case.twin_layer or case.layer)
                slope = directional_inside(reference.net, x, node, direction, scalar, **STEPS)
            assert disagreement(gradient, direction, slope) <= tolerance


def distance(found, expected):
    """Relative to the size of what is expected."""
    assert found.shape == expected.shape
    assert np.abs(expected).max() > 0
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def in_float64(case):
    """The case's net in float64 (a Block is cast in place); None if there is none, as in files"""
    if not case.exact:
        return None
    if isinstance(case.net, mx.gluon.Block):
        case.net.cast("float64")
        return case.net
    if isinstance(case.net, tuple):
        symbol, *parameters = case.net
        return symbol, *(
            {name: array.astype("float64") for name, array in one.items()} for one in parameters
        )
    return None


@pytest.fixture(autouse=True)
def _numpy_interface_off():
    yield
    mx.npx.reset_np()


def marks(name, number):
    needs = pytest.mark.skipif(
        name in NEED_ONEDNN and os.environ.get("MXNET_MKLDNN_ENABLED") == "0",
        reason="MXNet itself runs it with oneDNN alone",
    )
    return [needs, *[pytest.mark.slow] * (name in SLOW), *[pytest.mark.processor] * (number == 0)]


NETWORKS = [
    *(
        pytest.param(name, mx.cpu(number), id=f"{name}-cpu{number}", marks=marks(name, number))
        for name in SMALL
        for number in (0, 1)
    ),
    *(pytest.param(name, mx.cpu(0), id=name, marks=pytest.mark.slow) for name in GLUONCV),
]


@pytest.mark.parametrize(("name", "ctx"), NETWORKS)
def test_explained(name, ctx, tmp_path):
    # not this process, if it ends it again; or one that gives its gigabytes back
    if name in DEADLY or name in GLUONCV:
        subprocess.run(
            [sys.executable, __file__, name, str(ctx.device_id), str(tmp_path)],
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    else:
        explain(name, ctx, tmp_path)


def explain(name, ctx, folder):
    with mx.name.NameManager():
        case = {**SMALL, **GLUONCV}[name](ctx, folder)
    check(case, ctx)


class Functional(mx.gluon.HybridBlock):
    """A max pooling that is no layer."""

    def hybrid_forward(self, F, x):
        return F.Pooling(x, kernel=(2, 2), stride=(2, 2), pool_type="max")


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        pytest.param(
            lambda: [mx.gluon.nn.Conv2D(4, 3), Branching(lambda: [mx.gluon.nn.BatchNorm()])],
            r"'1' \(Branching\) runs code .*\(from gradcam_mx import nn in place of "
            r"from mxnet\.gluon import nn\)",
            id="no drop-ins",
        ),
        pytest.param(
            lambda: [gm.nn.Conv2D(4, 3), Branching(lambda: [mx.gluon.nn.BatchNorm()])],
            r"Gluon's own: '1\.0' \(BatchNorm\).*from gradcam_mx import nn in place of: "
            r"from mxnet\.gluon import nn",
            id="drop-ins in part",
        ),
        pytest.param(
            lambda: [gm.nn.Conv2D(4, 3), Branching(lambda: [Functional()])],
            r"operator Pooling as a function.*nn\.MaxPool2D of gradcam_mx",
            id="functional pooling",
        ),
    ],
)
def test_what_cannot_be_traced_is_refused_with_advice(layers, said, ctx):
    x = mx.nd.random.normal(shape=(1, 3, 8, 8), ctx=ctx)
    net = mx.gluon.nn.Sequential()
    net.add(
        *layers(),
        gm.nn.Dense(3) if layers()[0].__module__ == gm.nn.__name__ else mx.gluon.nn.Dense(3),
    )
    net.initialize(ctx=ctx)
    before = net(x).asnumpy()
    for method in (gm.grad_cam, gm.saliency):
        with pytest.raises(NetworkError, match=said):
            method(net, x, target=1)
    np.testing.assert_array_equal(net(x).asnumpy(), before)


def several_inputs(ctx, tmp_path):
    case = SMALL["several inputs, the image last"](ctx, tmp_path)
    return case.net, arrays(case.x, ctx)


def test_guided_grad_cam_of_a_vector_is_refused(ctx, tmp_path):
    net, x = several_inputs(ctx, tmp_path)
    with pytest.raises(GradCamError):
        gm.guided_grad_cam(net, x, 1, layer="conv", input=1)


def test_ids_are_not_what_is_explained_by_default(ctx, tmp_path):
    net, x = several_inputs(ctx, tmp_path)
    assert gm.saliency(net, x, 1).input != "data0"


if __name__ == "__main__":
    explain(sys.argv[1], mx.cpu(int(sys.argv[2])), Path(sys.argv[3]))
