"""The advice on inputs and photos of another shape: whoever follows it has what fits."""

from __future__ import annotations

import re

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError, PhotoError

nn = mx.gluon.nn
ARRAYS = {"numpy": lambda x: x, "mxnet": mx.nd.array}


def net(channels, kind=nn.Conv2D):
    made = nn.HybridSequential()
    made.add(kind(2, 3, in_channels=channels), nn.Activation("relu"), nn.Flatten(), nn.Dense(3))
    made.initialize()
    return made


@pytest.mark.parametrize("array", ARRAYS)
@pytest.mark.parametrize(
    ("channels", "shape", "kind"),
    [
        (3, (3, 10, 12), nn.Conv2D),
        (3, (10, 12, 3), nn.Conv2D),
        (3, (1, 10, 12, 3), nn.Conv2D),
        (3, (2, 10, 12, 3), nn.Conv2D),
        (3, (2, 4, 10, 12), nn.Conv2D),
        (3, (2, 10, 12, 4), nn.Conv2D),
        (3, (10, 12, 4), nn.Conv2D),
        (3, (4, 10, 12), nn.Conv2D),
        (1, (1, 10, 12), nn.Conv2D),
        (1, (10, 12, 1), nn.Conv2D),
        (5, (5, 30), nn.Conv1D),
        (5, (2, 30, 5), nn.Conv1D),
        (2, (6, 10, 12, 2), nn.Conv3D),
        (2, (1, 6, 10, 12, 2), nn.Conv3D),
    ],
    ids=str,
)
def test_inputs_that_follow_the_advice_fit(array, channels, shape, kind):
    subject = net(channels, kind)
    x = ARRAYS[array](np.random.RandomState(0).rand(*shape).astype(np.float32))
    with pytest.raises(InputError) as caught:
        gm.saliency(subject, x)
    advice = re.search(r", (x\S*(?: \S+)*?)\. MXNet says", str(caught.value))
    fitting = eval(advice[1], {"x": x})
    assert gm.saliency(subject, fitting).values.shape[1] == channels


@pytest.mark.parametrize("shape", [(12, 12), (10, 12, 5), (2, 7, 10, 12), (2, 3, 4, 10, 12)])
def test_where_nothing_is_known_nothing_is_advised(shape):
    with pytest.raises(InputError) as caught:
        gm.saliency(net(3), np.zeros(shape, np.float32))
    assert re.search(r"expects \(N, 3, H, W\)\. MXNet", str(caught.value))


@pytest.mark.parametrize(
    "shape",
    [(9, 8, 4), (4, 9, 8), (3, 9, 8), (1, 9, 8), (1, 9, 8, 3), (1, 9, 8, 4)],
    ids=str,
)
def test_photos_that_follow_the_advice_are_photos(shape):
    photo = np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)
    prepare, cam = gm.zoo.IMAGENET, gm.grad_cam(net(3), np.ones((1, 3, 9, 8), np.float32))
    for take, kind in ((prepare, PhotoError), (gm.picture.check_photo, InputError)):
        with pytest.raises(kind) as caught:
            take(photo)
        code = "photo" + str(caught.value).rpartition("photo")[2]
        assert take(eval(code, {"photo": photo})).shape[-1] in (3, 224)
    assert cam.overlay(eval(code, {"photo": photo})).shape == (9, 8, 3)


def test_batches_are_handed_over_one_by_one():
    for channels, more in ((3, ""), (4, r", and of each, leave out .*: one\[\.\.\., :3\]")):
        photos = np.zeros((2, 9, 8, channels), np.uint8)
        with pytest.raises(PhotoError, match=f"a batch: hand its photos over one by one{more}$"):
            gm.zoo.IMAGENET(photos)


def test_photos_from_0_to_1_are_not_drawn_black():
    photo = np.random.RandomState(0).rand(9, 8, 3)
    with pytest.raises(InputError, match=r"expected 0 to 255: photo \* 255"):
        gm.picture.check_photo(photo)
    assert gm.picture.check_photo(photo * 255).max() > 200
    assert not gm.picture.check_photo(np.zeros((9, 8, 3))).any()
    assert gm.picture.check_photo(np.ones((9, 8, 3), np.uint8)).max() == 1


def test_paths_and_alpha_elsewhere():
    with pytest.raises(InputError, match=r"the photo is a path, cat\.png: read it by"):
        gm.picture.check_photo("cat.png")
    rgba = np.zeros((12, 9, 4), np.uint8)
    with pytest.raises(InputError, match=r"leave out the fourth channel \(alpha\)"):
        gm.inspect.compare(net(3), rgba, preprocess=gm.zoo.IMAGENET)
