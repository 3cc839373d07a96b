"""Results of the command line: nothing of the user's is lost, all of it can be traced, and what is
done stays, whatever ends the work."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from failing import failing_after
from PIL import Image

import gradcam_mx as gm
from gradcam_mx import picture
from gradcam_mx._mxnet import mx
from gradcam_mx.apps import command_line as cli
from gradcam_mx.apps import explaining, requested
from gradcam_mx.apps.results import Results

ROOT = Path(gm.__file__).resolve().parent.parent
NAMES = ["cat", "dog", "cow"]


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """The prefix of the files of a small net for pictures of 24 pixels and three classes."""
    folder = tmp_path_factory.mktemp("net")
    mx.random.seed(0)
    made = mx.gluon.nn.HybridSequential(prefix="")
    made.add(
        mx.gluon.nn.Conv2D(4, 3, activation="relu", prefix="conv0_"),
        mx.gluon.nn.GlobalAvgPool2D(),
        mx.gluon.nn.Dense(3),
    )
    made.initialize(mx.init.Normal(0.5))
    made.hybridize()
    made(mx.nd.zeros((1, 3, 24, 24)))
    made.export(str(folder / "net"))
    (folder / "names.txt").write_text("\n".join(NAMES))
    return folder / "net"


def write(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.RandomState(seed).randint(0, 256, (30, 40, 3), np.uint8)).save(path)
    return path


@pytest.fixture
def explain(net, tmp_path, capsys, monkeypatch):
    """Run `gradcam-mx explain` in a folder of its own; exit code, standard output, error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, method="grad_cam"):
        capsys.readouterr()
        code = cli.main(
            ["explain", *map(str, arguments), *_network(net), "--method", *method.split()]
        )
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def _network(net):
    return ["--symbol", str(net), "--size", "24", "--classes", str(net.with_name("names.txt"))]


