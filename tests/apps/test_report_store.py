"""`gm.report_store`: a report of a store says what plain loops over its rows say."""

from __future__ import annotations

import ast
import shutil
import warnings

import numpy as np
import pytest
import stores
import web_app
from PIL import Image
from reports import numbers, read, record_of

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.apps import command_line as cli
from gradcam_mx.apps.store_report.examples import Examples
from gradcam_mx.errors import InputError, OutputError
from gradcam_mx.store.columns import Traits, packed

METHODS = ("grad_cam", "saliency")
SIZE = 32


def rows(count=70, labelled=True):
    """Rows of two methods; some failed, some maps flat, some measures missing."""
    random = np.random.RandomState(0)
    found = []
    for number in range(count):
        if number % 11 == 5:
            said = f"{number:05d}.png is damaged" if number % 2 else "too <b>dark"
            found.append(stores.failed(number, said))
            continue
        map_ = random.rand(5, 7) * (number % 13 != 3)
        more = packed(random.rand(9, 9).astype(np.float32))
        predicted = int(random.randint(3))
        order = [predicted, *(one for one in range(7) if one != predicted)]
        found.append(
            stores.row(
                number,
                map_,
                label=number % 3 if labelled else None,
                predicted=predicted,
                probability=float(np.float32(random.rand())),
                score=float(random.randn()),
                **{f"saliency.{name}": one for name, one in more.items()},
                **{"grad_cam.sparseness": random.rand() if number % 9 else None},
                **{"saliency.sparseness": 0.25},
            )
        )
        found[-1]["top"], found[-1]["top_probability"] = order[:5], [0.5, 0.2, 0.1, 0.1, 0.1]
    return found


def written(folder, given, **more):
    more = {"methods": METHODS, "metrics": ["sparseness"], "shard_size": 16, **more}
    return stores.written(folder, given, **more)


