"""The result of a method: display, files, figures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import gradcam_mx as gm
from gradcam_mx import picture
from gradcam_mx._mxnet import mx
from gradcam_mx.engine.rules import RuleReport
from gradcam_mx.errors import InputError, OutputError

RNG = np.random.RandomState(0)
PHOTOS = RNG.randint(0, 256, (2, 12, 20, 3), np.uint8)
# CAM is for nets of a certain form; some methods need a background
METHODS = [
    name for name, one in gm.METHODS.items() if name != "cam" and "background" not in one.options
]
FEW = {
    "occlusion": {"window": 3},
    "rise": {"num_samples": 8},
    "lime": {"num_samples": 20},
    "kernel_shap": {"segments": "grid", "num_segments": 4},
    "partition_shap": {"max_evals": 8},
}
REPORT = RuleReport("guided", {"relu": 3}, {"sigmoid": 1})


def maps(samples=2, **changes):
    """A layer's maps, 3 × 5 for inputs of 12 × 20."""
    values = RNG.rand(samples, 3, 5).astype(np.float32)
    return gm.Explanation(
        **{
            "values": values,
            "method": "grad_cam",
            "target": [281, 282][:samples],
            "score": np.arange(samples, dtype=np.float32),
            "input_size": (12, 20),
            "layer": "features.7",
            "options": {"relu": False},
            **changes,
        }
    )


def attributions(samples=2, channels=3, **changes):
    values = RNG.randn(samples, channels, 12, 20).astype(np.float32)
    return gm.Explanation(
        **{
            "values": values,
            "method": "saliency",
            "target": [281, 282][:samples],
            "score": np.arange(samples, dtype=np.float32),
            "input_size": (12, 20),
            **changes,
        }
    )


SIGNALS = 1000 * RNG.randn(2, 4, 30)
CLIPS = RNG.randint(0, 256, (2, 10, 12, 20, 3), np.uint8)


def signal_maps(samples=2, **changes):
    """Maps of 6 positions for signals of 30."""
    values = RNG.rand(samples, 6).astype(np.float32)
    return maps(samples, **{"values": values, "input_size": (30,), **changes})


def clip_maps(samples=2, **changes):
    """Maps of 5 × 3 × 5 for clips of 10 frames, 12 × 20."""
    values = RNG.rand(samples, 5, 3, 5).astype(np.float32)
    return maps(samples, **{"values": values, "input_size": (10, 12, 20), **changes})


def clip_attributions(channels=3, **changes):
    values = RNG.randn(2, channels, 10, 12, 20).astype(np.float32)
    return attributions(**{"values": values, "input_size": (10, 12, 20), **changes})


def vectors(**changes):
    """Attributions of three numbers a sample, which are no positions."""
    return attributions(
        **{"values": RNG.randn(2, 3).astype(np.float32), "input_size": (), **changes}
    )


# ---------------------------------------------------------------------------------------- heat maps