def everything(folder):
    """Path → bytes of all files below it."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def table(folder):
    with (folder / "results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def never(*_, **__):
    raise AssertionError("too late to complain")


# ---------------------------------------------------------------------------- what the user has


@pytest.mark.parametrize("out", [".", "photos", "photos/deeper"])
def test_a_folder_with_other_files_is_refused_before_anything_is_computed(
    explain, tmp_path, monkeypatch, out
):
    write(tmp_path / "photos" / "coffee.png")
    write(tmp_path / "photos" / "deeper" / "tea.png")
    before = everything(tmp_path)
    monkeypatch.setattr(requested, "load", never)
    code, printed, err = explain("photos/coffee.png", "--out", out)
    assert (code, printed) == (2, "")
    assert err.startswith(f"gradcam-mx: cannot write to {out}: it holds what gradcam-mx did not")
    assert "--out, such as" in err
    assert everything(tmp_path) == before


def test_the_photo_and_an_unrelated_picture_of_its_figures_name_stay(explain, tmp_path):
    """`explain coffee.png --out .`, and `col`, which has a coffee.png of its own."""
    write(tmp_path / "coffee.png")
    write(tmp_path / "col" / "coffee.png", 1)
    before = everything(tmp_path)
    for out in (".", "col"):
        assert explain("coffee.png", "--out", out)[0] == 2
    assert everything(tmp_path) == before


@pytest.mark.parametrize("name", ["coffee.png", "coffee.npz", "coffee_grad_cam.png"])
def test_files_put_beside_results_stay(explain, tmp_path, name):
    write(tmp_path / "in" / "tea.png")
    assert explain("in/tea.png", "--out", "out")[0] == 0
    mine = tmp_path / "out" / name
    mine.write_text("mine")
    code, _, err = explain(write(tmp_path / "in" / "coffee.png"), "--out", "out")
    assert code == 0, err
    assert mine.read_text() == "mine"
    assert (tmp_path / "out" / "coffee-2_grad_cam.png").exists()


def test_a_photo_in_a_folder_of_results_stays(explain, tmp_path):
    assert explain(write(tmp_path / "tea.png"), "--out", "out")[0] == 0
    photo = write(tmp_path / "out" / "coffee.png", 1)
    before = photo.read_bytes()
    assert explain(photo, "--out", "out")[0] == 0
    assert photo.read_bytes() == before
    assert (tmp_path / "out" / "coffee-2.png").exists()


def test_a_file_that_appears_while_a_run_computes_stays(explain, tmp_path, monkeypatch):
    photos = [write(tmp_path / "in" / f"{name}.png") for name in "ab"]

    def save(*args):
        (tmp_path / "out" / "a.npz").write_text("mine")

    monkeypatch.setattr(picture, "save", save)
    code, _, err = explain(*photos, "--out", "out")
    assert code == 1
    assert "something else was written there" in err
    assert (tmp_path / "out" / "a.npz").read_text() == "mine"


def test_each_run_has_a_folder_of_its_own(explain, tmp_path):
    write(tmp_path / "cat.png")
    folders = []
    for _ in range(3):
        code, out, _ = explain("cat.png")
        assert code == 0
        folders.append(Path(out.splitlines()[-1].rpartition(" in ")[2]))
    assert len(set(folders)) == 3
    assert {one.parent for one in folders} == {tmp_path / "explanations"}
    for one in folders:
        assert (one / "cat_grad_cam.png").exists()


def test_what_was_written_is_not_explained(explain, tmp_path):
    write(tmp_path / "cat.png")
    write(tmp_path / ".hidden.png")
    write(tmp_path / ".hidden" / "dog.png")
    for _ in range(2):
        code, out, _ = explain(".")
        assert code == 0
        assert "1 of 1 photos explained" in out


# ---------------------------------------------------------------------------- what is traced


def test_results_name_their_photos(explain, tmp_path):
    photo = write(tmp_path / "in" / "a" / "cat.png")
    write(tmp_path / "in" / "b" / "cat.png", 1)
    (tmp_path / "in" / "broken.png").write_bytes(b"no picture")
    code, out, err = explain("in", "--out", "out", method="grad_cam saliency")
    assert code == 1
    rows = table(tmp_path / "out")
    broken = rows.pop(0)
    assert broken["source"] == str(tmp_path / "in" / "broken.png")
    assert broken["error"] in err
    assert not broken["files"]
    assert [(one["source"], one["method"]) for one in rows] == [
        *((str(photo), method) for method in ("grad_cam", "saliency")),
        *((str(tmp_path / "in" / "b" / "cat.png"), method) for method in ("grad_cam", "saliency")),
    ]
    first, second = rows[:2]
    digest = hashlib.sha256(photo.read_bytes()).hexdigest()
    assert first["sha256"] == second["sha256"] == digest
    assert out.splitlines()[0] == f"in/a/cat.png: {first['predictions'].replace('; ', ', ')}"
    assert (second["layer"], second["error"]) == ("", "")
    stored = gm.Explanation.load_all(tmp_path / "out" / "a" / "cat.npz")
    cam = stored["grad_cam"]
    assert first["layer"] == cam.layer
    assert int(first["target"]) == cam.target[0]
    assert first["class"] == NAMES[cam.target[0]]
    assert float(first["score"]) == pytest.approx(cam.score[0], rel=1e-5)
    assert float(first["probability"]) == pytest.approx(
        float(first["predictions"].split(";")[0].split()[-1]), abs=0.006
    )
    for row in rows:
        for name in row["files"].split("; "):
            assert (tmp_path / "out" / name).exists(), name
    assert f"_{second['method']}.png" in second["files"].split("; ")[0]
    with np.load(tmp_path / "out" / "a" / "cat.npz") as file:
        source = json.loads(str(file["about"]))["source"]
    assert source["path"] == str(photo)
    assert source["sha256"] == digest
    assert "; ".join(source["predictions"]) == first["predictions"]


def test_photos_that_differ_in_their_suffix_alone(explain, tmp_path):
    write(tmp_path / "in" / "coffee.png")
    write(tmp_path / "in" / "coffee.jpg", 1)
    write(tmp_path / "in" / "tea.jpg", 1)
    assert explain("in", "--out", "out")[0] == 0
    found = {one["source"]: one["files"].split("; ")[1] for one in table(tmp_path / "out")}
    assert found == {
        str(tmp_path / "in" / "coffee.png"): "coffee_png.png",
        str(tmp_path / "in" / "coffee.jpg"): "coffee_jpg.png",
        str(tmp_path / "in" / "tea.jpg"): "tea.png",
    }


def test_a_photo_given_twice_is_explained_once(explain, tmp_path):
    write(tmp_path / "in" / "cat.png")
    code, out, _ = explain("in", "in/cat.png", "in/../in/*.png", "--out", "out")
    assert code == 0
    assert "1 of 1 photos explained" in out


# ---------------------------------------------------------------------------- run again


def test_other_options_have_a_folder_beside_the_first(explain, tmp_path):
    write(tmp_path / "cat.png")
    assert explain("cat.png", "--out", "out")[0] == 0
    before = everything(tmp_path / "out")
    for number, more in ((2, ["--target", "dog"]), (3, ["--layer", "conv0_fwd"])):
        code, out, err = explain("cat.png", "--out", "out", *more)
        assert code == 0, err
        assert out.splitlines()[-1].endswith(str(tmp_path / "out" / f"run-{number}"))
    after = everything(tmp_path / "out")
    assert after.items() >= before.items()
    assert {row["target"] for row in table(tmp_path / "out" / "run-2")} == {"1"}
    # again into the second
    assert explain("cat.png", "--out", "out", "--target", "dog")[0] == 0
    assert everything(tmp_path / "out").keys() == after.keys()


def test_another_network_under_the_same_name_has_another_folder(explain, net, tmp_path):
    write(tmp_path / "cat.png")
    assert explain("cat.png", "--out", "out")[0] == 0
    file = net.with_name("net-0000.params")
    before = file.read_bytes()
    try:
        arrays = mx.nd.load(str(file))
        mx.nd.save(str(file), {name: array * 2 for name, array in arrays.items()})
        assert explain("cat.png", "--out", "out")[0] == 0
    finally:
        file.write_bytes(before)
    assert (tmp_path / "out" / "run-2" / "cat.npz").exists()


def test_the_same_options_add_photos_and_write_changed_ones_anew(explain, tmp_path):
    write(tmp_path / "in" / "cat.png")
    write(tmp_path / "in" / "dog.png", 1)
    assert explain("in/cat.png", "--out", "out")[0] == 0
    assert explain("in/dog.png", "--out", "out")[0] == 0
    write(tmp_path / "in" / "cat.png", 5)
    write(tmp_path / "cat.png", 6)
    for _ in range(2):
        assert explain("in", "cat.png", "--out", "out")[0] == 0
    rows = table(tmp_path / "out")
    found = {one["source"]: one["files"].split("; ")[2] for one in rows}
    assert found == {
        str(tmp_path / "in" / "dog.png"): "dog.npz",
        str(tmp_path / "in" / "cat.png"): "cat.npz",
        str(tmp_path / "cat.png"): "cat-2.npz",
    }
    assert len(rows) == 3
    for one in rows:
        assert one["sha256"] == hashlib.sha256(Path(one["source"]).read_bytes()).hexdigest()
    written = {path.name for path in everything(tmp_path / "out")}
    named = {name for one in rows for name in one["files"].split("; ")}
    assert written == named | {"run.json", "results.csv"}


def test_what_a_method_no_longer_writes_goes(explain, tmp_path, monkeypatch):
    """The activation maps that a net allows may become fewer; no picture of them is left."""
    write(tmp_path / "cat.png")
    assert explain("cat.png", "--out", "out", method="all-cams")[0] == 0
    assert (tmp_path / "out" / "cat_cam.png").exists()
    monkeypatch.setattr(requested, "_all_cams", lambda *_: ["grad_cam"])
    assert explain("cat.png", "--out", "out", method="all-cams")[0] == 0
    assert {path.name for path in (tmp_path / "out").glob("cat_*.png")} == {"cat_grad_cam.png"}
    assert [one["method"] for one in table(tmp_path / "out")] == ["grad_cam"]


def test_a_photo_that_can_no_longer_be_read_keeps_what_was_found(explain, tmp_path):
    path = write(tmp_path / "cat.png")
    assert explain(path, "--out", "out")[0] == 0
    before = everything(tmp_path / "out")
    path.write_bytes(b"no picture")
    code, out, _ = explain(path, "--out", "out")
    assert code == 1
    assert out == "0 of 1 photos explained\n"
    first, second = table(tmp_path / "out")
    assert first["method"] == "grad_cam"
    assert "is not a picture" in second["error"]
    changed = {
        path.name for path, one in everything(tmp_path / "out").items() if before[path] != one
    }
    assert changed == {"results.csv"}


# ---------------------------------------------------------------------------- stopped in the middle


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("done", [0, 2])
@pytest.mark.parametrize(
    ("error", "code", "said"),
    [(FULL, 1, "No space left on device"), (KeyboardInterrupt(), 130, "stopped by Ctrl-C")],
    ids=["full", "Ctrl-C"],
)
@pytest.mark.parametrize("place", ["network", "picture", "table"])
def test_what_is_done_is_kept_and_counted(
    explain, tmp_path, monkeypatch, place, error, code, said, done
):
    if place == "network" and error is FULL:
        pytest.skip("the network writes nothing")
    photos = [write(tmp_path / f"{name}.png") for name in "abcde"]
    owner, name, times = {
        "network": (explaining, "explained", 1),
        "picture": (picture, "save", 2),
        "table": (Results, "add", 1),
    }[place]
    monkeypatch.setattr(owner, name, failing_after(done * times, getattr(owner, name), error))
    ended, out, err = explain(*photos, "--out", "out", "--at-a-time", 1)
    assert ended == code
    assert [line for line in err.splitlines() if line.startswith("gradcam-mx: ")] == [
        line for line in err.splitlines() if said in line
    ]
    assert "Traceback" not in err
    summary = out.splitlines()[-1]
    if done:
        assert summary == f"2 of 5 photos explained; the pictures are in {tmp_path / 'out'}"
        assert {Path(one["source"]).stem for one in table(tmp_path / "out")} == {"a", "b"}
    else:
        assert summary == "0 of 5 photos explained"


@pytest.mark.parametrize("place", ["_explained", "_written", "_finish"])
def test_wherever_a_signal_comes_all_that_is_written_is_recorded(
    explain, tmp_path, monkeypatch, place
):
    photos = [write(tmp_path / f"{name}.png") for name in "abcdefgh"]
    whole, count = getattr(explaining, place), iter(range(100))

    def interrupted(*args):
        if next(count) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return whole(*args)

    monkeypatch.setattr(explaining, place, interrupted)
    code, out, _ = explain(*photos, "--out", "out", "--at-a-time", 2)
    assert code == 130
    rows = table(tmp_path / "out")
    assert 2 <= len(rows) < len(photos)
    assert out.splitlines()[-1].startswith(f"{len(rows)} of 8 photos explained")
    named = {name for one in rows for name in one["files"].split("; ")}
    written = {path.name for path in everything(tmp_path / "out")}
    assert written == named | {"run.json", "results.csv"}


def child(net, *arguments, **more):
    """The command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "gradcam_mx", "explain", *map(str, arguments), *_network(net)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_a_signal_ends_it_cleanly(net, tmp_path, number):
    photos = [write(tmp_path / "in" / f"{one:03}.png", one).parent for one in range(150)]
    process = child(net, photos[0], "--out", tmp_path / "out", "--method", "grad_cam")
    while not (tmp_path / "out" / "results.csv").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 128 + number, err
    assert "Traceback" not in err
    assert "stopped by" in err
    counted = int(out.splitlines()[-1].split()[0])
    assert 0 < counted < 150
    rows = table(tmp_path / "out")
    assert len(rows) == counted
    named = {name for one in rows for name in one["files"].split("; ")}
    written = {path.name for path in everything(tmp_path / "out")}
    assert written == named | {"run.json", "results.csv"}
    assert not [path for path in (tmp_path / "out").iterdir() if path.is_dir()]


