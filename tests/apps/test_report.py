"""`gm.report`: what it says is what is so, and what it is."""

from __future__ import annotations

import base64
import builtins
import random
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from reports import (
    ASKED,
    NAMES,
    PREPARE,
    network,
    numbers,
    photo,
    photos,
    pixels,
    read,
    record_of,
    resealed,
    written,
)

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.apps.report import mass, rendering, tallies
from gradcam_mx.apps.report.brief import spread
from gradcam_mx.errors import (
    DependencyError,
    InputError,
    MethodError,
    MetricError,
    NetworkError,
    OutputError,
    PhotoError,
    TargetError,
)
from gradcam_mx.support import places

METRICS = ["srg", "sparseness"]
LOCAL = ["energy", "pointing_game"]
BOX = (12, 8, 25, 20)


@pytest.fixture(scope="module")
def net():
    return network()


@pytest.fixture(scope="module")
def path(net, tmp_path_factory):
    """A report of five photos with labels, of which some are wrong."""
    return written(
        tmp_path_factory.mktemp("report") / "report.html",
        net,
        5,
        labels=[0, 1, 2, "cow", 0],
        metrics=METRICS,
    )


@pytest.fixture(scope="module")
def record(path):
    return record_of(path)


@pytest.fixture(scope="module")
def x():
    return np.concatenate([np.asarray(PREPARE(one)) for one in photos(5)])


def chances(net, x):
    """Of a network without any of the package's code, in float64."""
    scores = net(mx.nd.array(x)).asnumpy().astype(np.float64)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


# --------------------------------------------------------------------------- what is said of photos


def test_predictions_are_those_of_the_net(net, record, x):
    for one, expected in zip(record["photos"], chances(net, x)):
        ids = [each["id"] for each in one["top"]]
        assert ids == list(np.argsort(-expected))
        found = [each["probability"] for each in one["top"]]
        np.testing.assert_allclose(found, expected[ids], rtol=1e-5)
        assert [each["name"] for each in one["top"]] == [NAMES[each] for each in ids]


def test_maps_are_those_of_the_methods_and_of_the_true_class_where_it_is_wrong(net, record, x):
    truths = [0, 1, 2, 2, 0]
    top = chances(net, x).argmax(axis=1)
    wrong = 0
    for number, one in enumerate(record["photos"]):
        for key, target in (("maps", top[number]), ("true_maps", truths[number])):
            if key == "true_maps" and top[number] == truths[number]:
                assert one["is_right"]
                assert one[key] == []
                continue
            wrong += key == "true_maps"
            for each in one[key]:
                expected = gm.explain(net, x[number : number + 1], each["method"], int(target))
                (found,) = each["numbers"]
                np.testing.assert_allclose(numbers(found), expected.values[0], rtol=1e-4, atol=1e-6)
                assert each["score"] == pytest.approx(float(expected.score[0]), rel=1e-5)
    assert wrong


def test_what_the_net_saw_is_in_it_to_the_last_pixel(path, record):
    shown = [pixels(one["src"]) for one in read(path).all("img") if "saw" in one["alt"]]
    assert len(shown) == 5
    for found, one, seed in zip(shown, record["photos"], range(5)):
        np.testing.assert_array_equal(found, PREPARE.crop(photo(seed)))
        assert one["size"] == [30, 40]


def test_the_measures_are_those_of_evaluate(net, record, x):
    table = gm.metrics.evaluate(net, x, ASKED["methods"], METRICS, at_a_time=1, progress=False)
    assert [row["name"] for row in record["table"]["rows"]] == table.rows
    for row in record["table"]["rows"]:
        for cell, metric in zip(row["cells"], record["table"]["metrics"]):
            entry = table[row["name"], metric["name"]]
            assert cell["mean"] == pytest.approx(entry.mean, rel=1e-4, abs=1e-6)
            assert cell["standard_error"] == pytest.approx(entry.standard_error, rel=1e-3, abs=1e-6)
            assert cell["low"] == pytest.approx(cell["mean"] - 2 * cell["standard_error"])
            assert cell["no_better_than"] == list(entry.no_better_than)
            own = [
                each["values"][one["rows"].index(row["name"])]
                for one in record["photos"]
                for each in one["measures"]
                if each["metric"] == metric["name"]
            ]
            assert cell["mean"] == pytest.approx(sum(own) / len(own))


