"""The queue of the app: order, progress, cancelling, failures, what is kept."""

from __future__ import annotations

import threading
import time

import pytest

from gradcam_mx.apps.web.jobs import Jobs
from gradcam_mx.apps.web.refused import Refused
from gradcam_mx.apps.web.store import Store, key_of
from gradcam_mx.errors import InputError
from gradcam_mx.support import progress
from gradcam_mx.support.progress import Stopped, bar, step, watched


@pytest.fixture
def jobs():
    made = Jobs(waiting=5, kept=4)
    yield made
    made.close()
    assert made.join(10)


def ended(jobs, job, seconds=10):
    jobs.wait(job, seconds, until_ended=True)
    return jobs.told(job)


class Gate:
    """Work that waits until it is let go, and can be stopped."""

    def __init__(self):
        self.has_begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, job):
        self.has_begun.set()
        while not self.may_end.wait(0.01):
            step()
        return {"kind": "nothing"}


def test_they_run_one_after_the_other_in_their_order(jobs):
    order, gate = [], Gate()
    first = jobs.add("a", "first", gate)
    others = [
        jobs.add("a", str(number), lambda job, number=number: order.append(number) or {})
        for number in range(3)
    ]
    assert gate.has_begun.wait(10)
    assert [jobs.told(one)["place"] for one in [first, *others]] == [0, 1, 2, 3]
    assert jobs.told(others[0])["state"] == "waiting"
    gate.may_end.set()
    assert ended(jobs, others[-1])["state"] == "done"
    assert order == [0, 1, 2]
    assert jobs.told(first)["result"] == {"kind": "nothing"}


def test_one_that_waits_never_begins_once_it_is_cancelled(jobs):
    gate, began = Gate(), []
    jobs.add("a", "first", gate)
    second = jobs.add("a", "second", began.append)
    jobs.cancel(second)
    assert jobs.told(second)["state"] == "cancelled"
    gate.may_end.set()
    assert ended(jobs, jobs.add("a", "third", lambda job: {}))["state"] == "done"
    assert not began


def test_one_that_runs_ends_at_its_next_step(jobs):
    gate = Gate()
    job = jobs.add("a", "first", gate)
    assert gate.has_begun.wait(10)
    began = time.monotonic()
    jobs.cancel(job)
    told = ended(jobs, job)
    assert (told["state"], told["result"], told["error"]) == ("cancelled", None, None)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (InputError("the input is wrong"), "the input is wrong"),
        (Refused("choose a class first"), "choose a class first"),
        (ZeroDivisionError("oh"), "nobody thought of: ZeroDivisionError('oh')"),
        (MemoryError(), "not enough memory"),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_failed_one_says_why_and_leaves_the_others_alone(jobs, failure, said, capsys):
    def fail(job):
        raise failure

    bad, good = jobs.add("a", "bad", fail), jobs.add("a", "good", lambda job: {"kind": "fine"})
    assert ended(jobs, good)["result"] == {"kind": "fine"}
    told = jobs.told(bad)
    assert told["state"] == "failed"
    assert said in told["error"]
    assert ("Traceback" in capsys.readouterr().err) == isinstance(failure, ZeroDivisionError)


def test_progress_and_the_time_left_are_told(jobs):
    at, go_on = threading.Event(), threading.Event()

    def work(job):
        for _ in bar(range(4), what="counting", show=True):
            time.sleep(0.3)
            if job.done == 2:
                at.set()
                assert go_on.wait(10)
        return {}

    job = jobs.add("a", "counting", work)
    assert at.wait(10)
    time.sleep(0.1)
    told = jobs.told(job)
    assert told["progress"] == {"what": "counting", "done": 2, "total": 4, "share": 0.5}
    assert told["seconds_left"] == pytest.approx(told["seconds"], abs=0.11)
    go_on.set()
    told = ended(jobs, job)
    assert (told["state"], told["seconds_left"], told["progress"]) == ("done", None, None)


def test_parts_share_the_progress(jobs):
    shares = []

    def work(job):
        for part in job.each(["a", "b"]):
            shares.append(job.share)
            with bar(what=part, show=True, total=2) as done:
                done.update()
                shares.append(job.share)
        return {}

    assert ended(jobs, jobs.add("a", "parts", work))["state"] == "done"
    assert shares == [0, 0.25, 0.5, 0.75]


