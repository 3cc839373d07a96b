"""The same numbers on a GPU, where there is one."""

import numpy as np
import pytest
from nets import random_net

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(mx.context.num_gpus() == 0, reason="no GPU here"),
]


METHODS = {
    "grad_cam": {},
    "saliency": {},
    "guided_backprop": {},
    "guided_grad_cam": {},
    "occlusion": {"window": 48},
    "rise": {"num_samples": 40},
    "lime": {"segments": "grid", "num_samples": 60},
    "kernel_shap": {"segments": "grid", "num_segments": 9, "num_samples": 60},
    "partition_shap": {"max_evals": 20},
}


@pytest.mark.parametrize("name", ["resnet18_v1", "squeezenet1.1", "mobilenetv2_0.25"])
@pytest.mark.parametrize("method", list(METHODS))
def test_a_gpu_gives_the_numbers_of_the_cpu(name, method):
    net, x = random_net(name)
    explain, options = getattr(gm, method), METHODS[method]
    expected = explain(net, x, **options)
    net.collect_params().reset_ctx(mx.gpu(0))
    found = explain(net, x.as_in_context(mx.gpu(0)), target=expected.target, **options)
    # a rounding flip moves single values; the maps as wholes must be the same
    difference = np.linalg.norm(found.values - expected.values)
    assert difference <= 0.02 * np.linalg.norm(expected.values)


def test_input_on_the_cpu_is_taken_to_the_net():
    net, x = random_net("resnet18_v1", ctx=mx.gpu(0))
    on_gpu = gm.grad_cam(net, x)
    np.testing.assert_array_equal(gm.grad_cam(net, x.asnumpy()).values, on_gpu.values)


def test_what_is_inside_is_the_same_on_a_gpu():
    net, x = random_net("squeezenet1.1")
    inside = gm.inspect.layer_outputs(net, x, ["features.5", "penultimate"])
    vectors = gm.inspect.feature_vectors(net, x, progress=False)
    patch = gm.inspect.max_activating_patches(net, x, "features.5", [3], progress=False)[0][0]
    net.collect_params().reset_ctx(mx.gpu(0))
    x = x.as_in_context(mx.gpu(0))
    for name, found in gm.inspect.layer_outputs(net, x, list(inside)).items():
        np.testing.assert_allclose(found, inside[name], rtol=1e-2, atol=1e-2)
    np.testing.assert_allclose(
        gm.inspect.feature_vectors(net, x, progress=False), vectors, rtol=1e-2, atol=1e-2
    )
    found = gm.inspect.max_activating_patches(net, x, "features.5", [3], progress=False)[0][0]
    np.testing.assert_allclose(found.activation, patch.activation, rtol=1e-2)
    made = gm.inspect.activation_maximization(net, 3, shape=x.shape[1:], steps=5, progress=False)
    assert made.scores[-1] > made.scores[0]


def test_snapshots_are_taken_on_a_gpu():
    net, x = random_net("resnet18_v1")
    seen = []
    handler = gm.training.ExplanationHandler(x, [3], writers=seen.append)
    handler(0, net)
    net.collect_params().reset_ctx(mx.gpu(0))
    handler(1, net)
    assert seen[0].predictions == seen[1].predictions
    np.testing.assert_allclose(seen[1].scores, seen[0].scores, rtol=1e-2)