def test_heatmaps_of_maps_are_upsampled_and_stretched():
    one = maps()
    one.values[0, 2, 1] = one.values[1, 0, 3] = 2  # clearly the largest, also between the pixels
    found = one.heatmap()
    assert found.shape == (2, 12, 20)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.min(axis=(1, 2)), [0, 0])
    np.testing.assert_array_equal(found.max(axis=(1, 2)), [1, 1])
    # height is height: the brightest position of the map is the brightest part of the picture
    for values, heat in zip(one.values, found):
        row, column = np.unravel_index(values.argmax(), values.shape)
        y, x = np.unravel_index(heat.argmax(), heat.shape)
        assert (y // 4, x // 4) == (row, column)


def test_heatmaps_of_attributions_are_sums_of_absolute_values():
    one = attributions()
    found = one.heatmap()
    assert found.shape == (2, 12, 20)
    sums = np.abs(one.values).sum(axis=1)
    for heat, total in zip(found, sums):
        top = np.percentile(total, 99)
        expected = np.clip((total - total.min()) / (top - total.min()), 0, 1)
        np.testing.assert_allclose(heat, expected, atol=1e-6)


def test_heatmaps_of_signals_and_clips():
    signal, clip = signal_maps(), clip_maps()
    for one in (signal, clip):
        found = one.heatmap()
        assert found.shape == (2, *one.input_size)
        np.testing.assert_array_equal(
            found, picture.normalise(picture.resize(one.values, one.input_size))
        )
    one = clip_attributions()
    np.testing.assert_array_equal(
        one.heatmap(), picture.normalise(np.abs(one.values).sum(axis=1), outliers=1)
    )


def test_vectors_make_no_picture():
    message = (
        r"^the input has no positions \(it is plain vectors\), so values of shape "
        r"\(2, 3\) make no picture; use \.values$"
    )
    for one in (vectors(), vectors(rule_report=REPORT)):
        for draw in (one.heatmap, lambda: one.overlay(PHOTOS), one.pictures, one.plot):  # noqa: B023
            with pytest.raises(InputError, match=message):
                draw()


@pytest.mark.parametrize(
    ("shape", "size"),
    [((2, 7), (12, 20)), ((2, 4, 3, 5), (30,)), ((2, 3, 2, 2, 2, 2), (2, 2, 2, 2))],
    ids=str,
)
def test_values_with_other_positions_than_the_input_make_no_picture(shape, size):
    one = maps(values=RNG.rand(*shape).astype(np.float32), input_size=size, rule_report=REPORT)
    for draw in (one.heatmap, one.pictures, one.plot):
        with pytest.raises(InputError, match="are no picture of an input with positions"):
            draw()


@pytest.mark.parametrize("make", [maps, attributions])
@pytest.mark.parametrize("value", [0, 2.5])
def test_flat_values_are_drawn_as_zeros(make, value):
    one = make()
    one.values[0] = value
    with pytest.warns(UserWarning, match="1 of 2 maps are flat"):
        found = one.heatmap()
    np.testing.assert_array_equal(found[0], 0)
    assert found[1].max() == 1
    with pytest.warns(UserWarning, match="flat"):
        assert one.overlay(PHOTOS).shape == PHOTOS.shape


def test_a_net_that_sees_nothing_warns_and_is_never_nan(ctx):
    """An unlikely class of a net that ends in a ReLU has no gradient at all."""
    nn = mx.gluon.nn
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(2, 3, in_channels=3, activation="relu"),
        nn.Flatten(),
        nn.Dense(2, activation="relu", weight_initializer=mx.init.Constant(-1)),
    )
    net.initialize(ctx=ctx)
    x = RNG.rand(1, 3, 12, 20).astype(np.float32)
    # these ask for no gradient, or not for the last ReLU's
    methods = set(METHODS) - {"eigen_cam", "deconvnet", "score_cam", "ablation_cam"}
    methods -= {name for name in METHODS if gm.METHODS[name].family == "controls"}
    for one in gm.explain(net, x, methods, 0, options=FEW).values():
        np.testing.assert_array_equal(one.values, 0)
        with pytest.warns(UserWarning, match="1 of 1 maps are flat"):
            np.testing.assert_array_equal(one.heatmap(), np.zeros((1, 12, 20)))


# ---------------------------------------------------------------------------- overlays and pictures


def test_overlays_are_shaped_like_the_photos():
    two, single = maps(), maps(1)
    found = two.overlay(PHOTOS)
    assert found.shape == PHOTOS.shape
    assert found.dtype == np.uint8
    assert single.overlay(PHOTOS[0]).shape == PHOTOS[0].shape
    assert single.overlay(PHOTOS[:1]).shape == PHOTOS[:1].shape
    for one, photo, heat in zip(found, PHOTOS, two.heatmap()):
        np.testing.assert_array_equal(one, picture.overlay(photo, heat))
    np.testing.assert_array_equal(two.overlay(PHOTOS, alpha=0), PHOTOS)
    # a colour map has 256 steps, and its rounding is its own
    np.testing.assert_allclose(
        two.overlay(PHOTOS, alpha=1, colormap="gray")[..., 0], 255 * two.heatmap(), atol=1
    )


