"""What figures say, how large they are, and the files they are written to."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

import gradcam_mx as gm
from gradcam_mx import picture
from gradcam_mx.errors import InputError, OutputError
from gradcam_mx.picture import legends

RNG = np.random.RandomState(0)
PHOTO = RNG.randint(0, 256, (48, 80, 3)).astype(np.uint8)
NAMES = [f"kind {number}" for number in range(10)]


def explanation(**changes):
    return gm.Explanation(
        **{
            "values": RNG.rand(1, 3, 5).astype(np.float32),
            "method": "grad_cam",
            "target": [7],
            "score": np.array([9.1742], np.float32),
            "input_size": (48, 80),
            "layer": "features.22",
            "title": "Grad-CAM",
            **changes,
        }
    )


def signed(**changes):
    values = RNG.randn(1, 48, 80).astype(np.float32)
    return explanation(values=values, layer=None, signed=True, title="LIME", **changes)


def words(figure):
    """Everything that is written in a figure."""
    from matplotlib.text import Text

    return [one.get_text() for one in figure.findobj(Text) if one.get_text()]


def bar(axes):
    """The colours of the bar below a picture, and what is written below it."""
    (inset,) = axes.child_axes
    colors = inset.get_images()[0].get_array()[0]
    return colors, [one.get_text() for one in inset.get_xticklabels()]


def test_a_figure_says_class_score_layer_and_colours():
    one = explanation()
    for names in (NAMES, NAMES.__getitem__, dict(enumerate(NAMES)), gm.zoo.class_name):
        name = names(7) if callable(names) else names[7]
        _, axes = one.plot(PHOTO, names=names).axes
        assert axes.get_title() == f"Grad-CAM: {name} (7)\nscore 9.17, layer features.22"
    colors, said = bar(axes)
    assert said == ["least", "importance", "most"]
    np.testing.assert_array_equal(colors, picture.colorize(np.linspace(0, 1, 256)))
    (axes,) = one.plot().axes
    assert axes.get_title().startswith("Grad-CAM: class 7\n")
    with pytest.raises(InputError, match="no name for class 7 among the 3 names"):
        one.plot(names=NAMES[:3])


def test_each_kind_of_map_has_its_bar():
    colors, said = bar(signed().plot().axes[0])
    assert said == ["against", "0", "for"]
    np.testing.assert_array_equal(colors, legends.of_signs().colors)
    colors, _ = bar(signed().plot(colormap="red-green").axes[0])
    np.testing.assert_array_equal(colors, legends.of_signs("red-green").colors)
    report = gm.rules.RuleReport("guided", {"relu": 1}, {})
    values = RNG.randn(1, 3, 48, 80).astype(np.float32)
    of_patterns = explanation(values=values, rule_report=report).plot()
    assert bar(of_patterns.axes[0])[1] == ["less of it", "0", "more of it"]
    assert bar(explanation(values=values).plot().axes[0])[1][1] == "importance"
    assert not explanation().plot(legend=False).axes[0].child_axes


def test_one_convention_in_plot_overlay_and_pictures():
    for one in (explanation(), signed()):
        for look in ({}, {"colormap": "RdBu"}, {"alpha": 0.3}):
            laid = one.overlay(PHOTO, **look)
            np.testing.assert_array_equal(one.pictures(PHOTO, **look)[0], laid)
            shown = one.plot(PHOTO, **look).axes[-1].get_images()[0].get_array()
            np.testing.assert_array_equal(shown, laid)
    # what speaks for the target is not drawn alike what speaks against it
    one = signed()
    strong = one.signed_heatmap()[0]
    laid = one.overlay(np.full_like(PHOTO, 128)).astype(int)
    assert (laid[strong > 0.5, 0] > laid[strong > 0.5, 2]).all()
    assert (laid[strong < -0.5, 2] > laid[strong < -0.5, 0]).all()


def test_one_convention_in_comparisons():
    net = gm.nn.HybridSequential()
    net.add(gm.nn.Conv2D(2, 3, in_channels=3, activation="relu"), gm.nn.GlobalAvgPool2D())
    net.add(gm.nn.Dense(4, in_units=2))
    net.initialize()
    x = RNG.rand(3, 12, 16).astype(np.float32)
    few = {"num_samples": 20, "segments": "grid", "num_segments": 4}
    table = gm.inspect.compare(
        net, x, [0, 1], ["grad_cam", "saliency", "lime"], options={"lime": few}
    )
    drawn = table.plot(colormap={"lime": "red-green"})
    bars = [axes for axes in drawn.axes if axes.child_axes]
    # the last of each kind: heat maps, signed ones
    assert [bar(axes)[1] for axes in bars] == [
        ["least", "importance", "most"],
        ["against", "0", "for"],
    ]
    np.testing.assert_array_equal(bar(bars[1])[0], legends.of_signs("red-green").colors)
    cell = table.cells[1][2]
    np.testing.assert_array_equal(
        bars[1].get_images()[0].get_array(),
        cell.explanation.overlay(cell.photo, colormap="red-green"),
    )
    assert not [axes for axes in table.plot(legend=False).axes if axes.child_axes]
    assert re.fullmatch(r"<Comparison of 2 × 3 explanations by grad_cam.*>", repr(table))
    assert len(repr(table)) < 200


def test_signals_have_their_convention():
    values = np.array([[-1, -0.5, 0, 0.2, 0.4]], np.float32)
    one = explanation(values=values, input_size=(5,), signed=True)
    drawn = one.pictures()[0].astype(int)
    assert drawn[0, 0, 2] > drawn[0, 0, 0]
    assert drawn[0, -1, 0] > drawn[0, -1, 2]
    peak = np.zeros((1, 5000), np.float32)
    peak[0, 2500], peak[0, 4000] = -1, 0.5
    narrow = explanation(values=peak, input_size=(5000,), signed=True).pictures()[0].astype(int)
    assert (narrow[..., 2] - narrow[..., 0]).max() > 100
    assert (narrow[..., 0] - narrow[..., 2]).max() > 50


def test_size_and_resolution():
    one = explanation()
    wide, high = one.plot(PHOTO).get_size_inches()
    figure = one.plot(PHOTO, size=4, dpi=50)
    # the pictures are smaller, the words are not
    assert figure.get_figwidth() == 4
    assert 4 * high / wide < figure.get_figheight() < high
    assert figure.get_dpi() == 50
    np.testing.assert_allclose(one.plot(size=(3, 5)).get_size_inches(), [3, 5])
    for size in (0, -1, (1, 2, 3), "large", np.inf):
        with pytest.raises(InputError):
            one.plot(size=size)


def test_titles_are_what_is_asked_for():
    one = explanation()
    assert one.plot(PHOTO, title="A cat").axes[-1].get_title() == "A cat"
    two = explanation(
        values=RNG.rand(2, 3, 5), target=[1, 2], score=np.ones(2), class_names=["a", "b"]
    )
    assert [axes.get_title() for axes in two.plot(title=["x", "y"]).axes] == ["x", "y"]
    with pytest.raises(InputError, match="1 titles for 2 pictures"):
        two.plot(title=["x"])


def test_axes_of_others_are_drawn_into():
    from matplotlib.figure import Figure

    one = signed()
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert one.plot(PHOTO, ax=right) is right
    np.testing.assert_array_equal(right.get_images()[0].get_array(), one.overlay(PHOTO))
    assert right.get_title().startswith("LIME: class 7")
    assert bar(right)[1] == ["against", "0", "for"]
    assert not left.images
    two = explanation(values=RNG.rand(2, 3, 5), target=[1, 2], score=np.ones(2))
    with pytest.raises(InputError, match="ax= takes one picture, and there are 2"):
        two.plot(ax=left)


@pytest.mark.parametrize("suffix", ["png", "jpg", "svg", "pdf", "tiff"])
def test_files_of_figures(tmp_path, suffix):
    one = explanation()
    path = one.save(tmp_path / f"a.{suffix}", PHOTO, names=NAMES, dpi=40, size=5)
    content = path.read_bytes()
    if suffix == "svg":
        assert b"<svg" in content
        # the pictures are there pixel by pixel, whatever the dots per inch
        assert len(re.findall(rb"<image [^>]*", content)) >= 2
        assert re.search(rb'<image [^>]*?height="', content)
    elif suffix == "pdf":
        assert content.startswith(b"%PDF")
        assert b"/Width 80" in content
        assert b"/Height 48" in content
    else:
        assert Image.open(path).size[0] == 200


def test_at_the_photos_own_size(tmp_path):
    large = RNG.randint(0, 256, (480, 800, 3)).astype(np.uint8)
    one = explanation()
    path = one.save(tmp_path / "a.png", large, full_size=True, colormap="viridis", alpha=0.7)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), one.overlay(large, 0.7, "viridis"))
    two = explanation(values=RNG.rand(2, 3, 5), target=[1, 2], score=np.ones(2))
    with pytest.raises(InputError, match="writes one picture, and there are 2"):
        two.save(tmp_path / "b.png", np.stack([large, large]), full_size=True)
    with pytest.raises(OutputError, match=r"a\.pdfx"):
        one.save(tmp_path / "a.pdfx", large, full_size=True)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("name", ["a", "a.", "a.npy", "a.txt", "a.NPZ", "a.tar.gz"])
def test_a_name_without_a_format_is_refused_with_names_that_do(tmp_path, name):
    one = explanation()
    with pytest.raises(OutputError) as caught:
        one.save(tmp_path / name)
    assert not list(tmp_path.iterdir())
    said = str(caught.value)
    offered = re.findall(r"expected (\S+\.png).*values of an explanation", said)
    offered += re.findall(r", (\S+\.npz) for the values", said)
    assert len(offered) == 2
    for other in offered:
        assert one.save(tmp_path / other).exists()


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(OutputError, match="it is a folder; expected the name of a file"):
        explanation().save(tmp_path)