def test_the_least_and_most_faithful_are_those_of_the_first_measure(record):
    values = sorted(one["measures"][0]["values"][0] for one in record["photos"])
    assert [one["value"] for one in record["extremes"]["least"]] == values[:2]
    assert [one["value"] for one in record["extremes"]["most"]] == values[:-3:-1]


# ------------------------------------------------------------------------------ over all the photos


def test_accuracy_and_confusion_are_counted(net, record, x):
    truths, top = [0, 1, 2, 2, 0], chances(net, x).argmax(axis=1)
    right = sum(int(a == b) for a, b in zip(truths, top))
    found = record["accuracy"]
    assert found["accuracy"]["count"] == right
    assert found["accuracy"]["share"] == right / 5
    assert found["accuracy"]["low"] < right / 5 < found["accuracy"]["high"]
    classes = [one["id"] for one in found["classes"]]
    for row, true in enumerate(classes):
        for column, predicted in enumerate(classes):
            pairs = [(a, b) for a, b in zip(truths, top)]
            assert found["matrix"][row][column] == pairs.count((true, predicted))
    listed = {(one["true"], one["predicted"]): one["count"] for one in found["confusions"]}
    assert sum(listed.values()) == 5 - right


def test_many_classes_are_listed_by_their_confusions():
    counted, said = tallies.Tallies(), str
    drawn = np.random.RandomState(0)
    pairs = []
    for _ in range(300):
        true = int(drawn.randint(30))
        given = drawn.rand(30)
        pairs.append((true, int(given.argmax()), true in np.argsort(-given)[:5]))
        assert counted.add(true, given) == (true == given.argmax())
    found = counted.record(said)
    assert found["matrix"] is None
    assert found["accuracy"]["count"] == sum(a == b for a, b, _ in pairs)
    assert found["among_top"]["count"] == sum(one for _, _, one in pairs)
    wrong = [(a, b) for a, b, _ in pairs if a != b]
    expected = sorted((-wrong.count(one), one) for one in set(wrong))
    first = [(one["true"], one["predicted"], one["count"]) for one in found["confusions"]]
    assert first == [(a, b, -count) for count, (a, b) in expected[:20]]
    assert found["more_confusions"] == len(expected) - 20


def test_the_interval_of_a_share_is_wilsons():
    # the roots of (p - q)² = z² q (1 - q) / n
    for count, of in ((0, 7), (3, 7), (7, 7), (50, 1000)):
        found = tallies.share(count, of)
        for end in (found["low"], found["high"]):
            p, z = count / of, 1.959963984540054
            if 0 < end < 1:
                assert (p - end) ** 2 == pytest.approx(z * z * end * (1 - end) / of)
        assert found["low"] <= count / of <= found["high"]


@pytest.mark.parametrize("size", [(7, 7), (24, 24), (16, 50), (1, 9)])
def test_shares_of_the_mass_are_those_of_a_naive_loop(size):
    height, width = size
    heat = np.random.RandomState(0).rand(height, width)
    frame = [max(1, round(side / 8)) for side in size]
    sums, areas, total = {"border": 0.0, "corners": 0.0, "middle": 0.0}, {}, 0.0
    areas = dict.fromkeys(sums, 0)
    for i in range(height):
        for j in range(width):
            rows = i < frame[0] or i >= height - frame[0]
            columns = j < frame[1] or j >= width - frame[1]
            is_middle = height // 4 <= i < height - height // 4
            is_middle = is_middle and width // 4 <= j < width - width // 4
            where = {"border": rows or columns, "corners": rows and columns, "middle": is_middle}
            total += heat[i, j]
            for name, there in where.items():
                sums[name] += heat[i, j] if there else 0
                areas[name] += there
    found = mass.placed(heat)
    for name in sums:
        assert found.shares[name] == pytest.approx(sums[name] / total)
        assert mass.even_shares(size)[name] == pytest.approx(areas[name] / (height * width))
    assert found.mass.sum() == pytest.approx(1)