def test_overlays_fit_a_photo_of_another_size():
    large = RNG.randint(0, 256, (30, 50, 3), np.uint8)
    with pytest.warns(UserWarning, match="30 × 50, and the net saw 12 × 20: it is taken for the"):
        assert maps(1).overlay(large).shape == large.shape
    # of other proportions it cannot be the same
    with pytest.raises(InputError, match="30 × 41, and the net saw 12 × 20: where one lies on"):
        maps(1).overlay(large[:, :41])


def test_overlays_of_clips_are_those_of_their_frames():
    two = clip_maps()
    found = two.overlay(CLIPS, 0.3, "gray")
    assert found.shape == CLIPS.shape
    for one, clip, heat in zip(found, CLIPS, two.heatmap()):
        for frame in range(10):
            np.testing.assert_array_equal(
                one[frame], picture.overlay(clip[frame], heat[frame], 0.3, "gray")
            )
    single = clip_maps(1)
    expected = single.overlay(CLIPS[0])
    assert expected.shape == CLIPS[0].shape
    np.testing.assert_array_equal(single.overlay(CLIPS[:1]), expected[None])


def test_overlays_of_grey_volumes():
    two, single = clip_maps(), clip_maps(1)
    grey = CLIPS[..., 0]
    np.testing.assert_array_equal(two.overlay(grey), two.overlay(CLIPS[..., [0, 0, 0]]))
    assert single.overlay(grey[0]).shape == CLIPS[0].shape
    assert single.overlay(grey[:1]).shape == CLIPS[:1].shape


def test_signals_have_no_overlay():
    with pytest.raises(InputError, match=r"no photo of a signal .*; plot\(signal\) and pictures"):
        signal_maps().overlay(SIGNALS)


@pytest.mark.parametrize(
    ("one", "given", "message"),
    [
        (signal_maps(), SIGNALS[0], "1 signals for 2 samples: pass an array (N, C, W) with"),
        (signal_maps(1), SIGNALS, "2 signals for 1 samples: pass an array (N, C, W) with"),
        (signal_maps(1), SIGNALS[0, 0], "the signal has shape (30,); expected (C, W)"),
        (clip_maps(), CLIPS[0], "1 clips for 2 samples: pass an array (N, D, H, W, 3) with"),
        (
            clip_maps(),
            CLIPS[0, ..., 0],
            "1 clips for 2 samples: pass an array (N, D, H, W, 3) with",
        ),
        (clip_maps(1), CLIPS, "2 clips for 1 samples: pass an array (N, D, H, W, 3) with"),
        (
            clip_maps(1),
            CLIPS[0, 0, ..., 0],
            "the clip has shape (12, 20); expected (D, H, W, 3), RGB, or (D, H, W), grey",
        ),
        (
            clip_maps(1),
            CLIPS[0] - 1e3,
            "the clip's values go from -1000.0 to -745.0; expected 0 to",
        ),
        (maps(1), PHOTOS[0, ..., 0], "the photo has shape (12, 20); expected (H, W, 3), RGB"),
    ],
)
def test_what_was_expected_is_said_for_signals_photos_and_clips(one, given, message):
    for draw in (one.pictures, one.plot):
        with pytest.raises(InputError) as caught:
            draw(given)
        assert str(caught.value).startswith(message)


@pytest.mark.parametrize("draw", ["overlay", "pictures", "plot"])
@pytest.mark.parametrize(("samples", "photos"), [(2, PHOTOS[0]), (2, PHOTOS[:1]), (1, PHOTOS)])
def test_the_wrong_number_of_photos_is_refused(draw, samples, photos):
    given = 2 if len(photos) == 2 else 1
    with pytest.raises(
        InputError,
        match=f"^{given} photos for {samples} samples: pass an array "
        r"\(N, H, W, 3\)",
    ):
        getattr(maps(samples), draw)(photos)


