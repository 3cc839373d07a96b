"""The page of the app in a real browser, with a small network behind it."""

from __future__ import annotations

import io
import json
import re
import threading

import numpy as np
import pytest
from browsing import CUT_OFF, SIZES, Page, downloaded, open_browser
from PIL import Image

from gradcam_mx import trace, zoo
from gradcam_mx._mxnet import mx
from gradcam_mx.support.labels import Labels

pytest.importorskip("flask", reason="the app is served by Flask")
waitress = pytest.importorskip("waitress", reason="the app is served by waitress")

from gradcam_mx.apps.web.nets import HeldNet  # noqa: E402
from gradcam_mx.apps.web.routes.around import STATIC  # noqa: E402
from gradcam_mx.apps.web.server import make_app  # noqa: E402
from gradcam_mx.apps.web.workspace import Workspace  # noqa: E402

pytestmark = pytest.mark.slow

CLASSES = ["tabby cat", "tiger", "<img src=x onerror=alert(1)>", *(f"thing {i}" for i in range(9))]
LONG, QUICK = "rise", ("grad_cam", "saliency", "layer_cam")


def small_net(seed):
    """A network of two convolutions for 64 × 64 pixels and twelve classes."""
    mx.random.seed(seed)
    net = mx.gluon.nn.HybridSequential()
    net.add(
        mx.gluon.nn.Conv2D(70, 3, 2, 1, activation="relu"),
        mx.gluon.nn.Conv2D(16, 3, 2, 1, activation="relu"),
        mx.gluon.nn.GlobalAvgPool2D(),
        mx.gluon.nn.Dense(len(CLASSES)),
    )
    net.initialize(mx.init.Xavier(magnitude=8))
    net(mx.nd.zeros((1, 3, 64, 64)))
    return net


def photo_file(seed, size=(90, 120)):
    """The bytes of a PNG with a bright spot on a coloured ground."""
    random = np.random.default_rng(seed)
    pixels = np.full((*size, 3), random.integers(0, 160, 3), np.uint8)
    top, left = random.integers(0, size[0] - 40), random.integers(0, size[1] - 40)
    pixels[top : top + 40, left : left + 40] = random.integers(100, 256, (40, 40, 3))
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class Server:
    """The app on a port of this machine, which can be ended and started again."""

    def __init__(self, folder):
        preprocess = zoo.IMAGENET.adapted(size=64)
        labels = Labels("", [[name] for name in CLASSES])
        self.nets = [
            HeldNet(f"net {seed}", trace(small_net(seed)), preprocess, labels) for seed in (1, 2)
        ]
        self.folder = folder
        self.port = 0
        self.start()

    def start(self):
        workspace = Workspace(self.nets)
        workspace.album.add_files(sorted(self.folder.glob("*.png")))
        app = make_app(workspace, default_methods=QUICK)
        self.waitress = waitress.create_server(
            app, host="127.0.0.1", port=self.port, threads=8, clear_untrusted_proxy_headers=True
        )
        self.port = self.waitress.effective_port
        self.thread = threading.Thread(target=self.waitress.run, daemon=True)
        self.thread.start()

    def stop(self):
        for channel in list(self.waitress._map.values()):
            channel.close()
        self.waitress.close()
        self.thread.join(10)

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/"


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads):
    driver = open_browser(downloads)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def served(tmp_path_factory, browser):
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(3):
        (folder / f"photo {seed}.png").write_bytes(photo_file(seed))
    server = Server(folder)
    yield server
    server.stop()


@pytest.fixture
def page(browser, served):
    """The page as it opens; whatever a test does, the console stays silent."""
    page = Page(browser, served.address)
    page.size("desk")
    page.console(), page.requests()
    page.open().quiet()
    yield page
    complaints = page.console()
    assert not complaints


def test_it_shows_a_map_at_once_and_is_light_and_asks_no_other_host(page, served):
    assert "api/maps/" in page.picture
    assert page.shows(".photo[aria-selected=true]").get_attribute("title").startswith("photo 0.png")
    assert len(page.all(".top-class")) == 10
    assert page.all(".layer .mark")[0].is_displayed()
    hosts = {one for one in page.requests() if not one.startswith(("about:", "data:", "blob:"))}
    assert hosts
    assert all(one.startswith(served.address) for one in hosts)
    files = [one for one in (STATIC).rglob("*") if one.is_file()]
    assert sum(one.stat().st_size for one in files) < 300_000


