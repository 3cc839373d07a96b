"""The region that a heat map marks; what explanations keep beside their values."""

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx.errors import InputError
from gradcam_mx.explanation.region import Region


def explanation(values, input_size, **more):
    values = np.asarray(values, np.float32)
    return gm.Explanation(
        values, "grad_cam", [3] * len(values), np.zeros(len(values), np.float32), input_size, **more
    )


HEAT = np.zeros((1, 6, 8))
HEAT[0, 2:4, 3:7] = 10
HEAT[0, 4, 5] = 3
HEAT[0, 0, 0] = 2.9


def test_a_region_is_where_the_map_reaches_the_level():
    (found,) = explanation(HEAT, (6, 8)).threshold()
    assert found.box == (slice(2, 5), slice(3, 7))
    np.testing.assert_array_equal(found.mask, HEAT[0] >= 3)
    (higher,) = explanation(HEAT, (6, 8)).threshold(0.31)
    assert higher.box == (slice(2, 4), slice(3, 7))


def test_a_crop_is_the_box_also_of_a_larger_photo():
    (found,) = explanation(HEAT, (6, 8)).threshold()
    photo = np.arange(6 * 8 * 3).reshape(6, 8, 3)
    np.testing.assert_array_equal(found.crop(photo), photo[2:5, 3:7])
    large = np.arange(15 * 20 * 3).reshape(15, 20, 3)
    # rows 2/6 … 5/6 of 15 touch 5 … 12, columns 3/8 … 7/8 of 20 touch 7 … 17
    with pytest.warns(UserWarning, match="taken for the same in another size"):
        np.testing.assert_array_equal(found.crop(large), large[5:13, 7:18])
    with pytest.raises(InputError, match="13 × 30, and the net saw 6 × 8"):
        found.crop(np.zeros((13, 30, 3)))


def test_what_is_not_in_the_region_can_be_hidden():
    (found,) = explanation(HEAT, (6, 8)).threshold()
    photo = np.arange(12 * 16 * 3).reshape(12, 16, 3).astype(np.uint8)
    with pytest.warns(UserWarning, match="taken for the same in another size"):
        shown = found.masked(photo)
    large = found.mask.repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(shown[large], photo[large])
    assert (shown[~large] == 128).all()


def test_every_sample_has_a_region_of_its_own():
    one, other = explanation(np.concatenate([HEAT, HEAT[:, ::-1]]), (6, 8)).threshold(0.5)
    assert one.box == (slice(2, 4), slice(3, 7))
    assert other.box == (slice(2, 4), slice(3, 7))
    (signal,) = explanation([[0, 1, 5, 5, 0, 0]], (6,)).threshold(0.5)
    assert signal.box == (slice(2, 4),)


def test_a_flat_map_has_no_region():
    with pytest.warns(UserWarning, match="flat"):
        (found,) = explanation(np.zeros((1, 6, 8)), (6, 8)).threshold(0)
    assert found.box is None
    assert not found.mask.any()
    with pytest.raises(InputError, match="nothing to crop"):
        found.crop(np.zeros((6, 8, 3)))
    assert Region.of(np.array([[0.1, 0.2]]), 0.3).box is None


@pytest.mark.parametrize("level", [-0.1, 1.1, float("nan")])
def test_levels_that_are_no_share_are_refused(level):
    with pytest.raises(InputError, match="expected 0 to 1"):
        explanation(HEAT, (6, 8)).threshold(level)


def test_attributions_are_shown_by_their_sum_or_their_strongest_channel():
    values = np.zeros((1, 2, 1, 2))
    values[0, :, 0, 0] = 2, -2
    values[0, :, 0, 1] = -3, 0
    found = explanation(values, (1, 2))
    # sums 4 and 3, maxima 2 and 3; the smaller is drawn as zero
    np.testing.assert_array_equal(found.heatmap(), [[[1, 0]]])
    np.testing.assert_array_equal(found.heatmap("max"), [[[0, 1]]])
    with pytest.raises(InputError, match="expected one of sum, max"):
        found.heatmap("mean")


def test_attributions_of_a_layer_are_shown_at_the_inputs_size():
    values = np.zeros((1, 2, 2, 2))
    values[0, 0, 0, 0] = -1
    heat = explanation(values, (4, 4), layer="features.3").heatmap()
    assert heat.shape == (1, 4, 4)
    assert heat[0, 0, 0] == 1
    assert heat[0, 2:].max() < heat[0, 0, 1]


def test_details_are_saved_and_read_back(tmp_path):
    details = {"completeness_gap": np.array([0.25]), "standard_error": np.ones((1, 6, 8))}
    large = np.zeros((3, 224, 224))
    kept = explanation(
        HEAT,
        (6, 8),
        details=details,
        output="scores",
        input="data",
        options={"baseline": large, "steps": np.int64(5), "level": np.array([1.5])},
    )
    found = gm.Explanation.load(kept.save(tmp_path / "map.npz"))
    assert found.details.keys() == details.keys()
    for name, detail in details.items():
        np.testing.assert_array_equal(found.details[name], detail)
    assert (found.output, found.input) == ("scores", "data")
    assert found.options == {"baseline": "array (3, 224, 224)", "steps": 5, "level": [1.5]}