def test_a_preprocessed_input_is_no_photo():
    with pytest.raises(InputError, match="expected 0 to 255"):
        maps(1).overlay(RNG.randn(12, 20, 3))
    with pytest.raises(InputError, match=r"shape \(3, 12, 20\)"):
        maps(1).overlay(PHOTOS[0].transpose(2, 0, 1))


def test_pictures_of_maps():
    one = maps()
    for found, heat in zip(one.pictures(), one.heatmap()):
        np.testing.assert_array_equal(found, picture.colorize(heat))
    for found, expected in zip(one.pictures(PHOTOS), one.overlay(PHOTOS)):
        np.testing.assert_array_equal(found, expected)


def test_pictures_of_attributions_under_a_rule_have_the_inputs_colours():
    one = attributions(rule_report=REPORT)
    for found, values in zip(one.pictures(PHOTOS), one.values):
        np.testing.assert_array_equal(found, picture.signed_image(values))
    for found, values in zip(one.pictures(order="BGR"), one.values):
        np.testing.assert_array_equal(found, picture.signed_image(values)[..., ::-1])


@pytest.mark.parametrize(
    "one",
    [attributions(), attributions(channels=1, rule_report=REPORT)],
    ids=["no rule", "grey input"],
)
def test_pictures_of_other_attributions_have_the_colours_of_heat_maps(one):
    for found, heat in zip(one.pictures(PHOTOS), one.heatmap()):
        np.testing.assert_array_equal(found, picture.colorize(heat))
    for found, heat in zip(one.pictures(PHOTOS, colormap="gray"), one.heatmap()):
        np.testing.assert_allclose(found[..., 0], 255 * heat, atol=1)


@pytest.mark.parametrize(
    "one",
    [signal_maps(), attributions(values=RNG.randn(2, 3, 30), input_size=(30,), rule_report=REPORT)],
    ids=["maps", "attributions"],
)
def test_pictures_of_signals_are_panels(one):
    for found, heat in zip(one.pictures(), one.heatmap()):
        np.testing.assert_array_equal(found, picture.signal_panel(heat))
    for found, heat, signal in zip(one.pictures(SIGNALS), one.heatmap(), SIGNALS):
        np.testing.assert_array_equal(found, picture.signal_panel(heat, signal))
    again = one.pictures(mx.nd.array(SIGNALS, dtype="float64"))
    np.testing.assert_array_equal(again, one.pictures(SIGNALS))


def test_pictures_of_clips_are_strips():
    one = clip_maps()
    chosen = [0, 1, 3, 4, 5, 6, 8, 9]  # of ten
    for found, frames in zip(one.pictures(CLIPS), one.overlay(CLIPS)):
        assert found.shape == (12, 8 * 20 + 7, 3)
        for place, number in enumerate(chosen):
            np.testing.assert_array_equal(found[:, 21 * place :][:, :20], frames[number])
    for found, heat in zip(one.pictures(), one.heatmap()):
        np.testing.assert_array_equal(found, picture.strip(picture.colorize(heat)))


def test_pictures_of_attributions_of_clips_are_strips():
    for one in (clip_attributions(), clip_attributions(1, rule_report=REPORT)):
        for found, heat in zip(one.pictures(CLIPS), one.heatmap()):
            assert found.shape == (12, 167, 3)
            np.testing.assert_array_equal(found, picture.strip(picture.colorize(heat)))
    one = clip_attributions(rule_report=REPORT)
    for order, step in (("RGB", 1), ("BGR", -1)):
        for found, values in zip(one.pictures(order=order), one.values):
            assert found.shape == (12, 167, 3)
            np.testing.assert_array_equal(
                found, picture.strip(picture.signed_image(values)[..., ::step])
            )


