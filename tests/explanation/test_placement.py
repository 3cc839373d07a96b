"""Heat lies where it belongs: over the whole photo, and in the middle of what cells see."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx import picture, zoo
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError

nn = mx.gluon.nn
SIZE = (500, 1400)
ROWS, COLUMNS = np.mgrid[: SIZE[0], : SIZE[1]]
PREPARE = dataclasses.replace(zoo.preprocess.PIXELS, short_side=256)


def with_dot(row, column, size=SIZE):
    """A dark photo with a bright disc."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    photo = np.full((*size, 3), 30, np.uint8)
    photo[(rows - row) ** 2 + (columns - column) ** 2 < 64] = 255
    return photo


def net_of(*convolutions):
    """Convolutions (kernel, stride, padding) that add up what they see, and a mean."""
    net = nn.HybridSequential()
    for kernel, stride, padding in convolutions:
        one = mx.init.One()
        net.add(nn.Conv2D(1, kernel, stride, padding, activation="relu", weight_initializer=one))
    net.add(nn.GlobalAvgPool2D(), nn.Dense(2, weight_initializer=mx.init.One()))
    net.initialize()
    return net


def hot_spot(overlaid, photo):
    """The middle of where a picture with the colour map "gray" is bright."""
    heat = overlaid[..., 0].astype(float)
    heat *= heat > 0.7 * heat.max()
    return (heat * ROWS).sum() / heat.sum(), (heat * COLUMNS).sum() / heat.sum()


