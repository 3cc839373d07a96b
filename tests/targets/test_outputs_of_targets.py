"""Targets of one call that read different outputs: each as alone, or refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import TargetError
from gradcam_mx.targets import Channel, ClassScore, Detection, Segmentation, Several, Top, Unit

nn = gm.nn
BOXES = 5


class Net(mx.gluon.HybridBlock):
    """Class scores, a map, and the ids, scores and boxes of detections."""

    def __init__(self, traceable=True):
        super().__init__()
        self.traceable = traceable
        with self.name_scope():
            self.first = nn.Conv2D(4, 3, padding=1, in_channels=3)
            self.rectify = nn.Activation("relu")
            self.second = nn.Conv2D(6, 3, strides=2, in_channels=4)
            self.classify = nn.Dense(7, in_units=6 * 4 * 3)
            self.detect = nn.Dense(BOXES, in_units=4 * 9 * 8)

    def forward(self, x):
        if not self.traceable and isinstance(x, mx.nd.NDArray):
            assert x.asnumpy().size  # Python that needs numbers
            return self.hybrid_forward(mx.nd, x)
        if not self.traceable:
            raise ValueError("numbers are needed")
        return super().forward(x)

    def hybrid_forward(self, F, x):
        low = self.rectify(self.first(x))
        maps = self.second(low)
        scores = self.detect(low).expand_dims(2)
        ids = F.ones_like(scores)
        boxes = F.concat(ids * 0, ids * 0, ids * 4, ids * 4, dim=2)
        return self.classify(maps), maps, ids, scores, boxes


def make(ctx, traceable=True):
    mx.random.seed(5)
    net = Net(traceable)
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    return net, mx.nd.array(np.random.RandomState(2).randn(2, 3, 9, 8), ctx=ctx)


def same(found, alone):
    # the rounding of float32 differs with how many rows run at once
    atol = 1e-5 * np.abs(alone.values).max()
    np.testing.assert_allclose(found.values, alone.values, rtol=1e-5, atol=atol)
    np.testing.assert_allclose(found.score, alone.score, rtol=1e-5, atol=1e-5)
    assert (found.target, found.output, found.layer) == (alone.target, alone.output, alone.layer)
    assert found.rule_report == alone.rule_report


def spread(scores):
    return scores.max(axis=1) - scores.min(axis=1)


DETECTION = Detection(index=3, outputs=(2, 3, 4))
TOGETHER = {
    "a class and a detection": [5, DETECTION],
    "a detection and a class": [DETECTION, 5, None],
    "a class for each and a detection": [[4, 6], DETECTION, [2, 0]],
    "a unit and a class": [Unit("second", 2, (1, 1)), 2],
    "units of two layers": [Unit("second", 2, (1, 1)), Channel("rectify", 3), Unit("second", 1)],
    "a detection, a unit and functions": [DETECTION, Unit("rectify", 1), spread, ClassScore(3)],
    "units for each and a class": [[Unit("rectify", 1), Channel("rectify", 2)], np.ones(7), 1],
}
METHODS = [gm.grad_cam, gm.guided_backprop, gm.occlusion]


@pytest.mark.filterwarnings("ignore:the net has 5 outputs")
@pytest.mark.parametrize("method", METHODS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("targets", TOGETHER.values(), ids=TOGETHER)
def test_several_are_each_explained_as_alone(ctx, targets, method):
    net, x = make(ctx)
    for found, target in zip(method(net, x, Several(targets)), targets):
        same(found, method(net, x, target))


@pytest.mark.filterwarnings("ignore:the net has 5 outputs")
def test_methods_with_and_without_gradients_share_a_call(ctx):
    net, x = make(ctx)
    targets, names = [5, DETECTION, Unit("second", 2)], ["grad_cam", "occlusion", "deconvnet"]
    found = gm.explain(net, x, names, Several(targets))
    for name in names:
        for one, target in zip(found[name], targets):
            same(one, gm.METHODS[name].function(net, x, target))


@pytest.mark.filterwarnings("ignore:the net has 5 outputs")
def test_several_in_a_net_that_cannot_be_traced(ctx):
    net, x = make(ctx, traceable=False)
    traced, _ = make(ctx)
    targets = [5, DETECTION, Unit("second", 2, (1, 1)), Channel("rectify", 3)]
    for method in (gm.saliency, gm.occlusion):
        for found, target in zip(method(net, x, Several(targets)), targets):
            alone = method(traced, x, target)
            np.testing.assert_allclose(found.values, alone.values, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(found.score, alone.score, rtol=1e-5)


def test_the_first_output_is_said_to_be_chosen(ctx):
    net, x = make(ctx)
    with pytest.warns(UserWarning, match="5 outputs .* the first is explained") as caught:
        gm.saliency(net, x, Several([DETECTION, 5]))
    assert [one.filename for one in caught if "outputs" in str(one.message)] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        gm.saliency(net, x, Several([DETECTION, Unit("rectify", 1)]))


class Detector(Net):
    def hybrid_forward(self, F, x):
        return super().hybrid_forward(F, x)[2:]


@pytest.mark.parametrize("method", [gm.saliency, gm.occlusion, gm.grad_cam])
@pytest.mark.parametrize("outputs", [(0, 1, 2), (-3, -2, -1)])
@pytest.mark.parametrize(
    "other",
    [3, None, [1, 2], spread, np.ones((BOXES, 1))],
    ids=["id", "top", "ids", "function", "array"],
)
def test_a_class_is_not_looked_for_among_what_a_detection_reads(ctx, outputs, other, method):
    """It would be an entry of the detections' ids."""
    net = Detector()
    net.initialize(mx.init.Normal(0.5), ctx=ctx)
    _, x = make(ctx)
    for both in ([other, Detection(index=0, outputs=outputs)], [Detection(index=0), other]):
        with pytest.raises(TargetError, match=r"does not say which output .* Detection\(index=0"):
            method(net, x, Several(both))


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ([DETECTION, 5], {}, "number 0 is of output 2.*number 1 of output 0"),
        ([5, DETECTION], {}, "number 0 is of output 0.*number 1 of output 2"),
        ([DETECTION, Detection(index=0, outputs=(4, 3, 2))], {}, "of the same outputs"),
        ([Unit("second", 1), Unit("rectify", 1)], {}, "'second'.*'rectify'"),
        ([Unit("second", 1), None], {}, "'second'.*output 0"),
        (Several([[DETECTION, 5], DETECTION]), {}, "of the same outputs"),
        (Several([5, DETECTION]), {"output": (2, 3, 4)}, "class 5 is explained of 1 output "),
        (5, {"output": (0, 1)}, "class 5 is explained of 1 output of the net, not of 2"),
        (None, {"output": (0, 1)}, "the top class is explained of 1 output "),
        (Top(2), {"output": (0, 1)}, r"explained of 1 output "),
        (np.ones(7), {"output": (0, 1)}, "array is explained of 1 output "),
        (Segmentation(1), {"output": (1, 0)}, r"Segmentation\(class_id=1\) is explained of 1 "),
        ([lambda a, b: a[:, 0] + b[:, 0, 0, 0], 5], {"output": (0, 1)}, "class 5 is explained of"),
        (DETECTION, {"output": 3}, r"Detection\(.* is explained of 3 outputs of the net, not of 1"),
        (Detection(index=0, outputs=(2, 3)), {}, "explained of 3 outputs of the net, not of 2"),
        (Several([5, DETECTION]), {"output": 0}, "explained of 3 outputs of the net, not of 1"),
        (Several([5, Unit("rectify", 1)]), {"output": 0}, "'rectify' together with output=0"),
        (Unit("rectify", 1), {"output": "probability"}, "together with output='probability'"),
    ],
)
@pytest.mark.parametrize("method", [gm.saliency, gm.occlusion])
def test_what_mixes_up_outputs_is_refused(method, target, options, said):
    net, x = make(mx.cpu())
    with pytest.raises(TargetError, match=said):
        method(net, x, target, **options)


def test_a_picture_is_made_for_one_target():
    net, _ = make(mx.cpu())
    with pytest.raises(TargetError, match="made for one target"):
        gm.inspect.activation_maximization(net, Several([1, 2]), shape=(3, 9, 8), steps=1)