def test_photos_are_dropped_pasted_and_chosen_and_what_is_none_is_told(page, tmp_path):
    before = page.picture
    page.hand_over(photo_file(11), "dropped.png")
    page.shows('.photo[title^="dropped.png"][aria-selected=true]')
    dropped = page.new_picture(before)
    page.hand_over(photo_file(12), "pasted.png", "paste")
    page.shows('.photo[title^="pasted.png"][aria-selected=true]')
    pasted = page.new_picture(dropped)
    path = tmp_path / "chosen.png"
    path.write_bytes(photo_file(13))
    page.all("input[type=file]")[0].send_keys(str(path))
    page.shows('.photo[title^="chosen.png"][aria-selected=true]')
    page.new_picture(pasted)
    page.hand_over(b"no photo at all", "letter.txt", "text")
    page.shows_text("letter.txt", "#toasts")
    for message in page.console():  # the browser itself tells of each refusal
        assert "422" in message or "415" in message


def test_a_class_by_click_and_by_name(page):
    first = page.picture
    page.click(".top-class:nth-child(2)")
    second = page.new_picture(first)
    assert "target=" in page.hash
    box = page.shows("#predictions [role=combobox]")
    box.send_keys("tig")
    page.shows("#predictions [role=option][aria-selected=true]")
    page.keys("\ue007")
    page.wait(lambda: "{%22class%22:1}" in page.hash, "the class in the address")
    page.quiet()
    page.shows_text("tiger", ".stage .map:not(.before) figcaption")
    assert page.picture
    assert second
    page.keys("\ue00c")
    page.run("document.activeElement.blur()")
    page.keys("t")
    page.wait(lambda: page.picture == first, "the top class again")


def test_methods_have_their_settings_and_changes_are_shown(page):
    first = page.picture
    page.choose("[data-card=method] select", "saliency")
    second = page.new_picture(first)
    page.choose("[data-card=method] select", "grad_cam")
    page.wait(lambda: page.picture == first, "the first map again")
    page.click("[data-setting=relu] input")
    third = page.new_picture(first)
    assert len({first, second, third}) == 3
    assert "options=" in page.hash
    page.click("[data-card=method] header button")
    page.wait(lambda: page.picture == first, "the defaults again")
    assert not page.shows("[data-setting=relu] input").get_attribute("class")


def test_drawing_follows_its_sliders(page):
    first = page.picture
    page.slide("[data-setting=opacity] input[type=range]", 0.9)
    page.wait(lambda: "opacity=0.9" in page.picture, "another opacity")
    page.choose("[data-setting=colormap] select", "viridis")
    page.wait(lambda: "colormap=viridis" in page.picture, "other colours")
    page.wait(lambda: page.all('.stage .legend img[src*="viridis"]'), "the bar of these colours")
    page.shows_text("least", ".stage .map:not(.before) .legend")
    page.slide("[data-setting=threshold] input[type=range]", 0.5)
    page.click("[data-setting=crop] input")
    page.wait(lambda: "crop=1" in page.picture and "threshold=0.5" in page.picture, "the crop")
    page.click("[data-card=drawing] header button")
    page.wait(lambda: page.picture == first, "the defaults again")
    page.click(".segments label:nth-child(3)")
    page.shows(".split")
    page.quiet()
    assert len([one for one in page.all(".stage .map > .picture img") if one.is_displayed()]) == 2


def test_a_number_out_of_range_is_told_and_not_sent(page):
    page.choose("[data-card=method] select", "grad_cam")
    before = page.hash
    number = page.shows("[data-setting=opacity] input[type=number]")
    number.clear()
    number.send_keys("7")
    page.shows_text("At most 1", "[data-setting=opacity]")
    assert "7" not in page.hash.replace(before, "")