DOTS = [(250, 700), (180, 620), (330, 820)]
LAYERS = {
    "a pixel": [(1, 1, 0)],
    "valid, stride 3": [(3, 3, 0)],
    "valid, wide": [(9, 1, 0)] * 5,
    "valid, stride 3, wide": [(7, 3, 0), (5, 1, 0), (5, 1, 0)],
    "stride 2 with padding": [(3, 2, 1)],
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dot", DOTS, ids=str)
def test_the_heat_is_on_the_dot(name, dot):
    """Of a net that sees nothing else, over the whole photo, by two pixels."""
    photo, net = with_dot(*dot), net_of(*LAYERS[name])
    last = str(len(LAYERS[name]) - 1)
    found = gm.grad_cam(net, PREPARE(photo), 0, layer=last)
    drawn = found.overlay(photo, 1, "gray", align=True)
    assert drawn.shape == photo.shape
    unmarked = picture.on_photo(found.heatmap(align=True)[0], found.geometry[0]) * 255
    row, column = hot_spot(unmarked[..., None], photo)
    assert abs(row - dot[0]) < 2
    assert abs(column - dot[1]) < 2
    inside = found.geometry[0].box
    np.testing.assert_allclose(drawn[inside][..., 0], unmarked[inside], atol=1)


def test_cells_are_put_there_by_default_where_they_would_be_half_a_cell_off():
    photo = with_dot(180, 620)
    wide = gm.grad_cam(net_of((7, 3, 0), (5, 1, 0), (5, 1, 0)), PREPARE(photo), 0, layer="2")
    np.testing.assert_array_equal(wide.heatmap(), wide.heatmap(align=True))
    assert np.abs(wide.heatmap() - wide.heatmap(align=False)).max() > 0.5
    near = gm.grad_cam(net_of((3, 2, 1)), PREPARE(photo), 0, layer="0")
    np.testing.assert_array_equal(near.heatmap(), near.heatmap(align=False))
    assert np.abs(near.heatmap() - near.heatmap(align=True)).max() > 0.1
    wide_net = net_of((9, 1, 0), (9, 1, 0))
    fused = gm.grad_cam(wide_net, PREPARE(photo), 0, ["0", "1"])
    joined = gm.grad_cam(wide_net, PREPARE(photo), 0, ["0", "1"], fuse="mean")
    expected = np.mean([one.heatmap() for one in fused], axis=0)
    np.testing.assert_allclose(joined.values, expected, atol=1e-6)


def test_maps_whose_cells_nobody_knows_are_stretched():
    found = dataclasses.replace(cam(), centres=None)
    np.testing.assert_array_equal(found.heatmap(), found.heatmap(align=False))
    with pytest.raises(InputError, match="align=True: where the cells of these maps lie"):
        found.heatmap(align=True)


def cam(photo=None, prepare=PREPARE):
    photo = with_dot(250, 700) if photo is None else photo
    return gm.grad_cam(net_of((3, 1, 1)), prepare(photo), 0, layer="0")


def test_what_the_net_never_saw_is_marked():
    photo = with_dot(250, 700)
    found = cam(photo)
    box = found.geometry[0].box
    for drawn in (found.overlay(photo), found.pictures(photo)[0]):
        outside = np.ones(SIZE, bool)
        outside[box] = False
        grey = drawn[outside]
        assert (grey == grey[:, :1]).all()
        seen = picture.overlay(photo, picture.on_photo(found.heatmap()[0], found.geometry[0]))
        np.testing.assert_array_equal(drawn[box], seen[box])
    saliency = gm.saliency(net_of((3, 1, 1)), PREPARE(photo), 0)
    assert saliency.pictures(photo)[0].shape == (*SIZE, 3)
    assert saliency.pictures()[0].shape == (224, 224, 3)
    hidden = gm.occlusion(net_of((3, 1, 1)), PREPARE(photo), 0, window=64, stride=64)
    assert hidden.pictures(photo)[0].shape == (*SIZE, 3)
    assert len(found.plot(photo).axes) == 2
    shown = gm.visualize(net_of((3, 1, 1)), PREPARE(photo), photo, "0")
    assert [one.shape for one in shown] == [(*SIZE, 3), (*SIZE, 3), SIZE]


def test_regions_lie_on_the_whole_photo():
    photo = with_dot(180, 620)
    (region,) = cam(photo).threshold(0.5)
    cut = region.crop(photo)
    assert 12 <= cut.shape[0] <= 24
    assert cut.max() == 255
    shown = region.masked(photo)
    assert (shown[176:185, 616:625] == photo[176:185, 616:625]).all()
    assert (shown[:150] == 128).all()


def test_what_the_net_saw_is_as_it_was():
    photo = with_dot(250, 700)
    found, seen = cam(photo), PREPARE.crop(photo)
    plain = dataclasses.replace(found, geometry=None)
    np.testing.assert_array_equal(found.overlay(seen), plain.overlay(seen))
    np.testing.assert_array_equal(found.overlay(seen), picture.overlay(seen, found.heatmap()[0]))


def test_a_photo_of_the_inputs_size_is_told_from_what_the_net_saw():
    photo = with_dot(60, 90, (224, 224))
    found, seen = cam(photo), PREPARE.crop(photo)
    box = found.geometry[0].box
    assert box == (slice(14, 210), slice(14, 210))
    whole = found.overlay(photo, 1, "gray")
    assert (whole[0, :, 0] == whole[0, :, 1]).all()
    assert np.unravel_index(np.argmax(whole[box][..., 0]), (196, 196)) != (0, 0)
    np.testing.assert_array_equal(found.overlay(seen), picture.overlay(seen, found.heatmap()[0]))
    assert np.abs(whole.astype(int) - found.overlay(seen, 1, "gray")).max() > 100


@pytest.mark.parametrize("size", [(500, 1400), (224, 300), (1400, 500), (100, 224)], ids=str)
def test_other_photos_are_refused(size):
    """Whether how it was prepared is known or not, and whatever draws."""
    other = np.zeros((*size, 3), np.uint8)
    unknown = dataclasses.replace(cam(), geometry=None)
    (region,) = unknown.threshold()
    of_another = cam(with_dot(100, 100, (300, 800)))
    for draw in (unknown.overlay, unknown.pictures, unknown.plot, region.crop, region.masked):
        with pytest.raises(InputError, match=rf"is of {size[0]} × {size[1]}, and the net saw 224"):
            draw(other)
    with pytest.raises(InputError, match="cut out of a photo of 300 × 800: pass that"):
        of_another.overlay(other)
    signed = gm.occlusion(net_of((3, 1, 1)), np.asarray(PREPARE(other)), 0, window=99, stride=99)
    with pytest.raises(InputError, match="and the net saw 224"):
        signed.pictures(other)


def test_inputs_of_unknown_photos_can_be_told():
    photo = with_dot(250, 700)
    x = np.array(np.asarray(PREPARE(photo)))
    found = gm.grad_cam(net_of((3, 1, 1)), x, 0, layer="0")
    assert found.geometry is None
    told = found.prepared(gm.Geometry.of(photo, resize=256, crop=224))
    np.testing.assert_array_equal(told.overlay(photo), cam(photo).overlay(photo))
    with pytest.raises(InputError, match=r"expected one for all or each of 1 samples"):
        found.prepared(gm.Geometry.of(photo, resize=128, crop=100))
    # flipped, the input is no longer what was prepared
    turned = gm.grad_cam(net_of((3, 1, 1)), PREPARE(photo)[..., ::-1], 0, layer="0")
    with pytest.raises(InputError, match="where one lies on the other is not known"):
        turned.overlay(photo)


def test_each_sample_has_its_own_photo():
    photos = [with_dot(250, 700), with_dot(150, 200, (300, 451))]
    found = gm.grad_cam(net_of((3, 1, 1)), PREPARE(photos), 0, layer="0")
    assert [one.size for one in found.geometry] == [SIZE, (300, 451)]
    for drawn, photo in zip(found.pictures(photos), photos):
        np.testing.assert_array_equal(drawn, cam(photo).overlay(photo))
    with pytest.raises(InputError, match=r"several sizes: pictures\(photos\) has one of each"):
        found.overlay(photos)


def test_files_keep_it(tmp_path):
    photo = with_dot(180, 620)
    found = gm.grad_cam(net_of((7, 3, 0), (5, 1, 0)), PREPARE(photo), 0, layer="1")
    again = gm.Explanation.load(found.save(tmp_path / "dot.npz"))
    assert again == found
    assert (again.geometry, again.centres) == (found.geometry, found.centres)
    np.testing.assert_array_equal(again.overlay(photo), found.overlay(photo))


def test_a_map_of_one_cell_says_that_the_input_is_too_small():
    found = gm.grad_cam(net_of((9, 1, 0)), np.ones((1, 3, 9, 9), np.float32), 0, layer="0")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found.heatmap()
    assert "'0' is 1 × 1 for an input of 9 × 9: one number" in str(said[0].message)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_no_picture(bad):
    found = cam()
    values = found.values.copy()
    values[0, 3, 4] = bad
    broken = dataclasses.replace(found, values=values)
    seen = np.zeros((224, 224, 3), np.uint8)
    for draw in (broken.heatmap, broken.pictures, broken.threshold, lambda: broken.overlay(seen)):
        with pytest.raises(InputError, match="grad_cam hold NaN or infinity in sample 0"):
            draw()
