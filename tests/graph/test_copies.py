"""A graph can be copied and pickled, and its copy explains the same."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

nn = mx.gluon.nn
X = np.random.RandomState(0).normal(size=(2, 3, 12, 11)).astype(np.float32)
WAYS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda graph: pickle.loads(pickle.dumps(graph)),
    "twice": lambda graph: pickle.loads(pickle.dumps(copy.deepcopy(graph))),
}


def exported(folder):
    """A net with what is rewritten, frozen and worked around, as files."""
    mx.random.seed(0)
    net = nn.HybridSequential(prefix="copied_")
    with net.name_scope():
        net.add(
            nn.Conv2D(6, 3),
            nn.BatchNorm(scale=False),
            nn.Activation("relu"),
            nn.AvgPool2D(2, ceil_mode=True),
            nn.Conv2D(8, 3),
            nn.SELU(),
            nn.Dropout(0.5),
            nn.GlobalAvgPool2D(),
            nn.Dense(4),
        )
    net.initialize(mx.init.Xavier(magnitude=4))
    net.hybridize()
    net(mx.nd.array(X))
    net.export(str(folder / "net"))
    return folder / "net"


def explained(graph):
    return [
        explain(graph, X, target=1).values
        for explain in (gm.grad_cam, gm.saliency, gm.guided_backprop)
    ]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("was_used", [False, True])
def test_a_copy_explains_the_same_to_the_bit(ctx, tmp_path, way, was_used):
    graph = gm.load(exported(tmp_path), ctx=ctx)
    if was_used:  # it holds compiled pieces and shapes then, which cannot be copied
        explained(graph)
    found = WAYS[way](graph)
    assert found is not graph
    assert str(found.layers(X.shape)) == str(graph.layers(X.shape))
    assert (found.input_names, found.outputs) == (graph.input_names, graph.outputs)
    # MXNet unpickles arrays on the first CPU
    assert found.parameters.contexts() == [ctx if way == "copy" else mx.cpu(0)]
    for one, other in zip(explained(found), explained(graph)):
        np.testing.assert_array_equal(one, other)


def test_a_deep_copy_has_parameters_of_its_own(tmp_path):
    prefix = exported(tmp_path)
    arguments = mx.nd.load(f"{prefix}-0000.params")
    symbol = mx.sym.load(f"{prefix}-symbol.json")
    arrays = {name.split(":")[1]: array for name, array in arguments.items()}
    graph = gm.trace((symbol, arrays, {}))
    alike, apart = copy.copy(graph), copy.deepcopy(graph)
    before = gm.saliency(graph, X, target=1).values
    arrays["copied_dense0_weight"][:] = 2 * arrays["copied_dense0_weight"]
    np.testing.assert_allclose(gm.saliency(graph, X, target=1).values, 2 * before, rtol=1e-5)
    np.testing.assert_allclose(gm.saliency(alike, X, target=1).values, 2 * before, rtol=1e-5)
    np.testing.assert_array_equal(gm.saliency(apart, X, target=1).values, before)


def test_a_pickled_graph_needs_no_files(tmp_path):
    graph = gm.load(exported(tmp_path))
    packed = pickle.dumps(graph)
    expected = gm.grad_cam(graph, X, target=2).values
    for file in tmp_path.iterdir():
        file.unlink()
    np.testing.assert_array_equal(gm.grad_cam(pickle.loads(packed), X, target=2).values, expected)