def test_the_mean_map_is_of_maps_of_one_mass_and_flat_ones_are_left_out():
    over, drawn = mass.OverTheSet((40, 30)), np.random.RandomState(0)
    heats = [drawn.rand(40, 30) * scale for scale in (1, 1000, 0.01)]
    for heat in (*heats, np.zeros((40, 30))):
        over.add(mass.placed(heat))
    expected = np.zeros((40, 30))
    for heat in heats:
        expected += heat / heat.sum() / 3
    np.testing.assert_allclose(over.mean_map, expected)
    found = over.record()
    assert (found["maps"], found["flat"]) == (3, 1)
    assert numbers(found["mean_map"]).sum() == pytest.approx(1, rel=1e-5)
    shares = [mass.placed(one).shares["border"] for one in heats]
    border = found["places"]["border"]
    assert border["share"] == pytest.approx(np.mean(shares))
    assert border["standard_error"] == pytest.approx(np.std(shares, ddof=1) / np.sqrt(3))


def test_a_stamp_in_the_corner_is_told():
    over = mass.OverTheSet((32, 32))
    for seed in range(6):
        heat = np.random.RandomState(seed).rand(32, 32)
        heat[:4, :4] += 20
        over.add(mass.placed(heat))
    places = over.record()["places"]
    assert places["corners"]["is_more"]
    assert not places["middle"]["is_more"]


