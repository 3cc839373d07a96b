"""Photos that are made ready otherwise for a port: what was done is named."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from ported import SIDE, inputs, port, small_net

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.zoo.preprocess import IMAGENET, Preprocess

PREPARE = replace(IMAGENET.adapted(size=SIDE), short_side=20)


def photos():
    """Smooth colours with an edge, so that every way to scale them gives something else."""
    draw = np.random.RandomState(4)
    found = []
    for _ in range(3):
        coarse = draw.randint(0, 256, (6, 7, 3)).astype(np.uint8)
        photo = cv2.resize(coarse, (61, 45), interpolation=cv2.INTER_NEAREST)
        found.append(np.ascontiguousarray(photo))
    return found


def squeezed(photo):
    small = np.array(gm.zoo.preprocess.Image.fromarray(photo).resize((SIDE, SIDE), 2))
    return replace(PREPARE, short_side=SIDE)(small)


WAYS = {
    "channel order": (replace(PREPARE, order="BGR"), None),
    "scale": (replace(PREPARE, mean=(0.0,) * 3, std=(255.0,) * 3), None),
    "mean and std": (replace(PREPARE, mean=(127.5,) * 3, std=(127.5,) * 3), None),
    "crop": (replace(PREPARE, short_side=SIDE), None),
    "interpolation": (replace(PREPARE, interpolation="bicubic"), None),
    "crop by squeezing": (squeezed, "crop"),
    "crop, mean and std": (
        Preprocess("RGB", (0.0,) * 3, (1.0,) * 3, short_side=SIDE, size=SIDE),
        None,
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_another_preparation_of_photos_is_named(way, ctx):
    prepare, cause = WAYS[way]
    net = small_net(ctx)
    options = {"preprocess": PREPARE, "masks": 0}
    found = gm.audit(net, net, photos(), new_preprocess=prepare, **options)
    assert found.is_same is False
    assert found.preparing.kind == "makes"
    assert found.preparing.cause.split(",")[0] == (cause or way).split(",")[0]
    assert found.preparing.after < 0.03 * found.preparing.before
    # the nets themselves are the same
    assert all(row.new for row in found.layers)
    assert gm.audit(net, net, photos(), new_preprocess=PREPARE, **options).is_same


def test_bgr_is_told_of_channels_whose_means_are_swapped_too(ctx):
    # RGB for BGR, each channel with the mean of its place
    net = small_net(ctx)
    other = replace(PREPARE, order="BGR", mean=PREPARE.mean[::-1], std=PREPARE.std[::-1])
    found = gm.audit(net, net, photos(), preprocess=PREPARE, new_preprocess=other, masks=0)
    assert "BGR" in found.preparing.said


@pytest.mark.parametrize(("extra", "cause"), [("bgr", "channel order"), ("scale", "scale")])
@pytest.mark.parametrize("are_photos", [False, True])
def test_what_a_port_does_to_its_input_is_named(extra, cause, are_photos, tmp_path):
    pytest.importorskip("onnxruntime")
    net = small_net()
    new = port(net, tmp_path / "port.onnx", extra=[extra])
    options = {"preprocess": PREPARE} if are_photos else {}
    found = gm.audit(net, new, photos() if are_photos else inputs(), masks=0, **options)
    assert found.is_same is False
    assert found.preparing.cause == cause
    assert found.preparing.kind in ("wants", "does")
    assert found.findings == []


def test_a_port_that_is_given_what_it_wants_is_the_same(tmp_path):
    pytest.importorskip("onnxruntime")
    net = small_net()
    new = port(net, tmp_path / "port.onnx", extra=["bgr"])
    # the port turns the channels around, and so does what makes its photos ready
    turned = lambda photo: PREPARE(photo)[:, ::-1]  # noqa: E731
    found = gm.audit(net, new, photos(), preprocess=PREPARE, new_preprocess=turned, masks=0)
    assert found.is_same is True
    assert found.layers == []
    assert found.preparing.kind == "wants" or found.preparing.kind == "does"


@pytest.mark.parametrize("is_wrong", [False, True])
def test_a_function_of_photos_is_held_against_the_net(is_wrong, ctx):
    net = small_net(ctx)
    prepare = replace(PREPARE, short_side=SIDE) if is_wrong else PREPARE

    def serve(given):
        x = np.concatenate([prepare(one) for one in given])
        return net(mx.nd.array(x, ctx=ctx)).asnumpy()

    box = gm.black_box(serve, (3, 45, 61), takes="photos", name="server")
    pixels = lambda photo: photo.transpose(2, 0, 1)[None]  # noqa: E731
    found = gm.audit(net, box, photos(), preprocess=PREPARE, new_preprocess=pixels, masks=0)
    assert found.is_same is not is_wrong
    if is_wrong:
        assert found.preparing.cause == "crop"
        assert found.preparing.kind == "does"