def test_a_closed_pipe_ends_it_cleanly(net, tmp_path):
    for one in range(100):
        write(tmp_path / "in" / f"{one:03}.png", one)
    process = child(net, tmp_path / "in", "--out", tmp_path / "out", "--method", "grad_cam")
    assert process.stdout.readline().startswith(str(tmp_path / "in" / "000.png"))
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(timeout=120) == 1, err
    assert "Traceback" not in err
    assert "BrokenPipe" not in err
    counted = len(table(tmp_path / "out"))
    assert 0 < counted < 100
    assert f"{counted} of 100 photos explained" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_cannot_be_printed_is_told(net, tmp_path):
    write(tmp_path / "cat.png")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gradcam_mx", "explain", "cat.png", *_network(net)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    assert "nothing can be printed: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_ctrl_c_before_the_first_photo_says_that_nothing_was_done(explain, tmp_path, monkeypatch):
    monkeypatch.setattr(requested, "load", failing_after(0, None, KeyboardInterrupt()))
    code, out, err = explain(write(tmp_path / "cat.png"))
    assert (code, out) == (130, "")
    assert err == "gradcam-mx: stopped by Ctrl-C; nothing was explained\n"
    assert not (tmp_path / "explanations").exists()


def test_the_same_failure_of_many_photos_is_told_once(explain, tmp_path, monkeypatch):
    photos = [write(tmp_path / f"{name}.png") for name in "abc"]
    monkeypatch.setattr(
        explaining, "explained", failing_after(0, None, gm.errors.NetworkError("it does not run"))
    )
    code, out, err = explain(*photos)
    assert code == 2
    assert out.splitlines()[-1] == "0 of 3 photos explained"
    assert "it does not run (and the same 2 more times)\n" in err
