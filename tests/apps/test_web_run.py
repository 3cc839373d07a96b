"""The app opens a store: its samples page by page, taken as photos, with what the run found."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from dataclasses import replace

import numpy as np
import pytest
import stores
import web_app
from PIL import Image
from web_app import Page, pixels_of

import gradcam_mx as gm
from gradcam_mx import zoo
from gradcam_mx.apps.web import found_by_run
from gradcam_mx.apps.web.album import Limits
from gradcam_mx.errors import InputError

NAMES = ["cat", "dog", "<script>alert(1)</script>"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photos, one of them damaged and one a link out of the folder; a net; the store of a run."""
    folder = web_app.photos_in_classes(tmp_path_factory.mktemp("run"), 14)
    Image.fromarray(web_app.photo(70)).save(folder / "outside.png")
    (folder / "photos" / "dog" / "link.png").symlink_to(folder / "outside.png")
    return web_app.found(folder, names=NAMES)


def opened(folder, store=None, ctx=None, **more):
    nets = [web_app.held(folder / "net", ctx)]
    return Page(more.pop("nets", nets), store=store or folder / "found", **more)


@pytest.fixture(scope="module")
def page(folder):
    with opened(folder) as made:
        yield made


@pytest.fixture
def place(page):
    """Gives the place of a sample by its name."""
    listed = page.get("api/run/samples")["samples"]
    return {one["name"]: one["at"] for one in listed}.__getitem__


def test_the_page_is_told_of_the_store(page, folder):
    told = page.get("api/state")["run"]
    (net,) = page.workspace.nets
    assert told["name"] == "found"
    assert told["samples"] == len(gm.Store(folder / "found")) == 16
    assert told["methods"] == ["grad_cam", "saliency"]
    assert told["differs"] == {net: None}
    assert told["has_photos"]
    assert told["has_labels"]
    assert str(folder) not in json.dumps(page.get("api/state"))


@pytest.mark.parametrize("class_id", [None, 0, 1])
def test_choices_are_those_of_a_plain_loop(page, folder, class_id):
    rows = list(gm.Store(folder / "found"))
    choices = {
        "all": lambda row: True,
        "wrong": lambda row: None not in (row.label, row.predicted) and row.label != row.predicted,
        "right": lambda row: row.label is not None and row.label == row.predicted,
        "failed": lambda row: row.error is not None,
    }
    for which, holds in choices.items():
        expected = [
            place
            for place, row in enumerate(rows)
            if holds(row) and class_id in (None, row.predicted if row.label is None else row.label)
        ]
        more = "" if class_id is None else f"&class={class_id}"
        found = page.get(f"api/run/samples?which={which}{more}")
        assert [one["at"] for one in found["samples"]] == expected, which
        assert found["total"] == len(expected)
        for one in found["samples"]:
            row = rows[one["at"]]
            assert one["name"] == row.place
            assert one["error"] == row.error
            assert one["label"] == (None if row.label is None else NAMES[row.label])
            assert one["predicted"] == (None if row.predicted is None else NAMES[row.predicted])
            assert one["probability"] == row.probability
            known = None not in (row.label, row.predicted)
            assert one["is_right"] == (row.label == row.predicted if known else None)
            assert (one["thumbnail"] is None) == (row.error is not None)


def test_pages_follow_each_other(page, monkeypatch):
    monkeypatch.setattr(found_by_run, "A_PAGE", 6)
    found = [page.get(f"api/run/samples?page={number}") for number in range(3)]
    assert [len(one["samples"]) for one in found] == [6, 6, 4]
    assert [one["at"] for each in found for one in each["samples"]] == list(range(16))
    assert page.get("api/run/samples?page=99")["page"] == 2
    assert page.get("api/run/samples?which=failed&page=5")["page"] == 0
    page.get("api/run/samples?which=none", 400)