def test_warnings_become_notes(jobs):
    import warnings

    def work(job):
        warnings.warn("the map is flat", UserWarning, stacklevel=1)
        warnings.warn("the map is flat", UserWarning, stacklevel=1)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        return {}

    assert ended(jobs, jobs.add("a", "warns", work))["notes"] == ["the map is flat"]


def test_neither_those_that_wait_nor_those_that_have_ended_are_without_bound(jobs):
    gate = Gate()
    jobs.add("a", "first", gate)
    assert gate.has_begun.wait(10)
    waiting = [jobs.add("a", str(number), lambda job: {}) for number in range(5)]
    with pytest.raises(Refused, match="5 jobs are waiting") as error:
        jobs.add("a", "one too many", lambda job: {})
    assert error.value.status == 429
    gate.may_end.set()
    ended(jobs, waiting[-1])
    done = [jobs.add_done("a", str(number), {}) for number in range(20)]
    assert len(jobs.all()) <= 5
    assert jobs.find(done[-1].id) is done[-1]
    with pytest.raises(Refused, match="there is no job") as error:
        jobs.find(done[0].id)
    assert error.value.more == {"gone": True}


def test_at_the_end_nothing_is_waited_for():
    jobs, gate = Jobs(), Gate()
    job = jobs.add("a", "first", gate)
    assert gate.has_begun.wait(10)
    jobs.close()
    assert jobs.join(5)
    assert job.state == "cancelled"


# -- what work tells of itself ---------------------------------------------------------------------


class Watching:
    def __init__(self, stop_at=None):
        self.said, self.steps, self._stop_at = [], 0, stop_at

    def step(self):
        self.steps += 1
        if self.steps == self._stop_at:
            raise Stopped

    def at(self, what, done, total):
        self.step()
        self.said.append((what, done, total))


def test_bars_are_news_to_who_watches_and_print_nothing(capsys, monkeypatch):
    monkeypatch.setattr(progress.tqdm, "__init__", None)  # none is made
    watching = Watching()
    with watched(watching):
        assert list(bar("ab", what="letters", show=True)) == ["a", "b"]
        assert list(bar("ab", what="quietly", show=False)) == ["a", "b"]
    assert watching.said == [("letters", 1, 2), ("letters", 2, 2)]
    assert watching.steps == 4
    step()
    assert watching.steps == 4
    assert not capsys.readouterr().err


def test_who_watches_can_stop_methods_and_metrics_between_their_chunks(tmp_path):
    import web_app

    import gradcam_mx as gm

    net = gm.load(web_app.export(tmp_path))
    x = web_app.PREPARE(web_app.photo())
    long = {"num_samples": 2000, "batch_size": 4, "progress": False}
    for call in (
        lambda: gm.rise(net, x, **long),
        lambda: gm.lime(net, x, segments="grid", **long),
        lambda: gm.smooth_grad(net, x, **long),
        lambda: gm.integrated_gradients(net, x, steps=2000, batch_size=4, progress=False),
        lambda: gm.metrics.mufidelity(net, x, gm.grad_cam(net, x), **long),
    ):
        watching = Watching(stop_at=5)
        with watched(watching), pytest.raises(Stopped):
            call()
        assert watching.steps == 5


# -- what is kept ----------------------------------------------------------------------------------


def test_a_store_keeps_what_was_used_last_up_to_its_bytes():
    store = Store(10, len)
    store.put("a", b"aaaa")
    store.put("b", b"bbbb")
    assert store.get("a") == b"aaaa"
    store.put("c", b"cccc")
    assert (store.get("a"), store.get("b"), store.get("c")) == (b"aaaa", None, b"cccc")
    store.put("a", b"a")
    assert (store.bytes, len(store)) == (5, 2)
    store.put("large", b"x" * 50)
    assert (store.bytes, len(store)) == (50, 1)  # what was just made can be shown once


def test_keys_tell_content_apart_and_nothing_else():
    assert key_of({"a": 1, "b": [1.5]}) == key_of({"b": [1.5], "a": 1})
    assert key_of({"a": 1}) != key_of({"a": 2}) != key_of("a")
