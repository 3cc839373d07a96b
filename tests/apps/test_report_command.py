"""`gradcam-mx report`: the same report as that of `gm.report`, and what it says of bad input."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from reports import ASKED, NAMES, network, photo, read, record_of

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.apps import command_line as cli


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files of a network, and three photos."""
    folder = tmp_path_factory.mktemp("files")
    net = network()
    net.hybridize()
    net(mx.nd.zeros((1, 3, 24, 24)))
    net.export(str(folder / "net"))
    (folder / "names.txt").write_text("\n".join(NAMES))
    for number, name in enumerate("abc"):
        (folder / "in").mkdir(exist_ok=True)
        Image.fromarray(photo(number)).save(folder / "in" / f"{name}.png")
    return folder


@pytest.fixture
def report(files, tmp_path, capsys, monkeypatch):
    """Run it in a folder of its own; exit code, standard output, error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, usual=True):
        capsys.readouterr()
        net = ["--symbol", files / "net", "--size", "24", "--names", files / "names.txt"]
        more = ["--method", "grad_cam", "saliency", "--metric", "sparseness"] if usual else []
        try:
            code = cli.main(["report", *map(str, [*arguments, *net, *more])])
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_it_is_the_report_of_python(report, files, tmp_path):
    (tmp_path / "labels.tsv").write_text("a.png\tcat\nb.png\t1\nc.png\tCow\n")
    code, out, err = report(files / "in", "--labels", "labels.tsv", "--title", "Pets")
    assert code == 0, err
    assert out == f"3 of 3 photos reported; the report is in {tmp_path / 'report.html'}\n"
    paths = sorted((files / "in").iterdir())
    for labels in (["cat", 1, "Cow"], tmp_path / "labels.tsv"):
        own = gm.report(
            gm.load(files / "net"), paths, tmp_path / "own.html", labels=labels, title="Pets",
            **ASKED,
        )  # fmt: skip
        found, expected = record_of(tmp_path / "report.html"), record_of(own)
        for key in ("photos", "accuracy", "table", "mass", "predicted", "title", "versions"):
            assert found[key] == expected[key], key
        assert found["done"] == {**expected["done"], "target": found["done"]["target"]}
    assert found["net"]["name"] == "net"


def test_it_says_how_to_make_it_again(report, files, tmp_path):
    code, _, err = report(files / "in" / "a.png", "--measured", "0", "--seed", "3", usual=False)
    assert code == 0, err
    how = record_of(tmp_path / "report.html")["how"]
    assert how["command"].startswith("gradcam-mx report PHOTOS --out report.html")
    for said in ("--symbol net", "--size 24", "--names names.txt", "--measured 0", "--seed 3"):
        assert said in how["command"]
    assert str(files) not in (tmp_path / "report.html").read_text()
    # the words of the report, run as they are
    code, _, err = report(files / "in" / "a.png", "--out", "again.html", "--measured", "0",
                          "--seed", "3", usual=False)  # fmt: skip
    first, again = (record_of(tmp_path / f"{name}.html") for name in ("report", "again"))
    assert first["photos"] == again["photos"]
    names = {"gm": gm, "photos": [files / "in" / "a.png"], "names": NAMES}
    code = how["python"].replace("'net'", repr(str(files / "net")))
    exec(code.replace('"report.html"', repr(str(tmp_path / "python.html"))), names)
    assert record_of(tmp_path / "python.html")["photos"] == first["photos"]


def test_masks_are_those_of_python(report, files, tmp_path):
    (tmp_path / "masks").mkdir()
    mask = np.zeros((30, 40), np.uint8)
    mask[8:20, 12:25] = 1
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    (tmp_path / "masks" / "b.png").write_bytes(b"no picture")
    code, _, err = report(files / "in", "--masks", "masks", "--metric", "energy")
    assert code == 0, err
    own = {**ASKED, "metrics": ["energy", "sparseness"], "masks": tmp_path / "masks"}
    net, paths = gm.load(files / "net"), sorted((files / "in").iterdir())
    expected = record_of(gm.report(net, paths, tmp_path / "own.html", **own))
    found = record_of(tmp_path / "report.html")
    for key in ("photos", "table"):
        assert found[key] == expected[key]
    said = found["photos"][1]["not_measured"]
    assert said == "the mask b.png cannot be read: cannot identify image file 'b.png'"
    assert found["photos"][2]["not_measured"] == "there is no mask c.png"
    assert "--masks masks" in found["how"]["command"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--labels", "none.csv"], "the labels in none.csv cannot be read"),
        (["--labels", "labels.csv"], "labels.csv has no line for"),
        (["--labels", "wrong.csv"], "line 3 of wrong.csv: no names.txt class is called 'horse'"),
        (["--metric", "energy"], "metric energy: needs --masks DIR"),
        (["--masks", "."], "argument --masks: is for the metrics"),
        (["--metric", "energy", "--masks", "none"], "there is no folder none"),
        (["--template", "none.html"], "there is no template none.html"),
        (["--out", "report.pdf"], "ends in .html"),
        (["--out", "mine.html"], "nothing of yours is written over"),
        (["--layer", "nothing"], "nothing"),
        (["--target", "horse"], "no names.txt class is called 'horse'"),
    ],
    ids=" ".join,
)
def test_what_is_wrong_is_told_before_anything_is_computed(
    report, files, tmp_path, arguments, said
):
    (tmp_path / "labels.csv").write_text("a.png,cat\n")
    (tmp_path / "wrong.csv").write_text("a.png,cat\nb.png,dog\nc.png,horse\n")
    (tmp_path / "mine.html").write_text("mine")
    before = sorted(tmp_path.iterdir())
    code, out, err = report(files / "in", *arguments)
    assert code == 2
    assert said in err
    assert out == ""
    assert sorted(tmp_path.iterdir()) == before


def test_labels_without_names_go_by_number(files, tmp_path, capsys):
    (tmp_path / "labels.csv").write_text("a.png,3\n")
    net = ["--symbol", str(files / "net"), "--size", "24", "--labels", str(tmp_path / "labels.csv")]
    out = ["--out", str(tmp_path / "report.html"), "--measured", "0"]
    code = cli.main(["report", str(files / "in" / "a.png"), *net, *out])
    assert code == 2
    assert "there is no class 3; they go from 0 to 2" in capsys.readouterr().err


def test_photos_that_are_none_are_told_and_the_others_reported(report, files, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.png").write_bytes(b"no picture")
    code, out, err = report("in", files / "in" / "a.png")
    assert code == 1
    assert "bad.png is not a picture" in err
    assert out.startswith("1 of 2 photos reported; ")
    assert "is not a picture" in read(tmp_path / "report.html").text
    (tmp_path / "report.html").unlink()
    code, out, err = report("in")
    assert (code, out) == (1, "0 of 1 photos reported\n")
    assert not (tmp_path / "report.html").exists()


@pytest.mark.slow
def test_ctrl_c_on_the_command_line(files, tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(400):
        Image.fromarray(photo(number)).save(tmp_path / "in" / f"{number:03}.png")
    command = [sys.executable, "-m", "gradcam_mx", "report", "in", "--symbol", str(files / "net")]
    more = ["--size", "24", "--metric", "srg", "--measured", "400", "--per-page", "5"]
    process = subprocess.Popen(
        [*command, *more], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    scratch, end = [], time.monotonic() + 100
    while not scratch and time.monotonic() < end:  # until the first page is there
        time.sleep(0.05)
        scratch = list(tmp_path.glob(".gradcam-mx-*/1.html"))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 130, err
    assert "stopped by Ctrl-C" in err
    record = record_of(tmp_path / "report.html")
    assert 5 <= record["count"] < 400
    assert out.startswith(f"{record['count']} of 400 photos reported")
    names = {one.name for one in tmp_path.iterdir()}
    assert names == {"in", "report.html", "report-files"}
    assert gm.verify(tmp_path / "report.html", gm.load(files / "net"), progress=False)
