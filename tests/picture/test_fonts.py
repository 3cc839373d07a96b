"""Texts are drawn in fonts that have their letters."""

import warnings

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from gradcam_mx import picture
from gradcam_mx.picture import fonts

PANEL = np.full((20, 30, 3), 200, np.uint8)


def square(advance):
    """A glyph that is all black."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for point in ((0, 900), (advance, 900), (advance, 0)):
        pen.lineTo(point)
    pen.closePath()
    return pen.glyph()


def made_font(path, family, letters):
    """A font file that has these letters, each a black square."""
    names = {ord(letter): f"glyph{number}" for number, letter in enumerate(letters)}
    order = [".notdef", *names.values()]
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder(order)
    font.setupCharacterMap(names)
    font.setupGlyf({name: square(1000) for name in order})
    font.setupHorizontalMetrics(dict.fromkeys(order, (1000, 0)))
    font.setupHorizontalHeader(ascent=900, descent=-100)
    font.setupNameTable({"familyName": family, "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(path)
    return str(path)


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Says which fonts the system has, besides matplotlib's own."""

    def install(**families):
        paths = [made_font(tmp_path / f"{name}.ttf", name, has) for name, has in families.items()]
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda: paths)
        # what matplotlib learns of them ends with the test
        listed = list(font_manager.fontManager.ttflist)
        monkeypatch.setattr(font_manager.fontManager, "ttflist", listed)
        fonts._of_the_system.cache_clear()

    yield install
    fonts._of_the_system.cache_clear()


def shown(**options):
    """A figure with texts everywhere, drawn; what was warned of."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        drawn = picture.grid([[PANEL, PANEL]], **options)
        pixels = picture.as_array(drawn)
    return drawn, pixels, [str(one.message) for one in said]


def test_a_font_of_the_system_draws_what_the_usual_one_lacks(installed):
    installed(HasCats="猫", HasDogs="犬猿", HasMore="猫犬猿")
    drawn, _, said = shown(titles=[["猫 (285)", "été"]], heading="犬猿", rows=["猿"])
    assert said == []
    title = next(axes.title for axes in drawn.axes if axes.title.get_text() == "猫 (285)")
    assert title.get_fontfamily()[-1] in ("HasCats", "HasMore")
    assert drawn._suptitle.get_fontfamily()[-1] in ("HasDogs", "HasMore")
    plain = next(axes.title for axes in drawn.axes if axes.title.get_text() == "été")
    assert not {"HasCats", "HasDogs", "HasMore"} & {*plain.get_fontfamily()}


def test_the_letters_themselves_are_drawn(installed):
    """Black squares in this font; hollow ones stand for letters that no font has."""
    installed(Squares="犬")
    _, found, _ = shown(titles=[["犬犬犬犬", ""]])
    installed()
    _, missing, _ = shown(titles=[["犬犬犬犬", ""]])
    assert (found < 60).all(axis=2).sum() > 2 * (missing < 60).all(axis=2).sum() > 0


def test_letters_that_no_font_has_are_said_once(installed):
    installed(HasCats="猫")
    drawn, _, said = shown(titles=[["猫犬", "犬猿"]], heading="猿 犬 $", columns=["ア", "b"])
    assert len(said) == 1
    assert "the letters ア犬猿, and boxes" in said[0]
    assert 'rcParams["font.family"]' in said[0]
    assert [axes.title.get_text() for axes in drawn.axes if axes.images] == ["猫□", "□□"]


def test_signs_that_are_not_drawn_need_no_font(installed):
    installed()
    _, _, said = shown(titles=[["a\u00a0b\u200bc", "\u3000"]])
    assert said == []


def test_points_and_rows_too(installed):
    installed()
    with pytest.warns(UserWarning, match="the letters 犬, and"):
        drawn = picture.scatter(np.eye(2), groups=["犬 $", "b"])
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["b", r"□ \$"]
    with pytest.warns(UserWarning, match="the letters 犬, and"):
        picture.figure([PANEL], ["犬"], heading="犬")
