"""Runs of the command line that are stopped, and that people make a mistake with."""

from __future__ import annotations

import json
import os
import signal

import fleets
import pytest

import gradcam_mx as gm

CODE = "import sys; from gradcam_mx.apps.command_line import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The arguments of a run: photos, the files of a net, and how its photos are prepared."""
    folder = tmp_path_factory.mktemp("files")
    fleets.photos(folder / "photos", 120, damaged=[2])
    net = fleets.net()
    net.hybridize()
    net(fleets.mx.nd.zeros((1, 3, fleets.SIZE, fleets.SIZE)))
    net.export(str(folder / "net"))
    return [
        folder / "photos",
        "--symbol",
        folder / "net-symbol.json",
        "--params",
        folder / "net-0000.params",
        "--size",
        fleets.SIZE,
        "--shard-size",
        "4",
    ]


def run(files, store, *more):
    return fleets.python(CODE, "run", *files, "--out", store, *more)


def stands(store):
    return [one.name for one in store.glob("shards/*/[0-9]*.parquet")]


@pytest.mark.parametrize(
    ("number", "code", "workers"),
    [
        (signal.SIGINT, 130, 2),
        pytest.param(signal.SIGTERM, 143, 1, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 130, 0, marks=pytest.mark.slow),
    ],
    ids=["Ctrl-C", "SIGTERM", "Ctrl-C here"],
)
def test_a_run_that_is_stopped(files, tmp_path, number, code, workers):
    store = tmp_path / "store"
    process = run(files, store, "--workers", workers, "--method", "smooth_grad")
    assert fleets.wait_until(lambda: stands(store) or process.poll() is not None, 120)
    started = fleets.below(process.pid)
    os.killpg(process.pid, number)  # as a terminal does
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert "stopped by" in err
    assert len(started) >= workers
    assert fleets.wait_until(lambda: not any(map(fleets.is_alive, started)), 10)
    kept = len(stands(store))
    assert 0 < kept < 30
    assert not gm.Store(store).manifest.is_done
    assert len(gm.Store(store)) == 4 * kept
    assert f"{4 * kept - len(gm.Store(store).filter(failed=True))} of 120 samples" in out


def test_what_went_wrong_is_in_the_exit_code(files, tmp_path):
    store = tmp_path / "store"
    process = run(files, store, "--workers", 0, "--labels", "folders")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    assert "119 of 120 samples explained, 119 of them now" in out
    assert "nothing was found of 1 of 120 samples" in err
    assert gm.Store(store)[0].label == 0
    assert json.loads((store / "manifest.json").read_text())["is_done"]


def test_a_wrong_layer_is_refused_before_anything_is_made(files, tmp_path):
    process = run(files, tmp_path / "store", "--layer", "nonsense")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "nonsense" in err
    assert not (tmp_path / "store").exists()
