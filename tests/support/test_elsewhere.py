"""What other packages call things is answered with the names here."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import MethodError
from gradcam_mx.support import elsewhere

X = np.zeros((1, 3, 8, 8), np.float32)


@pytest.fixture(scope="module")
def net():
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Conv2D(2, 3, in_channels=3), mx.gluon.nn.Dense(3, in_units=72))
    net.initialize()
    return net


ARGUMENTS = [  # pytorch-grad-cam, Captum, torch-cam, LIME, SHAP, tf-keras-vis, or mistyped
    ("grad_cam", "target_layers", "layer"),
    ("grad_cam", "target_layer", "layer"),
    ("grad_cam", "penultimate_layer", "layer"),
    ("grad_cam", "aug_smooth", "augment_smooth"),
    ("grad_cam", "targets", "target"),
    ("grad_cam", "class_idx", "target"),
    ("grad_cam", "relu_attributions", "relu"),
    ("saliency", "input_tensor", "x"),
    ("saliency", "seed_input", "x"),
    ("integrated_gradients", "n_steps", "steps"),
    ("integrated_gradients", "baselines", "baseline"),
    ("integrated_gradients", "method", "quadrature"),
    ("integrated_gradients", "internal_batch_size", "batch_size"),
    ("expected_gradients", "baselines", "background"),
    ("expected_gradients", "n_samples", "num_samples"),
    ("smooth_grad", "nt_samples", "num_samples"),
    ("smooth_grad", "stdevs", "noise"),
    ("smooth_grad", "nt_type", "mode"),
    ("smooth_grad", "smooth_samples", "num_samples"),
    ("occlusion", "patch_size", "window"),
    ("occlusion", "sliding_window_shapes", "window"),
    ("occlusion", "strides", "stride"),
    ("lime", "hide_color", "baseline"),
    ("lime", "segmentation_fn", "segments"),
    ("lime", "random_seed", "seed"),
    ("kernel_shap", "nsamples", "num_samples"),
    ("kernel_shap", "feature_mask", "segments"),
    ("feature_ablation", "perturbations_per_eval", "batch_size"),
    ("rise", "n_masks", "num_samples"),
    ("rise", "num_sample", "num_samples"),
]


@pytest.mark.parametrize(("method", "theirs", "ours"), ARGUMENTS)
def test_arguments(net, method, theirs, ours):
    with pytest.raises(TypeError, match=f"{theirs}= is called {ours}= here|did you mean {ours}="):
        getattr(gm, method)(net, X, **{theirs: 1})
    if ours in gm.METHODS[method].options:
        with pytest.raises(MethodError, match=f"{ours}= here|did you mean {ours}="):
            gm.explain(net, X, [method], options={method: {theirs: 1}})


@pytest.mark.parametrize("name", ["top_labels", "topk", "ranked_outputs"])
def test_several_classes(net, name):
    with pytest.raises(TypeError, match=f"{name}: .*target=gm.targets.Top"):
        gm.lime(net, X, **{name: 2})


def test_functions_that_are_no_methods(net):
    for call, said in (
        (lambda: gm.explain(net, X, "saliency", target_layers=[]), "target_layers=.* layer= here"),
        (lambda: gm.visualize(net, X, X, layer_name="0"), "layer_name=.* conv_layer_name= here"),
        (lambda: gm.inspect.compare(model=net, images=X), "model= is called nets= here"),
    ):
        with pytest.raises(TypeError, match=said):
            call()


def test_what_is_known_nowhere_is_pythons_own_error(net):
    with pytest.raises(TypeError) as caught:
        gm.check(net, X, wxyz=1)
    assert "here" not in str(caught.value)
    with pytest.raises(TypeError, match=r"grad_cam\(\) got an unexpected.*'wxyz': grad_cam\(net"):
        gm.grad_cam(net, X, wxyz=1)


METHODS = {
    "gradcam": "grad_cam",
    "Grad-CAM": "grad_cam",
    "GradCAM++": "grad_cam_pp",
    "GradCAMPlusPlus": "grad_cam_pp",
    "LayerGradCam": "grad_cam",
    "XGradCAM": "xgrad_cam",
    "HiResCAM": "hires_cam",
    "ScoreCAM": "score_cam",
    "IntegratedGradients": "integrated_gradients",
    "NoiseTunnel": "smooth_grad",
    "GradientShap": "expected_gradients",
    "GradientExplainer": "expected_gradients",
    "PartitionExplainer": "partition_shap",
    "LimeImageExplainer": "lime",
    "Deconvolution": "deconvnet",
    "InputXGradient": "input_x_gradient",
    "GuidedBackpropReLUModel": "guided_backprop",
    "salency": "saliency",
}


@pytest.mark.parametrize("theirs", METHODS)
def test_methods(net, theirs):
    with pytest.raises(MethodError, match=f"the closest is '{METHODS[theirs]}'"):
        gm.explain(net, X, [theirs])
    with pytest.raises(AttributeError, match=f"here it is gm.{METHODS[theirs]}$"):
        getattr(gm, theirs)


def test_every_name_that_is_offered_exists():
    assert set(elsewhere._METHODS.values()) <= set(gm.METHODS)
    assert all(elsewhere.plain(name) == name for name in (*elsewhere._METHODS, *elsewhere._NAMES))
    for said in elsewhere._NAMES.values():
        if said.startswith("gm."):
            module, _, name = said[3:].rpartition(".")
            assert hasattr(getattr(gm, module), name), said


def test_embeddings():
    with pytest.raises(MethodError, match="the closest is 'tsne'; there are pca, tsne"):
        gm.inspect.embed(np.eye(5), "t-SNE")


def test_names_of_modules():
    for name, said in (
        ("ClassifierOutputTarget", "the class itself, target=281"),
        ("ClassifierOutputSoftmaxTarget", "gm.targets.Probability"),
        ("Classscore", "gm.targets.ClassScore"),
    ):
        with pytest.raises(AttributeError, match=f"has no attribute '{name}'; here it is {said}"):
            getattr(gm.targets, name)
    with pytest.raises(AttributeError, match="here it is overlay\\(photo\\) of an explanation"):
        gm.show_cam_on_image  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'wxyz'$"):
        gm.wxyz  # noqa: B018
    assert not hasattr(gm, "__wrapped__")
