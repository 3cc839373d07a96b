"""Folders that a store cannot be written to, or that are not for it; disks that fill up."""

from __future__ import annotations

import os
import shutil
import subprocess
import warnings
from pathlib import Path

import fleets
import pytest

import gradcam_mx as gm
from gradcam_mx.apps.fleet import here, known, lock
from gradcam_mx.errors import OutputError

COUNT = 24


@pytest.fixture
def nothing_is_computed(monkeypatch):
    def work(*_):
        raise AssertionError("something was computed")

    monkeypatch.setattr(here.Worker, "work", work)


def run(store, data=None, **more):
    data = fleets.inputs(COUNT) if data is None else data
    return fleets.run(store, data, workers=0, **more)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 200 kB, and what makes it larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a disk can be made by root only")

    def enlarge():
        subprocess.run(["mount", "-o", "remount,size=20m", str(folder)], check=True)

    yield folder, enlarge
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_fills_up(small_disk, tmp_path):
    folder, enlarge = small_disk
    x = fleets.inputs(120)
    with pytest.raises(OutputError, match="No space left on device"):
        run(folder / "store", x, full=["saliency"])
    kept = gm.Store(folder / "store")
    assert not kept.manifest.is_done
    assert 0 < len(kept) < 120
    before = fleets.rows(kept)
    enlarge()
    again = run(folder / "store", x, full=["saliency"])
    assert fleets.rows(again) == fleets.rows(run(tmp_path / "fresh", x, full=["saliency"]))
    assert before.items() <= fleets.rows(again).items()


def test_a_disk_that_is_full_already(small_disk):
    folder, _ = small_disk
    (folder / "ballast").write_bytes(bytes(200_000 - 4096 * 2))
    with pytest.raises(OutputError):
        run(folder / "store")


@pytest.mark.usefixtures("nothing_is_computed")
def test_folders_that_are_not_for_it(tmp_path):
    file, full = tmp_path / "file", tmp_path / "full"
    file.write_text("text")
    full.mkdir()
    (full / "thesis.txt").write_text("text")
    with pytest.raises(OutputError, match="is a file; expected a folder"):
        run(file)
    with pytest.raises(OutputError, match="cannot make the folder"):
        run(file / "store")
    with pytest.raises(OutputError, match="holds something else than a store"):
        run(full)
    assert [one.name for one in full.iterdir()] == ["thesis.txt"]


def test_a_folder_that_is_read_only(small_disk, nothing_is_computed):
    folder, _ = small_disk
    (folder / "store").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    with pytest.raises(OutputError, match="cannot write to"):
        run(folder / "store")
    with pytest.raises(OutputError, match="cannot make the folder"):
        run(folder / "another")


def test_stores_of_something_else(tmp_path, monkeypatch):
    photos, others = fleets.photos(tmp_path / "a", 8), fleets.photos(tmp_path / "b", 8)
    run(tmp_path / "store", photos)
    monkeypatch.setattr(here.Worker, "work", None)
    with pytest.raises(OutputError, match="of another data set"):
        run(tmp_path / "store", others)
    with pytest.raises(OutputError, match="also has saliency, which would be lost"):
        run(tmp_path / "store", photos, methods=["grad_cam"])


def test_one_run_at_a_time(tmp_path, nothing_is_computed):
    store = tmp_path / "store"
    store.mkdir()
    told = f"another run writes to .*process {os.getpid()}"
    with lock.locked(store), pytest.raises(OutputError, match=told):
        run(store)


def test_what_a_run_that_was_killed_left_is_removed(tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    (store / ".manifest.json.part.json").write_text("{")  # the first thing that a run writes
    (store / lock.NAME).write_text("12")
    run(store)
    (shard, *_) = sorted(store.glob("shards/*/*.parquet"))
    for left in (store / known.NAME, shard.with_name(f".{shard.name}.12.part.parquet")):
        left.write_text("left")
    (store / ".manifest.json.part.json").write_text("{")
    found = fleets.rows(run(store))
    assert len(found) == COUNT
    hidden = [one.name for one in store.rglob(".*")]
    assert hidden == [lock.NAME]


def test_a_shard_that_is_gone_is_computed_again(tmp_path):
    store = tmp_path / "store"
    expected = fleets.rows(run(store))
    (shard, *_) = sorted(store.glob("shards/*/*.parquet"))
    shard.unlink()
    assert fleets.rows(run(store)) == expected


def test_a_relative_path_and_one_that_is_no_utf8(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = Path(os.fsdecode(b"ph\xffotos"))
    fleets.photos(data, 9)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for _ in range(2):
            store = run("store", data)
    assert store.path == tmp_path / "store"
    assert len(store) == 9