def test_figures_of_clips_show_their_frames():
    one = clip_maps(target=["walking", "running"])
    shown = {
        axes.get_title().split("\n")[0]: axes.get_images()[0].get_array()
        for axes in one.plot(CLIPS).axes[2:]
    }
    assert list(shown) == ["clip", "grad_cam: running"]
    np.testing.assert_array_equal(shown["clip"], picture.strip(CLIPS[1]))
    np.testing.assert_array_equal(shown["grad_cam: running"], one.pictures(CLIPS)[1])
    assert len(one.plot().axes) == 2
    grey, _ = clip_maps(1).plot(CLIPS[0, ..., 1]).axes
    np.testing.assert_array_equal(
        grey.get_images()[0].get_array()[..., 2], picture.strip(CLIPS[0, ..., 1])
    )


def titles(figure):
    """The first line above each picture; below it are the score and the layer."""
    return [axes.get_title().split("\n")[0] for axes in figure.axes]


def test_figures_of_signals_show_them_in_their_panels():
    one = signal_maps(target="my_function")
    figure = one.plot(SIGNALS)
    assert titles(figure) == ["grad_cam: my_function"] * 2
    for axes, expected in zip(figure.axes, one.pictures(SIGNALS)):
        np.testing.assert_array_equal(axes.get_images()[0].get_array(), expected)


@pytest.mark.parametrize("make", [maps, attributions])
def test_figures_show_each_sample_beside_its_photo(make):
    one = make()
    figure = one.plot(PHOTOS)
    name = one.method
    assert titles(figure) == [
        "photo",
        f"{name}: class 281",
        "photo",
        f"{name}: class 282",
    ]
    shown = [axes.get_images()[0].get_array() for axes in figure.axes]
    np.testing.assert_array_equal(shown[2], PHOTOS[1])
    np.testing.assert_array_equal(shown[3], one.pictures(PHOTOS)[1])
    assert titles(one.plot()) == [
        f"{name}: class 281",
        f"{name}: class 282",
    ]


def test_figures_name_what_is_explained():
    one = maps(target="my_function")
    assert titles(one.plot()) == ["grad_cam: my_function"] * 2
    one = maps(target=["box 0: dog", "box 1: cat"])
    assert titles(one.plot()) == [
        "grad_cam: box 0: dog",
        "grad_cam: box 1: cat",
    ]


# -------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    "one",
    [
        maps(),
        attributions(rule_report=REPORT),
        maps(target="array"),
        attributions(1),
        maps(target=["box 0: dog", "box 1: cat"]),
        signal_maps(),
        clip_maps(),
        clip_attributions(rule_report=REPORT),
    ],
    ids=[
        "maps",
        "with a rule",
        "array target",
        "single",
        "named targets",
        "signals",
        "clips",
        "attributions of clips",
    ],
)
def test_values_are_read_back_as_they_were(one, tmp_path):
    path = one.save(tmp_path / "one.npz")
    assert path == tmp_path / "one.npz"
    again = gm.Explanation.load(path)
    for field in ("method", "target", "input_size", "layer", "options", "rule_report"):
        assert getattr(again, field) == getattr(one, field), field
        assert type(getattr(again, field)) is type(getattr(one, field)), field
    for field in ("values", "score"):
        np.testing.assert_array_equal(getattr(again, field), getattr(one, field))
        assert getattr(again, field).dtype == np.float32
    np.testing.assert_array_equal(again.heatmap(), one.heatmap())


def test_files_need_neither_pickles_nor_this_package(tmp_path):
    maps().save(str(tmp_path / "one.npz"))
    with np.load(tmp_path / "one.npz", allow_pickle=False) as stored:
        assert set(stored) == {"values", "score", "about"}
        assert json.loads(str(stored["about"]))["version"] == gm.__version__


