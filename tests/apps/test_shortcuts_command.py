"""gradcam-mx shortcuts: the table, the page, the exit code."""

from __future__ import annotations

import re
from dataclasses import asdict
from html.parser import HTMLParser

import cv2
import pytest
from planted import MARKED, marked, net_of, photos_of, store_of

from gradcam_mx import cli
from gradcam_mx._mxnet import mx


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A store of a folder of photos, and the files of the net."""
    root = tmp_path_factory.mktemp("study")
    photos, labels = photos_of(16)
    photos = marked(photos, labels == MARKED)
    (root / "photos").mkdir()
    for number, one in enumerate(photos):
        cv2.imwrite(str(root / "photos" / f"{number:03d}.png"), one)
    net = net_of(mx.cpu(0), True)
    net.hybridize()
    net(mx.nd.zeros((1, *net.preprocess.shape)))
    net.export(str(root / "net"))
    how = {
        **asdict(net.preprocess),
        "mean": list(net.preprocess.mean),
        "std": list(net.preprocess.std),
    }
    names = ["across", "down", "<dots>"]
    data = root / "photos"
    store, _ = store_of(
        root / "store", net, photos, labels, data=data, preprocess=how, class_names=names
    )
    return store, root / "net-symbol.json"


class Page(HTMLParser):
    """What a page loads, and its text."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.loads += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data):
        self.text += data


def test_a_shortcut_is_told_and_is_exit_code_1(study, tmp_path, capsys):
    store, symbol = study
    out = tmp_path / "page.html"
    assert cli.main(["shortcuts", str(store), "--symbol", str(symbol), "--out", str(out)]) == 1
    said = capsys.readouterr().out
    assert re.search(r"clusters are shortcuts .*<dots>", said)
    page = Page(out.read_text(encoding="utf-8"))
    assert "a shortcut" in page.text
    assert "<dots>" in page.text  # as text, no tag of that name
    assert all(one.startswith(("data:image/", "#")) for one in page.loads)
    assert sum(one.startswith("data:image/") for one in page.loads) > 8
    # once more over its own page
    assert cli.main(["shortcuts", str(store), "--class", "down", "--out", str(out)]) == 0
    assert "not tested" in out.read_text(encoding="utf-8")


def test_without_a_net_nothing_is_proved_and_the_exit_code_is_0(study, tmp_path, capsys):
    assert cli.main(["shortcuts", str(study[0]), "--out", str(tmp_path / "page.html")]) == 0
    assert "proves nothing" in capsys.readouterr().out


def test_what_is_no_page_of_ours_is_not_written_over(study, tmp_path, capsys):
    mine = tmp_path / "mine.html"
    mine.write_text("mine")
    assert cli.main(["shortcuts", str(study[0]), "--out", str(mine)]) == 2
    assert "nothing of yours is written over" in capsys.readouterr().err
    assert mine.read_text() == "mine"
    assert cli.main(["shortcuts", str(study[0]), "--out", str(tmp_path / "page.txt")]) == 2


def test_no_store_and_no_class(study, tmp_path, capsys):
    out = ["--out", str(tmp_path / "page.html")]
    assert cli.main(["shortcuts", str(tmp_path), *out]) == 2
    assert "there is no store" in capsys.readouterr().err
    assert cli.main(["shortcuts", str(study[0]), "--class", "zebra", *out]) == 2
    assert "across, down, <dots>" in capsys.readouterr().err