def test_sums_over_a_grid_are_those_of_a_naive_loop():
    given = np.random.RandomState(0).randn(2, 30, 9)
    found = places.summed(given, 7)
    assert found.shape == (2, 7, 7)
    expected = np.zeros(found.shape)
    rows = [max(k for k in range(7) if k * 30 // 7 <= i) for i in range(30)]
    columns = [max(k for k in range(7) if k * 9 // 7 <= j) for j in range(9)]
    for c in range(2):
        for i in range(30):
            for j in range(9):
                expected[c, rows[i], columns[j]] += given[c, i, j]
    np.testing.assert_allclose(found, expected)


# ----------------------------------------------------------------------------------- what a page is


def test_it_needs_no_script_and_no_other_host(path):
    page = read(path)
    assert page.errors == []
    assert [one["type"] for one in page.all("script")] == ["application/json"]
    for tag in ("link", "iframe", "object", "embed", "form", "base", "audio", "video"):
        assert page.all(tag) == [], tag
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        if "src" in attributes:
            assert attributes["src"].startswith("data:image/")
        if "href" in attributes:
            assert attributes["href"].startswith("#")
    text = path.read_text(encoding="utf-8")
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in text
    (policy,) = [one for one in page.all("meta") if "http-equiv" in one]
    assert policy["content"].startswith("default-src 'none'")


def test_it_can_be_read_by_everybody(path):
    page = read(path)
    assert page.all("html")[0]["lang"] == "en"
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:]))
    assert levels.count(1) == 1
    assert all("alt" in one for one in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table"))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [one["href"][1:] for one in page.all("a")]
    assert set(links) <= set(ids)
    style = path.read_text(encoding="utf-8")
    for wanted in ("prefers-color-scheme: dark", "@media print", "counter(page)"):
        assert wanted in style


def test_what_was_done_is_said(path, record, net):
    page = read(path)
    done = record["done"]
    for said in (
        *done["net"].values(),
        *ASKED["methods"],
        *METRICS,
        "Right.",
        "conv0",
        "All methods explain it.",
        record["photos"][0]["sha256"],
        "gm.report(net, photos",
        "What this does not say",
        "gradcam-mx verify",
    ):
        assert said in page.text, said
    assert record["net"]["parameters"] == sum(
        one.data().size for one in net.collect_params().values()
    )
    assert {"MXNet", "numpy", "Python", "Pillow", "gradcam_mx"} <= record["versions"].keys()
    assert {"processor", "instructions", "cores"} <= record["machine"].keys()


def test_names_with_html_in_them_are_escaped(net, tmp_path):
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    file = tmp_path / "<b>bold<b> & \"so\" 'on'.png"
    Image.fromarray(photo(0)).save(file)
    done = gm.report(
        net,
        [file],
        tmp_path / "report.html",
        **{**ASKED, "names": [evil, "</script><b>", "{{ 7 * 7 }}"], "metrics": []},
        title="</title><script>",
    )
    page = read(done)
    assert page.errors == []
    assert len(page.all("script")) == 1
    assert all(one.keys() <= {"class"} for one in page.all("b"))
    assert [one for one in page.all("img") if "onerror" in one] == []
    assert evil in page.text
    assert "49" not in [one["name"] for one in record_of(done)["photos"][0]["top"]]
    assert file.name in page.text
    assert gm.verify(done, net, progress=False)


def test_it_tells_no_folder_of_its_maker(net, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "very-private"
    folder.mkdir()
    Image.fromarray(photo(0)).save(folder / "a.png")
    (folder / "b.png").write_bytes(b"no picture")
    with pytest.warns(UserWarning, match="1 of 3 photos"):
        done = gm.report(
            net, [folder / "a.png", folder / "b.png", photo(2)], "report.html", **ASKED
        )
    text = done.read_text(encoding="utf-8")
    assert "very-private" not in text
    assert str(tmp_path) not in text
    record = record_of(done)
    assert [one["name"] for one in record["failed"]] == ["b.png"]
    assert "not a picture" in record["failed"][0]["said"]
    assert [one["name"] for one in record["photos"]] == ["a.png", "photo 3"]


def test_many_photos_are_on_pages(net, tmp_path):
    done = written(tmp_path / "all.html", net, 5, per_page=2, labels=[0, 0, 0, 1, 1])
    whole = record_of(written(tmp_path / "one.html", net, 5, labels=[0, 0, 0, 1, 1]))
    record = record_of(done)
    assert (record["kind"], whole["kind"]) == ("index", "whole")
    names = [f"all-files/{number}.html" for number in (1, 2, 3)]
    assert [one["file"] for one in record["pages"]] == names
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all-files", "all.html", "one.html"]
    page = read(done)
    there = [one["href"] for one in page.all("a") if not one["href"].startswith("#")]
    assert {one.partition("#")[0] for one in there} == set(names)
    photos_there = []
    for name in names:
        part = read(tmp_path / name)
        assert part.errors == []
        assert {one["href"] for one in part.all("a")} == {"../all.html"}
        ids = {attributes.get("id") for _, attributes in part.tags}
        assert {one.partition("#")[2] for one in there if one.startswith(name + "#")} <= ids
        photos_there += record_of(tmp_path / name)["photos"]
    assert photos_there == whole["photos"]
    for key in ("accuracy", "table", "mass", "extremes", "list"):
        if key != "list":
            assert record[key] == whole[key]
    # fewer photos: pages that are of no use any more are gone
    written(done, net, 3, per_page=2)
    assert sorted(p.name for p in (tmp_path / "all-files").iterdir()) == ["1.html", "2.html"]
    written(done, net, 2, per_page=2)
    assert not (tmp_path / "all-files").exists()


def test_of_many_photos_some_are_measured(net, tmp_path):
    record = record_of(written(tmp_path / "report.html", net, 5, measured=2))
    assert [one["number"] for one in record["photos"] if "measures" in one] == [0, 3]
    assert record["measured"] == 2
    assert record["table"]["rows"][0]["cells"][0]["photos"] == 2
    assert "measured=2" in record["how"]["python"]
    assert [spread(10, 10), spread(11, 10), spread(1000, 100)] == [
        None,
        range(0, 11, 2),
        range(0, 1000, 10),
    ]


def test_numbers_are_for_people():
    said = {
        "chance": {0.0: "0.000", 0.0001: "<\u00a00.001", 0.25: "0.250", None: "–"},
        "number": {-0.5194: "−0.519", 12.0: "12", None: "–"},
        "percent": {0.5: "50.0\u00a0%", None: "–"},
    }
    for name, values in said.items():
        for value, expected in values.items():
            assert rendering._FILTERS[name](value) == expected


def test_measured_0_is_a_report_without_measures(net, tmp_path):
    done = written(tmp_path / "report.html", net, 2, measured=0)
    record = record_of(done)
    assert record["table"] is None
    assert record["measured"] == 0
    assert record["done"]["metrics"] == []
    assert not any("measures" in one for one in record["photos"])
    assert "metrics=[]" in record["how"]["python"]
    assert gm.verify(done, net, progress=False)


# ----------------------------------------------------------------------------- where the object is


def masks(count):
    """Of each photo another; none is symmetric."""
    found = np.zeros((count, 30, 40), bool)
    for number, one in enumerate(found):
        one[6 + number : 16, 10 : 20 + 2 * number] = True
    return found


def seen(mask):
    """What the net sees of a mask: its middle, by OpenCV's nearest pixels rather than by the
    package."""
    scaled = cv2.resize(mask.astype(np.uint8), (36, 27), interpolation=cv2.INTER_NEAREST_EXACT)
    return scaled[1:25, 6:30].astype(bool)


def test_masks_are_cut_as_the_photos_are(net, tmp_path, x):
    done = written(tmp_path / "report.html", net, 3, metrics=LOCAL, masks=masks(3))
    record = record_of(done)
    table = gm.metrics.evaluate(
        net, x[:3], ASKED["methods"], LOCAL, masks=np.stack([*map(seen, masks(3))]), at_a_time=1,
        progress=False,
    )  # fmt: skip
    for number, one in enumerate(record["photos"]):
        assert one["object"]["share"] == pytest.approx(seen(masks(3)[number]).mean())
        for column, each in enumerate(one["measures"]):
            np.testing.assert_allclose(each["values"], table.values[column, :, number], rtol=1e-4)
    assert "masks=masks" in record["how"]["python"]
    text = read(done)
    assert text.text.count("as it was marked") == 3
    marked = pixels(next(one["src"] for one in text.all("img") if "object is in" in one["alt"]))
    where, shown = seen(masks(3)[0]), PREPARE.crop(photo(0))
    inside = np.abs(marked[where].astype(int) - shown[where]).mean()
    outside = np.abs(marked[~where].astype(int) - shown[~where]).mean()
    assert outside > 3 * inside
    assert gm.verify(done, net, progress=False)


def test_masks_come_as_files_folders_arrays_and_boxes(net, tmp_path):
    for folder in ("in", "masks"):
        (tmp_path / folder).mkdir()
    left, top, right, bottom = BOX
    mask = np.zeros((30, 40), np.uint8)
    mask[top:bottom, left:right] = 255
    paths = [tmp_path / "in" / f"{name}.png" for name in "ab"]
    for path, one in zip(paths, photos(2)):
        Image.fromarray(one).save(path)
        Image.fromarray(mask).save(tmp_path / "masks" / path.name)
    files = [tmp_path / "masks" / one.name for one in paths]
    forms = [tmp_path / "masks", files, [mask, mask > 0], [BOX, [BOX, (12, 8, 14, 9)]]]
    made = []
    for form in forms:
        done = tmp_path / "report.html"
        gm.report(net, paths, done, **{**ASKED, "metrics": LOCAL, "masks": form})
        made.append(record_of(done)["photos"])
    assert all(one == made[0] for one in made)
    assert all("measures" in one for one in made[0])


def test_a_photo_without_a_mask_is_not_measured(net, tmp_path):
    given = [masks(3)[0], None, np.zeros((30, 40), bool), np.ones((8, 8), bool)]
    done = written(tmp_path / "report.html", net, 4, metrics=LOCAL, masks=given)
    record = record_of(done)
    assert ["measures" in one for one in record["photos"]] == [True, False, False, False]
    said = [one.get("not_measured", "") for one in record["photos"]]
    for text, expected in zip(said[1:], ("photo 2 has no mask", "is empty", "8x8 pixels")):
        assert expected in text
    assert record["table"]["left_out"] == 3
    assert gm.verify(done, net, progress=False)


def test_another_mask_is_found_by_what_is_measured_with_it(net, tmp_path):
    done = written(tmp_path / "report.html", net, 2, metrics=LOCAL, masks=masks(2))

    def change(record):
        one = record["photos"][0]["object"]["mask"]
        turned = np.flipud(np.unpackbits(numbers(one)).reshape(24, 24))
        one["bytes"] = base64.b64encode(np.packbits(turned).tobytes()).decode()

    resealed(done, change)
    found = gm.verify(done, net, progress=False)
    assert not found
    assert "photo 1 (photo 1), energy of grad_cam" in found.difference


def test_a_template_of_ones_own(net, tmp_path):
    own = tmp_path / "own.html"
    own.write_text(
        "<html><body><h1>{{ report.title }}</h1>{% for one in report.photos %}"
        "<p>{{ one.top[0].name }}</p>{% endfor %}</body></html>"
    )
    done = written(tmp_path / "report.html", net, 1, template=own, metrics=[])
    assert read(done).all("p") == [{}]
    assert record_of(done)["photos"]
    own.write_text('{% extends "report.html" %}{% block limits %}<p>Ask Ann.</p>{% endblock %}')
    done = written(tmp_path / "report.html", net, 1, template=own, metrics=[])
    assert "Ask Ann." in read(done).text
    assert "What this does not say" not in read(done).text
    assert gm.verify(done, net, progress=False)
    for wrong in ("{% nonsense %}", "{{ report.nothing.there }}", "{{ picture('none') }}"):
        own.write_text(wrong)
        with pytest.raises(InputError, match=r"the template .*own.html"):
            written(tmp_path / "other.html", net, 1, template=own, metrics=[])
    assert not (tmp_path / "other.html").exists()
    with pytest.raises(InputError, match="there is no template"):
        written(tmp_path / "other.html", net, 1, template=tmp_path / "none.html")


# ----------------------------------------------------------------------- what else can be explained


def test_segmentation_nets_say_what_they_find(tmp_path):
    net = mx.gluon.nn.HybridSequential(prefix="")
    mx.random.seed(0)
    net.add(mx.gluon.nn.Conv2D(4, 3, padding=1, activation="relu"), mx.gluon.nn.Conv2D(3, 1))
    net.initialize(mx.init.Normal(0.5))
    net(mx.nd.zeros((1, 3, 24, 24)))
    more = {"metrics": [], "methods": ["saliency"], "top": 2}
    done = written(tmp_path / "report.html", net, 2, **more)
    record = record_of(done)
    assert record["done"]["gives"] == "a map of 3 classes"
    assert all(one["says"] and not one["top"] for one in record["photos"])
    assert record["accuracy"] is None
    assert gm.verify(done, net, progress=False)
    with pytest.raises(TargetError, match="gives a map of 3 classes"):
        written(tmp_path / "report.html", net, 2, labels=[0, 1], **more)


def test_one_class_is_explained_if_it_is_asked_for(net, tmp_path, x):
    done = written(tmp_path / "report.html", net, 2, target="cow", metrics=[])
    record = record_of(done)
    for number, one in enumerate(record["photos"]):
        assert one["explained"]["id"] == 2
        expected = gm.grad_cam(net, x[number : number + 1], 2).values[0]
        found = numbers(one["maps"][0]["numbers"][0])
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert gm.verify(done, net, progress=False)


# ---------------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("more", "kind", "said"),
    [
        ({"labels": [0, 1]}, TargetError, "2 labels for 3 photos"),
        ({"labels": [0, 1, 3]}, TargetError, "there is no class 3: they go from 0 to 2"),
        ({"labels": [0, 1, "horse"]}, TargetError, "no class is called 'horse'"),
        ({"labels": [0, 1, 0.5]}, TargetError, "there is no class 0.5"),
        ({"labels": "labels.csv"}, TargetError, "the photos are no files"),
        ({"names": ["a"]}, TargetError, "1 names for a net with 3 classes"),
        ({"target": 7}, TargetError, "there is no class 7"),
        ({"methods": ["magic"]}, MethodError, "magic"),
        ({"metrics": ["magic"]}, MetricError, "magic"),
        ({"metrics": ["magic"], "measured": 0}, MetricError, "magic"),
        ({"metrics": ["energy"]}, MetricError, "needs to know where the object is.*pass masks="),
        ({"masks": [BOX] * 3}, InputError, "masks=… is for measures of localisation"),
        ({"metrics": ["energy"], "masks": [BOX]}, InputError, "1 masks for 3 photos"),
        ({"metrics": ["energy"], "masks": 3}, InputError, "masks=3 for 3 photos"),
        ({"metrics": ["energy"], "masks": [(1, 2)] * 3}, InputError, r"photo 1 is an array \(2,\)"),
        ({"metrics": ["energy"], "masks": "none"}, InputError, "the photos are no files"),
        ({"preprocess": None}, InputError, "how photos are prepared"),
        ({"top": 0}, InputError, "top=0"),
        ({"per_page": 0.5}, InputError, "per_page=0.5"),
        ({"measured": -1}, InputError, "measured=-1; expected a whole number, 0 or more"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_computed(net, tmp_path, more, kind, said):
    with pytest.raises(kind, match=said):
        written(tmp_path / "report.html", net, 3, **more)
    assert list(tmp_path.iterdir()) == []


def test_no_photos(net, tmp_path):
    with pytest.raises(InputError, match="no photos"):
        gm.report(net, [], tmp_path / "report.html", **ASKED)
    with pytest.raises(PhotoError, match="no file"):
        gm.report(net, [tmp_path / "none.png"], tmp_path / "report.html", **ASKED)
    assert list(tmp_path.iterdir()) == []


def test_a_net_that_cannot_be_explained(tmp_path):
    net = network()
    (dense,) = [one for one in net._children.values() if isinstance(one, mx.gluon.nn.Dense)]
    dense.weight.set_data(mx.nd.full(dense.weight.shape, np.nan))
    with pytest.raises(NetworkError, match="NaN"):
        written(tmp_path / "report.html", net)
    assert list(tmp_path.iterdir()) == []


def test_where_the_check_does_not_hold_its_words_are_in_the_report(net, tmp_path, monkeypatch):
    from gradcam_mx.apps.report import gathering
    from gradcam_mx.inspect.check import Checked, Finding

    found = Checked((Finding("the gradient is the derivative", False, "off by 7"),), (), "None.")
    monkeypatch.setattr(gathering, "check", lambda *_, **__: found)
    page = read(written(tmp_path / "report.html", net, 1, metrics=[]))
    assert "off by 7" in page.text
    assert "does not hold" in page.text


def test_nothing_of_yours_is_written_over(net, tmp_path):
    mine = tmp_path / "report.html"
    mine.write_text("mine")
    with pytest.raises(OutputError, match="nothing of yours"):
        written(mine, net, 1)
    assert mine.read_text() == "mine"
    folder = tmp_path / "other-files"
    folder.mkdir()
    (folder / "1.html").write_text("mine")
    with pytest.raises(OutputError, match="nothing of yours"):
        written(tmp_path / "other.html", net, 1)
    with pytest.raises(OutputError, match=r"ends in \.html"):
        written(tmp_path / "report.pdf", net, 1)
    with pytest.raises(OutputError, match="cannot write"):
        written(mine / "report.html", net, 1)
    own = written(tmp_path / "own.html", net, 1, metrics=[])
    before = own.read_bytes()
    written(own, net, 2, metrics=[])
    assert own.read_bytes() != before


def test_ctrl_c_leaves_a_report_of_what_is_done(net, tmp_path, monkeypatch):
    from gradcam_mx.apps.report import gathering

    own, count = gathering.look, []

    def look(*arguments):
        count.append(1)
        if len(count) == 4:
            raise KeyboardInterrupt
        return own(*arguments)

    monkeypatch.setattr(gathering, "look", look)
    for name, per_page in (("one", 40), ("parts", 2)):
        count.clear()
        with pytest.raises(KeyboardInterrupt):
            written(tmp_path / f"{name}.html", net, 6, per_page=per_page, metrics=[])
        record = record_of(tmp_path / f"{name}.html")
        assert (record["count"], record["asked"], record["stopped"]) == (3, 6, True)
        assert "stopped before its end" in read(tmp_path / f"{name}.html").text
        assert gm.verify(tmp_path / f"{name}.html", net, progress=False)
    count[:] = [1, 1, 1]
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path / "none.html", net, 6, metrics=[])
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "one.html",
        "parts-files",
        "parts.html",
    ]


def test_a_full_disk_leaves_nothing_half_written(net, tmp_path, monkeypatch):
    before = written(tmp_path / "report.html", net, 1, metrics=[]).read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        written(tmp_path / "report.html", net, 2, metrics=[])
    monkeypatch.undo()
    assert (tmp_path / "report.html").read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_without_jinja2(net, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.split(".")[0] == "jinja2":
            raise ImportError(name)
        return real(name, *rest)

    import sys

    for name in [one for one in sys.modules if one.split(".")[0] == "jinja2"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(DependencyError, match=r"gradcam-mx\[report\]"):
        written(tmp_path / "report.html", net, 1)


def test_nothing_of_the_callers_is_changed(ctx, tmp_path):
    net = network(ctx)
    given = photos(2)
    before = [one.copy() for one in given]
    kept = {name: one.data(ctx).asnumpy() for name, one in net.collect_params().items()}
    options = {"saliency": {}}
    random.seed(5)
    np.random.seed(5)
    mx.random.seed(5)
    states = random.getstate(), np.random.get_state()[1].copy()
    drawn = mx.nd.random.uniform(shape=(3,), ctx=ctx).asnumpy()
    mx.random.seed(5)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        gm.report(net, given, tmp_path / "report.html", options=options, **ASKED)
    assert random.getstate() == states[0]
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])
    np.testing.assert_array_equal(mx.nd.random.uniform(shape=(3,), ctx=ctx).asnumpy(), drawn)
    for one, other in zip(given, before):
        np.testing.assert_array_equal(one, other)
    for name, one in net.collect_params().items():
        np.testing.assert_array_equal(one.data(ctx).asnumpy(), kept[name])
    assert options == {"saliency": {}}
    assert gm.verify(tmp_path / "report.html", net, progress=False)