def test_real_results_are_read_back(ctx, tmp_path):
    """What the methods themselves make fits into a file, whatever the target and the options."""
    nn = mx.gluon.nn
    net = nn.HybridSequential()
    net.add(nn.Conv2D(2, 3, in_channels=3, activation="relu"), nn.Flatten(), nn.Dense(4))
    net.initialize(ctx=ctx)
    x = RNG.rand(2, 3, 12, 20).astype(np.float32)
    targets = [None, 1, np.int64(1), np.array([0, 3]), np.ones(4), lambda y: y[:, 0]]
    for target in targets:
        is_weights = isinstance(target, np.ndarray) and target.dtype == float
        # Finer-CAM tells a class from others
        names = [name for name in METHODS if not (is_weights and name == "finer_cam")]
        for one in gm.explain(net, x, names, target, options=FEW).values():
            again = gm.Explanation.load(one.save(tmp_path / "one.npz"))
            assert again.target == one.target
            assert again.rule_report == one.rule_report
    one = gm.grad_cam(net, x, relu=np.bool_(False))
    assert gm.Explanation.load(one.save(tmp_path / "one.npz")).options == {"relu": False}


def test_values_of_vectors_are_read_back(tmp_path):
    one = vectors()
    again = gm.Explanation.load(one.save(tmp_path / "one.npz"))
    assert again.input_size == ()
    np.testing.assert_array_equal(again.values, one.values)


@pytest.mark.parametrize(
    ("shape", "photo"),
    [
        ((2, 3, 40), RNG.randn(2, 3, 40)),
        ((2, 3, 24, 20), RNG.randint(0, 256, (2, 24, 20, 3), np.uint8)),
        ((2, 3, 10, 12, 16), RNG.randint(0, 256, (2, 10, 12, 16, 3), np.uint8)),
    ],
    ids=["signals", "pictures", "clips"],
)
def test_nets_over_signals_pictures_and_clips(shape, photo, ctx, tmp_path):
    """Every method's result is drawn, and is read back as it was; so are layers that are fused."""
    rank, nn = len(shape) - 2, mx.gluon.nn
    convolution, pool = getattr(nn, f"Conv{rank}D"), getattr(nn, f"GlobalAvgPool{rank}D")
    net = nn.HybridSequential()
    net.add(
        convolution(4, 3, in_channels=3, activation="relu"),
        convolution(4, 3, strides=2, in_channels=4, activation="relu"),
        pool(),
        nn.Dense(5),
    )
    net.initialize(mx.init.Constant(0.1), ctx=ctx)
    x = RNG.rand(*shape).astype(np.float32)
    chosen = [name for name in METHODS if name != "partition_shap" or rank == 2]
    found = gm.explain(
        net,
        x,
        chosen,
        1,
        options={name: options for name, options in FEW.items() if name in chosen},
    )
    found["fused"] = gm.grad_cam(net, x, 1, [net[0], net[1]], fuse="mean")
    assert found["fused"].values.shape == (2, *shape[2:])
    assert found["fused"].layer.count(" + ") == 1
    for one in found.values():
        assert one.heatmap().shape == (2, *shape[2:])
        assert len(one.pictures(photo)) == 2
        if rank > 1:
            assert one.overlay(photo).shape == photo.shape
        again = gm.Explanation.load(one.save(tmp_path / "one.npz"))
        np.testing.assert_array_equal(again.pictures(photo), one.pictures(photo))
        assert again.input_size == shape[2:]
    with Image.open(found["fused"].save(tmp_path / "one.png", photo)) as drawn:
        assert drawn.width >= 800


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".pdf"])
def test_pictures_are_saved_by_their_suffix(suffix, tmp_path):
    path = maps(1).save(tmp_path / f"one{suffix}", PHOTOS[0])
    assert path.stat().st_size > 1000
    if suffix == ".png":
        with Image.open(path) as drawn, Image.open(maps(1).save(tmp_path / "alone.png")) as alone:
            assert drawn.width > 1.5 * alone.width  # photo and overlay


def test_what_cannot_be_written_is_an_error(tmp_path):
    one = maps(1)
    (tmp_path / "file").write_text("in the way")
    for path in (
        tmp_path / "no" / "such" / "one.npz",
        tmp_path / "file" / "one.npz",
        tmp_path / "no" / "one.png",
        tmp_path / "one.nonsense",
        tmp_path / "nosuffix.x",
    ):
        with pytest.raises(OutputError) as caught:
            one.save(path)
        assert f"cannot write {path}: " in str(caught.value)
        assert not path.exists()