def test_a_click_takes_the_photo_and_shows_what_the_run_found(page, folder, place):
    at = place("cat/04.png")
    told = page.post(f"api/run/samples/{at}")
    data = (folder / "photos" / "cat" / "04.png").read_bytes()
    assert told["id"] == hashlib.sha256(data).hexdigest()
    assert (told["note"], told["source"], told["name"]) == (None, "store", "04.png")
    (net,) = page.workspace.nets
    query = f"api/run/map?net={net}&photo={told['id']}&method="
    for method in ("grad_cam", "saliency"):
        (now,) = page.explain(method, photos=[told["id"]])["maps"]
        kept = page.get(query + method)["map"]
        row = gm.Store(folder / "found")[at]
        assert kept["score"] == pytest.approx(row.score) == pytest.approx(now["score"], rel=1e-5)
        shown = [pixels_of(page.get(one["picture"])).astype(int) for one in (now, kept)]
        if method == "grad_cam":  # float16 of the same map
            assert np.abs(shown[0] - shown[1]).max() <= 4
        assert kept["legend"]
    assert page.get(query + "lrp")["map"] is None
    state = page.get("api/state")
    assert state["run"]["loaded"] == {told["id"]: at}
    other = page.upload(web_app.encoded(web_app.photo(50)))
    assert page.get(f"api/run/map?net={net}&photo={other['id']}&method=grad_cam")["map"] is None


def test_small_pictures_are_those_of_the_photos(page, place):
    found = pixels_of(page.get(f"api/run/samples/{place('dog/03.png')}/thumbnail.png"))
    larger = found.shape[0] // 40
    np.testing.assert_array_equal(found[::larger, ::larger], web_app.photo(3))


def test_what_is_none_or_outside_is_refused(page, place):
    assert "known kind" in page.post(f"api/run/samples/{place('dog/bad.png')}", code=422)["error"]
    for answer in (
        page.post(f"api/run/samples/{place('dog/link.png')}", code=403),
        page.get(f"api/run/samples/{place('dog/link.png')}/thumbnail.png", 403),
    ):
        assert "link out of the folder" in answer["error"]
    page.post("api/run/samples/99", code=404)
    page.get("api/run/samples/99/thumbnail.png", 404)
    page.get("api/run/samples/-1/thumbnail.png", 404)
    assert page.client.post("/api/run/samples/0").status_code == 403


def test_without_a_store_there_is_nothing(folder):
    with Page([web_app.held(folder / "net")]) as page:
        assert page.get("api/state")["run"] is None
        assert "--store" in page.get("api/run/samples", 404)["error"]
    with pytest.raises(InputError, match="no store"):
        opened(folder, store=folder / "none")


def test_where_there_is_no_room_the_first_goes(folder):
    with opened(folder, limits=Limits(photos=3)) as page:
        own = page.upload(web_app.encoded(web_app.photo(50)))
        taken = [page.post(f"api/run/samples/{place}")["id"] for place in range(5)]
        there = [one["id"] for one in page.get("api/state")["photos"]]
        assert there == [own["id"], *taken[-2:]]
        assert list(page.get("api/state")["run"]["loaded"]) == taken[-2:]
        page.delete(f"api/photos/{taken[-1]}")
        page.post("api/run/samples/0")
    with opened(folder, limits=Limits(upload_bytes=100)) as page:
        assert "MB" in page.post("api/run/samples/0", code=413)["error"]


def test_another_net_is_told(folder, ctx):
    net = web_app.held(folder / "net", ctx)
    small = replace(net, preprocess=zoo.IMAGENET.adapted(size=24))
    grey = replace(net, name="other", graph=gm.trace(zoo.get_model("squeezenet1_1")))
    with opened(folder, nets=[net, small, grey]) as page:
        differs = page.get("api/state")["run"]["differs"]
        assert differs[net.id] is None
        assert "otherwise" in differs[small.id]
        assert "another network" in differs[grey.id]
        photo = page.post("api/run/samples/0")["id"]
        found = [
            page.get(f"api/run/map?net={one.id}&photo={photo}&method=grad_cam")["map"]
            for one in (net, small)
        ]
        assert found[0]
        assert found[1] is None