def test_many_methods_two_classes_two_networks(page):
    page.view("grid")
    page.wait(
        lambda: len(page.all(".grid .map > .picture img")) == len(QUICK), "a map of each method"
    )
    page.view("classes")
    page.wait(
        lambda: len(page.all(".grid.three .map > .picture img")) == 3,
        "two maps and their difference",
    )
    assert any(
        "minus=" in one.get_attribute("src") for one in page.all(".grid.three .map > .picture img")
    )
    page.view("networks")
    page.wait(lambda: len(page.all(".grid.two .map > .picture img")) == 2, "a map of each network")
    page.shows_text("net 2", "#view figure:nth-child(2)")


def test_channels_and_units(page):
    page.view("channels")
    page.wait(lambda: len(page.all(".channel")) == 16, "the channels")
    page.click('.layer[data-layer="0"], .group[data-layer="0"] > .layer')
    page.wait(lambda: len(page.all(".channel")) == 64, "the first page of 70 channels")
    page.click(".paging button:last-child")
    page.wait(lambda: len(page.all(".channel")) == 6, "the rest of them")
    page.click(".channel:nth-child(3)")
    page.shows(".channel:nth-child(3)[aria-selected=true]")
    image = page.shows(".unit .over img")
    page.quiet()
    assert image.size == page.shows(".unit .over").size  # the mark of the position fits
    page.wait(
        lambda: len(page.all(".unit .picture:not(.legend > *) img")) == 3,
        "channel, receptive field and map",
    )
    page.shows(".patch img")
    page.quiet()
    page.run("document.querySelector('.unit .over').scrollIntoView()")
    page.click(".unit .over img")
    page.wait(lambda: re.search(r"position%22:\[1[56],1[56]\]", page.hash), "the middle's position")
    page.quiet()
    page.shows_text(" at 1", ".unit")


def test_a_click_on_the_map_looks_at_the_unit_there(page):
    page.click(".stage .map:not(.before) img")
    page.shows(".channel-view .unit")
    page.wait(lambda: re.search(r"position%22:\[[78],[78]\]", page.hash), "the middle's position")
    page.quiet()


def test_filters_and_other_functions(page):
    page.view("inside")
    page.shows("figure.wide img")
    names = [one.get_attribute("value") for one in page.all("[data-card=inside] option")]
    assert len(names) > 3


def test_measures_stand_beside_controls(page):
    page.view("measures")
    page.click("[data-card=measures] [data-name=sparseness]")
    page.shows(".measures tbody tr.control")
    page.shows_text("control", ".measures")
    assert len(page.all(".measures thead th")) == 2


def box_in(page):
    """The box in the address: [top, left, bottom, right], or None."""
    found = re.search(r"box=(\[[\d,]+\])", page.hash)
    return found and json.loads(found[1])


def sides_of(page):
    return [one.get_attribute("value") for one in page.all("[data-card=measures] .sides input")]


def value_of(page):
    """What the first measure says of the map."""
    cell = page.shows(".measures tbody tr:not(.control) td")
    return float(cell.text)


def test_a_box_is_drawn_around_the_object_or_typed(page):
    page.view("measures")
    page.click("[data-card=measures] [data-name=energy]")
    page.shows_text("drag a box around the object", "#view")
    image = page.shows(".where img")
    page.quiet()
    assert image.size == page.shows(".where .over").size  # what is drawn lies where it is meant
    page.run("document.querySelector('.where').scrollIntoView({block: 'center'})")
    drag(page, image, (0.75, 0.5), (0.25, 0.125))  # upwards and to the left
    page.wait(lambda: box_in(page) == [8, 16, 32, 48], "the box in the address")
    assert sides_of(page) == ["8", "16", "32", "48"]
    page.quiet()
    for size in ("phone", "small", "desk"):
        page.size(size)
        if size == "phone":
            page.click("[data-show=result]")
        wide = "const { scrollWidth, clientWidth } = view; return scrollWidth > clientWidth"
        assert not page.run(wide), size
    mark = page.shows(".where .spot").rect
    scale = image.rect["width"] / 64
    assert mark["x"] - image.rect["x"] == pytest.approx(16 * scale, abs=2)
    assert mark["y"] - image.rect["y"] == pytest.approx(8 * scale, abs=2)
    assert mark["width"] == pytest.approx(32 * scale, abs=2)
    half = value_of(page)
    assert 0 < half < 1
    image.click()  # is no box
    assert box_in(page) == [8, 16, 32, 48]
    drag(page, image, (0.5, 0.5), (1.05, 1.1))  # as far as the picture goes
    page.wait(lambda: box_in(page) == [32, 32, 64, 64], "the box, within the picture")
    page.quiet()
    page.keys("3")
    page.view("measures")
    # by keyboard alone: the fields, from one to the next
    page.run("document.querySelector('[data-card=measures] .sides input').focus()")
    for side in ("0", "0", "64", "64"):
        page.focused.send_keys("\ue009a")
        page.focused.send_keys(side, "\ue004")
    page.wait(lambda: box_in(page) == [0, 0, 64, 64], "the box that was typed")
    page.wait(lambda: value_of(page) == pytest.approx(1), "all of the mass")
    page.click(".photo:nth-child(2)")
    page.wait(lambda: box_in(page) is None, "no box: it was around what is on the other photo")
    page.shows_text("A box is needed", "#view")
    assert sides_of(page) == [""] * 4


