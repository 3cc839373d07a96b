"""`gradcam-mx drift`: exit codes, what is printed, and the page."""

from __future__ import annotations

import re

import numpy as np
import pytest
import stores

from gradcam_mx.apps import command_line as cli


def write(folder, seed, shift=0.0, places="class"):
    draws = np.random.RandomState(seed)
    found = []
    for number in range(60):
        one = draws.rand(5, 5)
        one[0] += shift
        sha256 = f"{1000 * seed + number + 1:016x}"
        found.append(stores.row(number, one, label=0, score=draws.rand(), sha256=sha256))
    return stores.written(folder, found, class_names=["<b>cat</b>"])


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "june", 0)
    write(tmp_path / "july", 1)
    write(tmp_path / "august", 2, shift=1.0)
    return tmp_path


def run(capsys, *arguments):
    capsys.readouterr()
    try:
        code = cli.main(["drift", *map(str, arguments)])
    except SystemExit as end:
        code = end.code
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_exit_code_says_whether_anything_has_drifted(places, capsys):
    code, out, _ = run(capsys, "june", "july", "--permutations", 199)
    assert code == 0
    assert "no drift: nothing differs more than by chance, at the level 0.01" in out
    code, out, _ = run(capsys, "june", "august", "--permutations", 199)
    assert code == 1
    assert re.search(r"^Grad-CAM: share at the border .* drift$", out, re.M)
    code, out, _ = run(capsys, "june", "august", "--method", "grad_cam", "--alpha", "0.001")
    assert code == 1
    assert "by 999 permutations" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["june", "nowhere"], "there is no store in nowhere"),
        (["june", "july", "--method", "lime"], "no method 'lime' in both stores"),
        (["june", "july", "--alpha", "2"], "expected a number between 0 and 1"),
        (["june", "july", "--permutations", "9"], "expected 99 permutations or more"),
        (["june", "july", "--out", "drift.txt"], "its name ends in .html"),
        (["june", "july", "--out", "notes.html"], "nothing of yours is written over"),
        (["june", "july", "--prometheus", "drift.txt"], "a name that ends in .prom"),
        (["june"], "required: CURRENT"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_what_does_not_fit_is_refused(places, capsys, arguments, said):
    (places / "notes.html").write_text("my notes")
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert (places / "notes.html").read_text() == "my notes"


def test_files_are_written(places, capsys):
    files = {"--out": "drift.html", "--csv": "drift.csv", "--prometheus": "drift.prom"}
    given = [one for pair in files.items() for one in pair]
    for _ in range(2):  # the second time over the first
        assert run(capsys, "june", "august", *given)[0] == 1
    assert all((places / one).stat().st_size for one in files.values())
    page = (places / "drift.html").read_text(encoding="utf-8")
    assert page.count('<img class="map"') == 3
    assert "&lt;b&gt;cat&lt;/b&gt;" in page
    assert "<b>cat" not in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert page.count('<span class="bad">drift</span>') >= 2
    # nothing of it goes beyond the page
    assert "default-src 'none'" in page