def test_a_photo_that_was_changed_since_is_told(folder, tmp_path):
    shutil.copytree(folder / "photos", tmp_path / "photos")
    shutil.copytree(folder / "found", tmp_path / "found")
    manifest = tmp_path / "found" / "manifest.json"
    text = manifest.read_text().replace(str(folder / "photos"), str(tmp_path / "photos"))
    manifest.write_text(text)
    Image.fromarray(web_app.photo(99)).save(tmp_path / "photos" / "cat" / "00.png")
    with opened(folder, store=tmp_path / "found") as page:
        told = page.post("api/run/samples/0")
        assert "changed since" in told["note"]
        (net,) = page.workspace.nets
        query = f"api/run/map?net={net}&photo={told['id']}&method=grad_cam"
        assert page.get(query)["map"] is None
    shutil.rmtree(tmp_path / "photos")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = opened(folder, store=tmp_path / "found")
    with made as page:
        assert not page.get("api/state")["run"]["has_photos"]
        shown = page.get("api/run/samples")["samples"]
        row = gm.Store(tmp_path / "found")[0]
        (drawn,) = row.explanation("grad_cam").pictures(None)
        found = pixels_of(page.get(shown[0]["thumbnail"]))
        larger = found.shape[0] // drawn.shape[0]
        np.testing.assert_array_equal(found[::larger, ::larger], drawn)
        assert "opened again" in page.post("api/run/samples/0", code=409)["error"]


def test_arrays_of_a_list_and_of_records(folder, tmp_path):
    """What has no file of its own is taken by its pixels."""
    from gradcam_mx._mxnet import mx

    record = mx.recordio.MXIndexedRecordIO(str(tmp_path / "a.idx"), str(tmp_path / "a.rec"), "w")
    for number in range(3):
        header = mx.recordio.IRHeader(0, float(number % 2), number, 0)
        packed = mx.recordio.pack(header, web_app.encoded(web_app.photo(number)))
        record.write_idx(number, packed)
    record.close()
    net = gm.load(folder / "net")
    gm.run(
        net, tmp_path / "a.rec", tmp_path / "found", workers=0, preprocess=web_app.PREPARE,
        progress=False,
    )  # fmt: skip
    with opened(folder, store=tmp_path / "found") as page:
        told = page.post("api/run/samples/2")
        assert told["note"] is None
        np.testing.assert_array_equal(
            page.workspace.album.pixels(page.workspace.photo(told["id"])), web_app.photo(2)
        )
        (held,) = page.workspace.nets
        assert page.get(f"api/run/map?net={held}&photo={told['id']}&method=grad_cam")["map"]


def test_a_store_of_nothing_and_of_signals(folder, tmp_path):
    with opened(folder, store=stores.written(tmp_path / "none", [])) as page:
        assert page.get("api/run/samples") == {"samples": [], "total": 0, "page": 0, "pages": 1}
    given = [stores.row(number, np.arange(20.0)) for number in range(3)]
    path = stores.written(tmp_path / "signals", given)
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**manifest, "input_size": [80]}))
    with opened(folder, store=path) as page:
        (first, *_) = page.get("api/run/samples")["samples"]
        assert pixels_of(page.get(first["thumbnail"])).ndim == 3
        (net,) = page.workspace.nets
        assert "another network" in page.get("api/state")["run"]["differs"][net]


def test_a_store_that_changes_meanwhile(folder, tmp_path):
    path = stores.written(tmp_path / "s", [stores.row(number, np.eye(3)) for number in range(3)])
    with opened(folder, store=path) as page:
        page.get("api/run/samples")
        for one in path.rglob("*.parquet"):
            one.unlink()
        assert "start it again" in page.get("api/run/samples", 409)["error"]