def test_a_wrong_photo_is_not_taken_for_a_wrong_path(tmp_path):
    """InputError is a ValueError, as is matplotlib's for an unknown suffix."""
    with pytest.raises(InputError, match="photos for"):
        maps(1).save(tmp_path / "one.png", PHOTOS)
    assert not (tmp_path / "one.png").exists()


def assert_refused(path):
    with pytest.raises(InputError, match=r"one\.npz is no saved explanation"):
        gm.Explanation.load(path)


@pytest.mark.parametrize(
    "content",
    [None, b"", b"nonsense", b"PK\x03\x04 and then nonsense"],
    ids=["missing", "empty", "nonsense", "damaged archive"],
)
def test_what_is_no_explanation_is_refused(content, tmp_path):
    if content is not None:
        (tmp_path / "one.npz").write_bytes(content)
    assert_refused(tmp_path / "one.npz")


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"score": np.zeros(1)},
        {"score": np.zeros(1), "about": json.dumps({"no": 1})},
        {"score": np.zeros(1), "about": "nonsense"},
        {"score": np.zeros(1), "about": "[]"},
        {"score": np.zeros(1), "about": "null"},
        {"score": np.zeros(1), "about": '"text"'},
    ],
    ids=str,
)
def test_other_archives_are_refused(arrays, tmp_path):
    np.savez(tmp_path / "one.npz", values=np.zeros((1, 2, 2)), **arrays)
    assert_refused(tmp_path / "one.npz")


def test_a_truncated_file_is_refused(tmp_path):
    path = maps().save(tmp_path / "one.npz")
    path.write_bytes(path.read_bytes()[:-100])
    assert_refused(path)


def test_explanations_do_not_change():
    with pytest.raises(AttributeError):
        maps().target = 3


# -------------------------------------------------------------------------------------- signed maps


def signed_maps(**changes):
    values = np.zeros((2, 12, 20), np.float32)
    values[0, 2:5, 3:9], values[0, 8:, 10:] = 2, -4
    values[1, :6] = -1
    return maps(**{"values": values, "signed": True, "layer": None, **changes})


def test_the_heat_map_of_signed_maps_is_what_speaks_for_the_target():
    with pytest.warns(UserWarning, match="1 of 2 maps are flat"):
        found = signed_maps().heatmap()
    np.testing.assert_array_equal(found[0], signed_maps().values[0] == 2)
    np.testing.assert_array_equal(found[1], np.zeros((12, 20)))


def test_signed_heatmaps():
    found = signed_maps().signed_heatmap()
    np.testing.assert_allclose(found[0], signed_maps().values[0] / 4)
    assert (found[1].min(), found[1].max()) == (-1, 0)
    for one in (maps(), attributions(signed=True)):
        with pytest.raises(InputError, match="no evidence for and against"):
            one.signed_heatmap()


def test_pictures_of_signed_maps():
    """Orange for, blue against, and grey elsewhere; with the boundaries of segments."""
    photos = RNG.randint(0, 256, (2, 12, 20, 3)).astype(np.uint8)
    for given in (photos, None):
        first, second = (one.astype(int) for one in signed_maps().pictures(given))
        warmer = first[..., 0] - first[..., 2]
        assert (warmer[2:5, 3:9] > 0).all()
        assert (warmer[8:, 10:] < 0).all()
        assert (warmer[:2] == 0).all()
        assert (second[:6, :, 2] > second[:6, :, 0]).all()
    cut = np.zeros((2, 12, 20), np.int32)
    cut[:, 6:] = 1
    drawn = signed_maps(details={"segments": cut}).pictures(photos)[0]
    np.testing.assert_array_equal(drawn[5], [[60, 60, 60]] * 20)


def test_signed_maps_are_read_back(tmp_path):
    cut = np.arange(480).reshape(2, 12, 20)
    one = signed_maps(details={"segments": cut})
    again = gm.Explanation.load(one.save(tmp_path / "one.npz"))
    assert again.signed
    np.testing.assert_array_equal(again.pictures(), one.pictures())
