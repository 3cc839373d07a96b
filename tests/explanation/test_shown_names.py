"""What an explanation is called: at a prompt, in lists, over its pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import gradcam_mx as gm
from gradcam_mx._mxnet import mx

nn = mx.gluon.nn


def explained(samples=1, target=282, **options):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(2, 3), nn.Activation("relu"), nn.GlobalAvgPool2D(), nn.Dense(300))
    net.initialize(mx.init.Normal(1))
    x = np.random.RandomState(0).rand(samples, 3, 10, 9).astype(np.float32)
    return gm.explain(net, x, ["grad_cam", "saliency"], target, **options)


def test_at_a_prompt_it_is_one_short_line():
    cam, saliency = explained().values()
    score = f"{cam.score[0]:.3g}"
    assert repr(cam) == f"<Explanation grad_cam of class 282, score {score}, layer 0, 1 × 8 × 7>"
    assert repr(saliency) == f"<Explanation saliency of class 282, score {score}, 1 × 3 × 10 × 9>"
    named = replace(cam, class_names=["tiger cat"], score=np.array([9.1742], np.float32))
    assert repr(named) == (
        "<Explanation grad_cam of tiger cat (282), score 9.17, layer 0, 1 × 8 × 7>"
    )
    assert str([named]) == f"[{named!r}]"


def test_of_many_samples_it_names_the_first():
    cam = explained(5, [4, 4, 3, 2, 1])["grad_cam"]
    assert "grad_cam of class 4, class 3, class 2, ..., scores " in repr(cam)
    assert repr(cam).endswith(", ..., layer 0, 5 × 8 × 7>")
    assert len(repr(cam)) < 130
    same = explained(5, 4)["grad_cam"]
    assert "grad_cam of class 4, scores " in repr(same)


def test_of_another_target_it_has_the_name():
    of_probability = explained(2, gm.targets.Probability(7))["grad_cam"]
    assert f"grad_cam of {of_probability.target}, scores " in repr(of_probability)


def test_pictures_are_titled_as_on_the_command_line(tmp_path):
    cam = explained()["grad_cam"]
    below = f"score {cam.score[0]:.3g}, layer 0"
    assert [axes.get_title() for axes in cam.plot().axes] == [f"Grad-CAM: class 282\n{below}"]
    named = replace(cam, class_names=["tiger cat"])
    assert [axes.get_title() for axes in named.plot().axes] == [
        f"Grad-CAM: tiger cat (282)\n{below}"
    ]
    back = gm.Explanation.load(named.save(tmp_path / "cat.npz"))
    assert (back.title, back.class_names) == ("Grad-CAM", ["tiger cat"])
    assert back == named == cam  # names are no part of what was found