def reported(store, path, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the data set, which was in memory
        return record_of(gm.report_store(store, path, progress=False, **more))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return gm.Store(written(tmp_path_factory.mktemp("store") / "found", rows()))


@pytest.fixture(scope="module")
def record(store, tmp_path_factory):
    return reported(store, tmp_path_factory.mktemp("report") / "report.html")


# --------------------------------------------------------------------------- numbers by plain loops


def enlarged(map_, size):
    """Linearly, each cell's number in its middle, written out."""

    def weights(before, after):
        found = np.zeros((after, before))
        for place in range(after):
            at = min(max((place + 0.5) * before / after - 0.5, 0), before - 1)
            low = int(at)
            found[place, low] += 1 - (at - low)
            if low + 1 < before:
                found[place, low + 1] += at - low
        return found

    height, width = map_.shape
    return weights(height, size) @ map_.astype(np.float64) @ weights(width, size).T


def mass_of(row, method):
    heat = enlarged(row.map(method), SIZE)
    if np.ptp(heat) == 0:
        return None
    heat = (heat - heat.min()) / (heat.max() - heat.min())
    return heat / heat.sum()


def shares_of(mass):
    border = corners = middle = 0.0
    for y in range(SIZE):
        for x in range(SIZE):
            edges = (y < 4 or y >= 28) + (x < 4 or x >= 28)
            border += mass[y, x] * (edges > 0)
            corners += mass[y, x] * (edges == 2)
            middle += mass[y, x] * (8 <= y < 24 and 8 <= x < 24)
    return {"border": border, "corners": corners, "middle": middle}


def mean_and_error(values):
    count = len(values)
    mean = sum(values) / count
    return mean, (sum((one - mean) ** 2 for one in values) / (count - 1) / count) ** 0.5


def check_mass(told, found):
    """Maps that are told against rows."""
    masses = [one for one in found if one is not None]
    assert (told["maps"], told["flat"]) == (len(masses), len(found) - len(masses))
    for place in ("border", "corners", "middle"):
        expected = mean_and_error([shares_of(one)[place] for one in masses])
        of = told["places"][place]
        assert (of["share"], of["standard_error"]) == pytest.approx(expected, rel=1e-4)
        assert of["even"] == {"border": 1 - 0.75**2, "corners": 1 / 16, "middle": 0.25}[place]
        assert of["is_more"] == (expected[0] - 2 * expected[1] > of["even"])
    mean = np.mean(masses, axis=0)
    starts = [k * SIZE // 28 for k in range(28)]
    coarse = np.add.reduceat(np.add.reduceat(mean, starts, 0), starts, 1)
    np.testing.assert_allclose(numbers(told["mean_map"]), coarse, rtol=1e-3, atol=1e-6)


def test_where_the_mass_lies_over_the_set(store, record):
    assert [one["method"] for one in record["mass"]] == list(METHODS)
    for told in record["mass"]:
        method = told["method"]
        found = [mass_of(row, method) for row in store if row.error is None]
        check_mass(told, found)
    assert record["mass"][0]["flat"]


def test_where_the_mass_lies_in_each_class(store, record):
    assert sorted(one["id"] for one in record["classes"]) == [0, 1, 2]
    for one in record["classes"]:
        own = [row for row in store if row.error is None and row.label == one["id"]]
        assert one["samples"] == len(own)
        right = sum(row.predicted == one["id"] for row in own)
        assert one["accuracy"]["share"] == pytest.approx(right / len(own))
        for told in one["mass"]:
            check_mass(told, [mass_of(row, told["method"]) for row in own])


def test_a_class_with_a_stamp_in_its_corner_comes_first_and_is_told(tmp_path):
    random = np.random.RandomState(1)
    given = []
    for number in range(60):
        map_ = random.rand(8, 8)
        if number % 4 == 2:
            map_[:2, :2] += 5
        given.append(stores.row(number, map_, label=number % 4, predicted=number % 4))
    page = tmp_path / "a.html"
    record = reported(stores.written(tmp_path / "s", given), page)
    first = record["classes"][0]
    assert first["id"] == 2
    assert first["mass"][0]["places"]["corners"]["is_more"]
    assert not any(one["mass"][0]["places"]["corners"]["is_more"] for one in record["classes"][1:])
    assert "Look for a shortcut" in read(page).text


def test_counts_are_those_of_the_rows(store, record):
    found = [row for row in store if row.error is None]
    assert (record["samples"], record["count"]) == (len(store), len(found))
    right = sum(row.label == row.predicted for row in found)
    assert record["accuracy"]["accuracy"]["count"] == right
    assert record["accuracy"]["among_top"]["count"] == sum(
        row.label in row.cells["top"] for row in found
    )
    matrix = [
        [sum((row.label, row.predicted) == (true, said) for row in found) for said in range(3)]
        for true in range(3)
    ]
    assert record["accuracy"]["matrix"] == matrix
    counts = {one["id"]: one["count"] for one in record["predicted"]}
    assert counts == {said: sum(row.predicted == said for row in found) for said in range(3)}


def test_failures_are_counted_by_their_reasons(record):
    numbers_ = [number for number in range(70) if number % 11 == 5]
    odd = [number for number in numbers_ if number % 2]
    assert record["failures"]["count"] == len(numbers_)
    told = {one["said"]: one for one in record["failures"]["reasons"]}
    assert {said: one["count"] for said, one in told.items()} == {
        "… is damaged": len(odd),
        "too <b>dark": len(numbers_) - len(odd),
    }
    assert told["… is damaged"]["places"] == [f"{number:05d}.png" for number in odd[:3]]


def test_measures_are_means_with_their_errors(store, record):
    (metric,) = record["table"]["metrics"]
    assert metric["name"] == "sparseness"
    for row in record["table"]["rows"]:
        (cell,) = row["cells"]
        values = [
            one.cells[f"{row['name']}.sparseness"]
            for one in store
            if one.cells[f"{row['name']}.sparseness"] is not None
        ]
        assert cell["photos"] == len(values)
        expected = mean_and_error(values)
        assert (cell["mean"], cell["standard_error"]) == pytest.approx(expected, rel=1e-9)
    assert record["table"]["rows"][1]["cells"][0]["standard_error"] == 0


def test_examples_are_the_ends_right_and_wrong(store, tmp_path):
    record = reported(store, tmp_path / "a.html", examples=8)
    titles = ["Wrong, most certain", "Wrong, least certain", "Right, most certain",
              "Right, least certain"]  # fmt: skip
    assert [one["title"] for one in record["groups"]] == titles
    for group in record["groups"]:
        own = [
            row
            for row in store
            if row.error is None
            and (row.label == row.predicted) == group["title"].startswith("Right")
        ]
        own.sort(key=lambda row: row.probability, reverse="most" in group["title"])
        assert [one["number"] for one in group["photos"]] == [row.number for row in own[:2]]
    one = record["groups"][0]["photos"][0]
    row = store[one["number"]]
    for told in one["maps"]:
        np.testing.assert_array_equal(
            numbers(told["numbers"][0]), row.explanation(told["method"]).values[0]
        )
    assert [one["id"] for one in one["top"]] == row.cells["top"]
    assert one["measures"][0]["values"][0] == row.cells["grad_cam.sparseness"]


def test_of_few_samples_none_is_shown_twice():
    for count in range(1, 6):
        examples = Examples(40)
        for number in range(count):
            cells = {"number": number, "error": None, "label": 1, "predicted": 1}
            examples.add(gm.store.rows.Row(None, {**cells, "probability": number / 9}, {}))
        shown = [row.number for one in examples.chosen() for row in one.rows]
        assert sorted(shown) == list(range(count))


# --------------------------------------------------------------------------------- kinds of stores


def test_a_store_without_labels(tmp_path):
    page = tmp_path / "a.html"
    record = reported(written(tmp_path / "s", rows(labelled=False)), page)
    assert record["accuracy"] is None
    assert [one["title"] for one in record["groups"]] == [
        "Without a label, most certain",
        "Without a label, least certain",
    ]
    assert {one["id"] for one in record["classes"]} == {0, 1, 2}
    assert "There were no labels" in read(page).text


def test_a_store_of_nothing_and_one_of_failures_alone(tmp_path):
    record = reported(written(tmp_path / "none", []), tmp_path / "none.html")
    assert (record["samples"], record["groups"], record["mass"]) == (0, [], [])
    given = [stores.failed(number) for number in range(9)]
    record = reported(written(tmp_path / "failed", given), tmp_path / "failed.html")
    assert (record["count"], record["failures"]["count"]) == (0, 9)
    assert (record["table"], record["groups"]) == (None, [])


@pytest.mark.parametrize("size", [(40,), (4, 8, 8), ()])
def test_other_inputs_than_pictures(tmp_path, size):
    given = [
        stores.row(number, np.random.RandomState(number).rand(*(size or (6,))), label=0)
        for number in range(6)
    ]
    path = written(tmp_path / "s", given, methods=["grad_cam"], metrics=[])
    text = (path / "manifest.json").read_text().replace(
        f'"input_size": [\n  {SIZE},\n  {SIZE}\n ]', f'"input_size": {list(size)}'
    )  # fmt: skip
    (path / "manifest.json").write_text(text)
    page = tmp_path / "a.html"
    record = reported(path, page)
    shown = [one for group in record["groups"] for one in group["photos"]]
    assert len(shown) == 6
    assert all(len(one["maps"]) == bool(size) for one in shown)
    assert all(one["seen"] is None for one in shown)
    if size:
        (told,) = record["mass"]
        assert told["places"] == {}
        mean = numbers(told["mean_map"])
        assert mean.sum() == pytest.approx(1) if len(size) == 1 else mean.ndim == 3
    else:
        assert "no pictures of maps" in read(page).text
    assert not read(page).errors


def test_of_nets_without_probabilities_the_scores_count(tmp_path):
    given = [
        {**stores.row(number, np.eye(4), score=float(-number)), "predicted": None,
         "probability": None, "top": None, "top_probability": None, "target": None}
        for number in range(8)
    ]  # fmt: skip
    page = tmp_path / "a.html"
    record = reported(stores.written(tmp_path / "s", given, target="Sum()"), page, examples=4)
    high, low = record["groups"]
    assert [one["number"] for one in high["photos"]] == [0, 1]
    assert [one["number"] for one in low["photos"]] == [7, 6]
    assert high["title"] == "Without a label, the highest scores"
    assert "Sum()" in read(page).text


def test_a_part_of_a_store_and_what_was_set_aside(store, tmp_path):
    record = reported(store.filter(right=False), tmp_path / "a.html")
    assert record["accuracy"]["accuracy"]["count"] == 0
    assert (record["samples"], record["asked"]) == (len(store.filter(right=False)), 70)
    assert "70 samples of the store" in read(tmp_path / "a.html").text
    path = written(tmp_path / "s", rows(20), set_aside={"3": "samples 48 to 63: it hangs"})
    reported(path, tmp_path / "b.html")
    text = read(tmp_path / "b.html").text
    assert "samples 48 to 63: it hangs" in text
    assert "too <b>dark" in text


# ------------------------------------------------------------------------------------- the real one


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Photos in folders, of which one is damaged; a net; the store of a run."""
    folder = web_app.photos_in_classes(tmp_path_factory.mktemp("real"), 12)
    names = ["cat", "dog", "<script>alert(1)</script>"]
    options = {"grad_cam": {"relu": False}}
    return web_app.found(folder, names=names, full=["saliency"], options=options)


def test_photos_are_shown_where_they_are_there(real, tmp_path):
    net = gm.load(real / "net")
    record = reported(real / "found", tmp_path / "a.html", net=net)
    shown = [one for group in record["groups"] for one in group["photos"]]
    assert len(shown) == 12
    assert all(one["seen"] == f"seen-{one['number']}" for one in shown)
    assert all(one["size"] == [40, 50] for one in shown)
    page = read(tmp_path / "a.html")
    assert not page.errors
    assert sum("what the network saw" in one.get("alt", "") for one in page.all("img")) == 12
    text = (tmp_path / "a.html").read_text()
    assert "<script>alert" not in text
    assert str(real) not in text
    assert all(one["src"].startswith("data:image/") for one in page.all("img"))
    assert record["net"]["layers"] == 7
    assert record["versions"]["MXNet"] == mx.__version__
    code = ast.parse(record["how"]["python"].replace("…", "None"))
    call = next(one for one in ast.walk(code) if getattr(one, "keywords", ()))
    said = {one.arg: one.value for one in call.keywords}
    assert ast.literal_eval(said["options"]) == {"grad_cam": {"relu": False}}
    assert ast.literal_eval(said["full"]) == ["saliency"]


def test_a_photo_that_was_changed_or_is_gone(real, tmp_path):
    other = tmp_path / "photos"
    shutil.copytree(real / "photos", other)
    shutil.copytree(real / "found", tmp_path / "found")
    manifest = tmp_path / "found" / "manifest.json"
    manifest.write_text(manifest.read_text().replace(str(real / "photos"), str(other)))
    Image.fromarray(web_app.photo(99)).save(other / "cat" / "00.png")
    record = reported(tmp_path / "found", tmp_path / "a.html")
    shown = {one["name"]: one for group in record["groups"] for one in group["photos"]}
    assert shown["cat/00.png"]["seen"] is None
    assert "another one" in shown["cat/00.png"]["not_seen"]
    assert shown["cat/02.png"]["seen"]
    shutil.rmtree(other)
    with pytest.warns(UserWarning, match="maps alone"):
        gm.report_store(tmp_path / "found", tmp_path / "b.html", progress=False)
    gone = record_of(tmp_path / "b.html")
    assert not any(one["seen"] for group in gone["groups"] for one in group["photos"])
    assert all(len(one["maps"]) == 2 for group in gone["groups"] for one in group["photos"])
    assert "could not be opened again" in read(tmp_path / "b.html").text
    samples = gm.Store(real / "found").samples()
    again = reported(tmp_path / "found", tmp_path / "c.html", samples=samples)
    assert again["has_photos"]


def test_it_is_of_no_other_net_and_is_not_verified(real, store, tmp_path, ctx):
    net = gm.load(real / "net", ctx=ctx)
    with pytest.raises(InputError, match="of another network"):
        gm.report_store(store, tmp_path / "a.html", net=net)
    gm.report_store(real / "found", tmp_path / "a.html", net=net, progress=False)
    with pytest.raises(InputError, match="report of a store"):
        gm.verify(tmp_path / "a.html", net)


def test_nothing_else_is_written_over(store, tmp_path):
    page = tmp_path / "a.html"
    page.write_text("mine")
    with pytest.raises(OutputError, match="nothing of yours"):
        gm.report_store(store, page)
    with pytest.raises(InputError, match="no store"):
        gm.report_store(tmp_path / "none", tmp_path / "b.html")
    with pytest.raises(InputError, match="examples=-1"):
        gm.report_store(store, tmp_path / "b.html", examples=-1)
    reported(store, tmp_path / "b.html")
    reported(store, tmp_path / "b.html", examples=0)


def test_a_template_of_ones_own(store, tmp_path):
    template = tmp_path / "own.html"
    template.write_text(
        '{% extends "store.html" %}{% block limits %}Only {{ report.samples }}.{% endblock %}'
    )
    reported(store, tmp_path / "a.html", template=template)
    assert "Only 70." in read(tmp_path / "a.html").text


# ------------------------------------------------------------------------------- the command line


def run(*arguments):
    try:
        return cli.main(["report", *map(str, arguments)])
    except SystemExit as end:
        return end.code


def test_the_command(real, tmp_path, capsys):
    out = tmp_path / "a.html"
    net = ["--symbol", real / "net"]
    assert run("--store", real / "found", "--out", out, *net, "--examples", "4") == 0
    assert capsys.readouterr().out == f"13 samples reported; the report is in {out}\n"
    record = record_of(out)
    assert sum(len(one["photos"]) for one in record["groups"]) <= 4
    assert record["net"]["name"] == "net"
    command = "gradcam-mx report --out a.html --store found --examples 4 --symbol net"
    assert record["how"]["command"] == command
    expected = reported(real / "found", tmp_path / "b.html", examples=4)
    for key in ("accuracy", "mass", "classes", "failures", "groups", "data_hash"):
        assert record[key] == expected[key]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["a.png"], "argument --store: not allowed with photos"),
        (["--method", "lrp"], "argument --method: not allowed with argument --store"),
        (["--labels", "a.csv"], "argument --labels: not allowed with argument --store"),
        (["--epoch", "1"], "argument --epoch: needs --symbol"),
        (["--template", "none.html"], "there is no template none.html"),
    ],
)
def test_what_does_not_go_with_a_store(real, tmp_path, capsys, more, said):
    assert run("--store", real / "found", "--out", tmp_path / "a.html", *more) == 2
    assert said in capsys.readouterr().err
    assert run("--store", tmp_path / "none", "--out", tmp_path / "a.html") == 2
    assert "there is no store in" in capsys.readouterr().err


def test_traits_of_maps_that_are_signed(tmp_path):
    """Of signed maps what speaks for the target is mass."""
    given = [stores.row(0, [[1, -9], [0, 0]]), stores.row(1, [[-1, -9], [0, 0]])]
    traits = Traits("LRP", "layer", True, False)
    record = reported(stores.written(tmp_path / "s", given, traits=traits), tmp_path / "a.html")
    mass = enlarged(np.array([[1, 0], [0, 0]]), SIZE)
    starts = [k * SIZE // 28 for k in range(28)]
    coarse = np.add.reduceat(np.add.reduceat(mass / mass.sum(), starts, 0), starts, 1)
    found = numbers(record["mass"][0]["mean_map"])
    np.testing.assert_allclose(found, coarse, rtol=1e-3, atol=1e-6)
    assert (record["mass"][0]["maps"], record["mass"][0]["flat"]) == (1, 1)
