"""The samples of a store on the page of the app, in a real browser."""

from __future__ import annotations

import threading
import warnings

import pytest
import web_app
from browsing import CUT_OFF, SIZES, Page, open_browser
from PIL import Image
from reports import PREPARE, network

import gradcam_mx as gm

pytest.importorskip("flask", reason="the app is served by Flask")
waitress = pytest.importorskip("waitress", reason="the app is served by waitress")

from gradcam_mx.apps.web import found_by_run  # noqa: E402
from gradcam_mx.apps.web.nets import HeldNet  # noqa: E402
from gradcam_mx.apps.web.server import make_app  # noqa: E402
from gradcam_mx.apps.web.workspace import Workspace  # noqa: E402

pytestmark = pytest.mark.slow

WHICH = ".photo-run select[aria-label='Which samples']"
NAMES = ["cat", "<img src=x onerror=alert(1)>", "dog"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    driver = open_browser(tmp_path_factory.mktemp("downloads"))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(browser, tmp_path_factory):
    """A store of 25 photos, one of them damaged, and two networks, of which one is another."""
    folder = tmp_path_factory.mktemp("run")
    for number in range(24):
        place = folder / "photos" / ("cat", "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(web_app.photo(number)).save(place / f"{number:02d}.png")
    (folder / "photos" / "dog" / "bad.png").write_bytes(b"none")
    net = web_app.held(web_app.export(folder))
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setattr(found_by_run, "A_PAGE", 10)
        gm.run(
            net.graph, folder / "photos", folder / "found", labels="folders", workers=0,
            preprocess=web_app.PREPARE, names=NAMES, progress=False,
        )  # fmt: skip
        other = HeldNet("another net", gm.trace(network()), PREPARE)
        workspace = Workspace([net, other], store=folder / "found")
        server = waitress.create_server(
            make_app(workspace, default_methods=("grad_cam",)), host="127.0.0.1", port=0, threads=8
        )
        threading.Thread(target=server.run, daemon=True).start()
        yield f"http://127.0.0.1:{server.effective_port}/"
        server.close()
        workspace.album.close()


@pytest.fixture
def page(browser, address):
    """The page as it opens; whatever a test does, the console stays silent."""
    page = Page(browser, address)
    page.size("desk")
    page.console()
    page.open().quiet()
    page.wait(lambda: len(page.all(".photo[data-at]")) == 10, "the samples")
    yield page
    assert not page.console()


def captions(page):
    return [one.text for one in page.all(".photo[data-at] .caption")]


def test_the_first_sample_is_shown_with_what_the_run_found(page):
    page.wait(lambda: page.all("figure.kept img"), "what the run found")
    assert page.shows("figure.kept").is_displayed()
    assert "What the run found" in page.shows("figure.kept figcaption").text
    chosen = page.all(".photo[aria-selected=true]")
    assert [one.get_attribute("data-at") for one in chosen] == ["0"]


def test_pages_and_choices(page):
    assert page.shows(".photo-run [role=status]").text == "1–10 of 25"
    page.shows("button[aria-label='Next samples']").click()
    page.wait(lambda: "11–20 of 25" in page.shows(".photo-run").text, "the next page")
    page.choose(WHICH, "failed")
    page.wait(lambda: captions(page) == ["failed"], "what failed")
    page.all(".photo[data-at]")[0].click()
    page.wait(lambda: "known kind" in page.shows(".toast").text, "why it failed")
    page.choose(WHICH, "wrong")
    page.wait(lambda: captions(page) and all("✗" in one for one in captions(page)), "wrong ones")
    page.choose(WHICH, "right")
    page.wait(lambda: all("✓" in one for one in captions(page)), "right ones")
    page.click(".toast button")
    assert all("422" in one for one in page.console())  # the browser tells of what is refused


def test_a_sample_by_click_and_by_keyboard(page):
    page.all(".photo[data-at]")[2].click()
    page.wait(lambda: _chosen(page) == "2", "the sample that was clicked")
    page.wait(lambda: page.all("figure.kept img"), "what the run found")
    page.run("document.querySelector(\".photo[data-at='3']\").focus()")
    page.keys("\ue007")  # Enter
    page.wait(lambda: _chosen(page) == "3", "the sample by the keyboard")
    page.keys("\ue017")  # Delete
    assert len(page.all(".photo[data-at]")) == 10


def test_names_are_text_and_another_net_is_told(page):
    titles = [one.get_attribute("title") for one in page.all(".photo[data-at]")]
    assert not page.all(".photo-run img")
    assert all("png" in one for one in titles)
    page.choose("#net select", page.all("#net option")[1].get_attribute("value"))
    page.shows_text("another network", ".photo-run .note")
    page.wait(lambda: not page.all("figure.kept")[0].is_displayed(), "no map of the run")


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_off(page, size):
    page.size(size)
    page.wait(lambda: page.all("figure.kept img"), "what the run found")
    assert page.run(CUT_OFF) == []
    page.size("desk")


def _chosen(page):
    chosen = page.all(".photo[aria-selected=true]")
    return chosen[0].get_attribute("data-at") if chosen else None