def drag(page, image, start, end):
    """Draw with the mouse from one place on an image to another, both as shares of (x, y)."""
    from selenium.webdriver import ActionChains

    size = image.size
    at = [
        (round((x - 0.5) * size["width"]), round((y - 0.5) * size["height"]))
        for x, y in (start, end)
    ]
    actions = ActionChains(page.driver).move_to_element_with_offset(image, *at[0]).click_and_hold()
    actions.move_by_offset(5, 5)
    actions.move_to_element_with_offset(image, *at[1]).release().perform()


def test_long_work_shows_how_far_it_is_and_can_be_cancelled(page):
    first = page.picture
    samples = '{"rise":{"num_samples":300000}}'.replace('"', "%22")
    page.open(f"#method={LONG}&options={samples}")
    page.shows(".progress-card .cancel")
    page.shows_text("left", ".progress-card")
    page.shows_text("of 300,000", ".progress-card")
    page.view("channels")
    page.view("map")
    page.click(".progress-card .cancel")
    page.shows_text("Cancelled", "#view")
    page.run("document.activeElement.blur()")
    page.keys("x")
    page.wait(lambda: not page.all("#work .job:not([hidden])"), "an end of all work")
    page.choose("[data-card=method] select", "grad_cam")
    page.wait(lambda: page.picture == first, "what was there before")
    page.quiet()


def test_what_is_shown_can_be_taken_along(page, downloads):
    for suffix, start in (
        (".png", b"\x89PNG"),
        (".svg", b"<?xml"),
        (".pdf", b"%PDF"),
        (".npz", b"PK"),
    ):
        page.click(f'[data-card=out] a[data-file$="{suffix}"]')
        assert downloaded(downloads, suffix).read_bytes().startswith(start)
    page.click("#show-code")
    page.shows_text("import gradcam_mx", "[data-card=out]")


def test_a_link_shows_the_same_again(page, served):
    page.choose("[data-card=method] select", "layer_cam")
    page.click(".top-class:nth-child(3)")
    page.slide("[data-setting=opacity] input[type=range]", 0.25)
    page.click(".photo:nth-child(2)")
    page.wait(lambda: "opacity=0.25" in page.picture and "target=" in page.hash, "the view")
    page.quiet()
    shown, link = page.picture, page.hash
    page.open().quiet()
    assert page.picture != shown
    page.open(f"#{link}").quiet()
    assert page.picture == shown
    assert page.hash == link
    page.view("grid").quiet()
    page.driver.back()
    page.shows("#tab-map[aria-selected=true]")
    page.wait(lambda: page.picture == shown, "the view before")
    page.open("#method=unknown&photo=0123456789abcdef&options={")
    page.shows_text("There is no method unknown", "#toasts")
    page.shows_text("The photo of this link is not here", "#view")


