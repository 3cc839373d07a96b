"""Samples that cannot be read, that crash whoever reads or explains them, or hang."""

from __future__ import annotations

import os
import signal
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import fleets
import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx.apps.fleet import here, processes, running, set_aside
from gradcam_mx.apps.fleet.crew import Died
from gradcam_mx.apps.fleet.task import Care, Task
from gradcam_mx.data import open_samples
from gradcam_mx.errors import GradCamError, RuleError

COUNT = 20


def run(out, data, **more):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        store = fleets.run(out, data, **more)
    return SimpleNamespace(
        rows=fleets.rows(store),
        said=" ".join(str(one.message) for one in told if one.category is UserWarning),
        store=store,
    )


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """The same samples when they do no harm."""
    out = tmp_path_factory.mktemp("clean") / "store"
    return run(out, fleets.Dataset(COUNT), workers=0)


def check_others(found, clean, bad):
    """All rows but those of some samples are as without them."""
    assert found.rows.keys() == clean.rows.keys()
    for place, row in clean.rows.items():
        if place not in bad:
            assert found.rows[place] == row


def test_damaged_photos_are_rows_with_a_reason(tmp_path):
    options = {"workers": 0, "labels": "folders"}
    good = run(tmp_path / "good", fleets.photos(tmp_path / "a", 40), **options)
    damaged = [3, 4, 5, 17, 39]
    bad = run(tmp_path / "bad", fleets.photos(tmp_path / "b", 40, damaged), **options)
    failed = {place for place, row in bad.rows.items() if row["error"]}
    assert sorted(int(one[2:5]) for one in failed) == damaged
    check_others(bad, good, failed)
    assert all(place in bad.rows[place]["error"] for place in failed)
    # its folder says what a photo is of, also where nobody can look at it
    assert {bad.rows[place]["label"] for place in failed} == {0, 1}
    assert all(bad.rows[place]["label"] == good.rows[place]["label"] for place in failed)
    assert "nothing was found of 5 of 40 samples" in bad.said
    assert len(bad.store.filter(failed=True)) == 5


def check_left_out(found, clean, said):
    """Some samples are left out with a reason that says something, and no others."""
    failed = {place: row["error"] for place, row in found.rows.items() if row["error"]}
    assert failed.keys() == said.keys()
    for place, why in said.items():
        assert why in failed[place]
    check_others(found, clean, said)


def test_what_crashes_its_reader_is_left_out_and_named(tmp_path, clean, monkeypatch):
    after, deaths = set_aside.Deaths.after, []
    monkeypatch.setattr(
        set_aside.Deaths, "after", lambda one, died: (deaths.append(died), after(one, died))[1]
    )
    found = run(tmp_path / "store", fleets.Dataset(COUNT, {11: "segfault"}), workers=1)
    assert 2 <= len(deaths) <= 3
    check_left_out(found, clean, {"0000011": "crashed in compiled code"})


@pytest.mark.slow
def test_what_aborts_hangs_and_ends_is_left_out_and_named(tmp_path, clean):
    faults = {3: "abort", 9: "hang", 11: "exit"}
    found = run(tmp_path / "store", fleets.Dataset(COUNT, faults), workers=2, timeout=3)
    said = {
        "0000003": "was ended by signal 6",
        "0000009": "gave no sign for",
        "0000011": "ended with exit code 3",
    }
    check_left_out(found, clean, said)


def test_a_data_set_that_raises(tmp_path, clean):
    found = run(tmp_path / "store", fleets.Dataset(COUNT, {0: "raise", 9: "raise"}), workers=0)
    for place in ("0000000", "0000009"):
        assert "ValueError: the sample is odd" in found.rows[place]["error"]
    check_others(found, clean, {"0000000", "0000009"})


@pytest.mark.slow
def test_what_crashes_the_net_is_left_out_and_named(tmp_path, harmful):
    x = fleets.inputs(COUNT)
    x[:, 0, 0, 0] = 0
    good = run(tmp_path / "good", x, methods=["deadly_gradient"], workers=0)
    x[5, 0, 0, 0], x[12, 0, 0, 0] = harmful.DEADLY, harmful.ODD
    found = run(tmp_path / "store", x, methods=["deadly_gradient"], workers=1)
    assert "signal 9" in found.rows["0000005"]["error"]
    assert "KeyError: 'the sample is odd'" in found.rows["0000012"]["error"]
    check_others(found, good, {"0000005", "0000012"})


def test_a_method_that_refuses_everything_is_an_error(tmp_path, harmful):
    with pytest.raises(RuleError, match="takes no such net"):
        run(tmp_path / "store", fleets.inputs(COUNT), methods=["refusing"], workers=0)
    assert not gm.Store(tmp_path / "store")