def test_the_keyboard_alone_suffices(page):
    tab, enter, down, right = "\ue004", "\ue007", "\ue015", "\ue014"
    page.run("document.activeElement.blur()")
    page.keys("/", "0.act")
    page.wait(lambda: len(page.all(".layer")) == 1, "what was searched for")
    page.keys(down, enter)
    page.wait(lambda: "layer=0.act" in page.hash, "the layer in the address")
    first = page.quiet().picture
    page.run("document.activeElement.blur()")
    page.keys("c", "thing 4")
    page.shows("#predictions [role=option][aria-selected=true]")
    page.keys(enter)
    second = page.new_picture(first)
    page.run("document.activeElement.blur()")
    page.keys("p", right, enter)
    page.shows(".photo:nth-child(2)[aria-selected=true]")
    page.new_picture(second)
    page.keys("5")
    page.shows(".channel")
    page.quiet()
    page.keys("1")
    page.shows("#tab-map[aria-selected=true]")
    page.keys("m", down)
    page.wait(lambda: "method=grad_cam&" not in page.hash + "&", "another method")
    page.run("document.activeElement.blur()")
    page.keys("?")
    page.shows("dialog[open]")
    page.keys("\ue00c")
    page.wait(lambda: not page.all("dialog[open]"), "the dialog closed")
    page.run("document.activeElement.blur(); window.scrollTo(0, 0)")
    stops = []
    for _ in range(60):
        page.keys(tab)
        about = page.run(
            "const one = document.activeElement, style = getComputedStyle(one);"
            "return [one.id || one.className || one.tagName, one === document.body,"
            " style.outlineStyle !== 'none' || one.matches('.segments input')]"
        )
        if about[1]:
            break
        stops.append(about)
    assert len(stops) > 12
    assert all(is_seen for _, _, is_seen in stops), stops


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_off(page, size):
    page.size(size)
    wide = "return document.documentElement.scrollWidth > innerWidth"
    for name in ("map", "grid", "classes", "networks", "channels", "inside", "measures"):
        if size == "phone":
            page.click("[data-show=result]")
        page.view(name).quiet()
        assert not page.run(wide), name
        assert not page.run(CUT_OFF), name
    if size == "phone":
        for name in ("layers", "settings"):
            page.click(f"[data-show={name}]")
            page.shows(f"#{name}")
            assert not page.run(wide), name
            assert not page.run(CUT_OFF), name


def test_names_are_text_whatever_is_in_them(page):
    page.hand_over(photo_file(21), "<img src=x onerror=alert(2)>.png")
    page.shows('.photo[title*="onerror"][aria-selected=true]')
    page.quiet()
    page.shows("#predictions [role=combobox]").send_keys("onerror")
    page.shows("#predictions [role=option]")
    page.keys("\ue007")
    page.wait(lambda: "{%22class%22:2}" in page.hash, "the class in the address")
    page.quiet()
    page.shows_text("<img src=x", ".stage .map:not(.before) figcaption")
    assert not page.all("img[onerror]")


def test_a_server_that_was_started_again_gets_back_what_it_lost(page, served):
    page.hand_over(photo_file(31), "kept.png")
    page.shows('.photo[title^="kept.png"][aria-selected=true]')
    page.quiet()
    before = page.picture
    served.stop()
    page.choose("[data-card=method] select", "saliency")
    page.shows_text("does not answer", "#connection")
    served.start()
    page.wait(lambda: not page.shows("body").find_element("id", "connection").is_displayed(), "it")
    page.new_picture(before)
    page.quiet()
    page.shows('.photo[title^="kept.png"][aria-selected=true]')
    for message in page.console():  # what the browser itself tells of a server that is gone
        assert "ERR_CONNECTION" in message or "404" in message or "ERR_EMPTY" in message


def test_two_pages_at_once(page, browser, served):
    first_page = browser.current_window_handle
    first = page.picture
    browser.switch_to.new_window("tab")
    try:
        page.open().quiet()
        page.choose("[data-card=method] select", "layer_cam")
        second = page.new_picture(first)
        browser.switch_to.window(first_page)
        page.click(".photo:nth-child(2)")
        third = page.new_picture(first)
        page.quiet()
        assert len({first, second, third}) == 3
    finally:
        for one in browser.window_handles:
            if one != first_page:
                browser.switch_to.window(one)
                browser.close()
        browser.switch_to.window(first_page)