def test_what_some_samples_are_refused_for_is_no_error(tmp_path, harmful):
    x = fleets.inputs(24)
    x[:, 0, 0, 0] = 0
    x[16:, 0, 0, 0] = harmful.ODD  # the whole last shard
    found = run(tmp_path / "store", x, methods=["deadly_gradient"], workers=0)
    assert sum(row["error"] is None for row in found.rows.values()) == 16


def test_a_worker_killed_by_hand_blames_nobody(tmp_path, clean, monkeypatch):
    killed = []
    heard = processes.Process.hear

    def hear(one):
        told = heard(one)
        if told[0] == "at" and not killed:
            killed.append(one._process.pid)
            os.kill(killed[0], signal.SIGKILL)
        return told

    monkeypatch.setattr(processes.Process, "hear", hear)
    found = run(tmp_path / "store", fleets.Dataset(COUNT), workers=1)
    assert killed
    assert not found.said
    assert found.rows == clean.rows


@pytest.mark.slow
def test_an_idle_worker_that_is_gone_is_replaced(tmp_path, clean, monkeypatch):
    killed = []
    give = processes.Processes.give

    def give_to_one_that_is_gone(crew, task):
        if not killed:
            (one,) = crew._workers
            killed.append(one._process.pid)
            os.kill(one._process.pid, signal.SIGKILL)
            fleets.wait_until(lambda: one.has_ended)
            crew._workers[0].news.poll(5)
        give(crew, task) if crew.free else crew._later.append(task)

    def later(crew, seconds):
        events = wait(crew, seconds)
        while crew.free and crew._later:
            give(crew, crew._later.pop())
        return events

    wait = processes.Processes.wait
    monkeypatch.setattr(processes.Processes, "_later", [], raising=False)
    monkeypatch.setattr(processes.Processes, "give", give_to_one_that_is_gone)
    monkeypatch.setattr(processes.Processes, "wait", later)
    found = run(tmp_path / "store", fleets.Dataset(COUNT), workers=1)
    assert killed
    assert found.rows == clean.rows


@pytest.mark.parametrize(
    "module", ["no_such_module_at_all", pytest.param("fleets_that_raise", marks=pytest.mark.slow)]
)
def test_workers_that_cannot_start(tmp_path, module, monkeypatch):
    (tmp_path / "fleets_that_raise.py").write_text("raise OSError('not here')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(running, "modules_of", lambda *_: (module,))
    with pytest.raises(GradCamError, match="cannot be read in another process"):
        run(tmp_path / "store", fleets.inputs(4), workers=1)


def test_a_shard_without_anybody_to_blame_is_set_aside():
    deaths = set_aside.Deaths()
    samples = open_samples(np.zeros((8, 3, 4, 4), np.float32))
    task = Task(2, 16, samples, None, "0")
    cares = []
    for _ in range(3):
        cares.append(task.care)
        task = deaths.after(Died(task, None, "was ended by signal 9")) or task
    assert cares == [Care.NONE, Care.READ_ALONE, Care.RUN_ALONE]
    assert "samples 16 to 23" in deaths.set_aside[2]


class Ending(here.Here):
    """One that dies with every shard that has some number, whatever is in it."""

    def wait(self, seconds):
        if self._waiting and self._waiting[0].number == 1:
            return [Died(self._waiting.pop(), None, "was ended by signal 9 (Killed)")]
        return super().wait(seconds)


def test_a_shard_that_was_set_aside_is_tried_again(tmp_path, monkeypatch):
    x = fleets.inputs(COUNT)
    with monkeypatch.context() as patched:
        patched.setattr(running, "Here", Ending)
        found = run(tmp_path / "store", x, workers=0)
    assert len(found.rows) == COUNT - 8
    assert "shard 1, samples 8 to 15 (0000008 and on): a worker was ended by signal 9" in found.said
    assert list(found.store.manifest.set_aside) == ["1"]
    again = run(tmp_path / "store", x, workers=0)
    assert len(again.rows) == COUNT
    assert not again.said
    assert not again.store.manifest.set_aside


class WithChildren(fleets.Dataset):
    """A data set that starts a process, which holds the files of the worker open."""

    def __getitem__(self, number):
        if number == 5 and not self._is_past("child"):
            child = os.fork()
            if not child:
                time.sleep(1000)
            Path(self._once, "pid").write_text(str(child))
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(number)


@pytest.mark.slow
def test_the_end_of_a_worker_is_seen_while_what_it_started_lives(tmp_path, clean):
    found = run(tmp_path / "store", WithChildren(COUNT, once=tmp_path), workers=1, timeout=300)
    assert found.rows == clean.rows
    child = int((tmp_path / "pid").read_text())
    assert fleets.wait_until(lambda: not fleets.is_alive(child), 5)
