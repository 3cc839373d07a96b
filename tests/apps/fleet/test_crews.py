"""Whoever does the work, the same bytes come out; and nothing is left behind."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from pathlib import Path

import fleets
import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.apps.fleet import crew, processes, rays
from gradcam_mx.errors import InputError

METHODS = ["grad_cam", "saliency", "smooth_grad"]
COUNT = 44


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return fleets.photos(tmp_path_factory.mktemp("photos"), COUNT, damaged=[3, 20])


def run(out, data, given=None, **more):
    with pytest.warns(UserWarning, match="nothing was found of 2 of 44 samples"):
        store = fleets.run(out, data, given, methods=METHODS, labels="folders", **more)
    return fleets.rows(store)


@pytest.fixture(scope="module")
def alone(photos, tmp_path_factory):
    """What this process finds, on each of the contexts."""
    return {
        number: run(
            tmp_path_factory.mktemp("alone") / "store",
            photos,
            fleets.net(mx.cpu(number)),
            workers=0,
        )
        for number in (0, 1)
    }


def test_contexts_agree(alone):
    assert alone[0] == alone[1]


def test_what_a_run_finds_is_what_the_functions_find(alone, photos):
    net = fleets.net()
    for place in ("a/000.png", "b/013.png"):
        x = fleets.PREPARE(photos / place)
        row = alone[0][place]
        cam = gm.grad_cam(net, x)
        kept = np.frombuffer(row["grad_cam.map"], "<f2").reshape(row["grad_cam.shape"])
        np.testing.assert_allclose(kept * row["grad_cam.scale"], cam.values[0], atol=2e-3)
        smooth = gm.smooth_grad(net, x)
        kept = np.frombuffer(row["smooth_grad.map"], "<f2").reshape(row["smooth_grad.shape"])
        expected = np.abs(smooth.values[0]).sum(axis=0)
        found = kept.astype(float) * row["smooth_grad.scale"]
        assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.999
        assert row["predicted"] == net(mx.nd.array(x)).asnumpy()[0].argmax()
        np.testing.assert_allclose(row["score"], cam.score[0], rtol=1e-5)


def test_the_size_of_calls_and_shards_changes_nothing(alone, photos, tmp_path):
    found = run(tmp_path / "store", photos, workers=0, shard_size=13)
    assert found == alone[0]


def test_two_workers_find_the_same_bytes(alone, photos, tmp_path, ctx):
    before = _open_files(), fleets.below(os.getpid()), threading.active_count()
    found = run(tmp_path / "store", photos, fleets.net(ctx), workers=2)
    assert found == alone[ctx.device_id]
    gc.collect()
    assert fleets.wait_until(lambda: threading.active_count() <= before[2] + 1, 5)  # tqdm's
    assert _open_files() <= before[0]
    assert fleets.below(os.getpid()) == before[1]  # no zombies either


def _open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


CODE = """
import sys, fleets
fleets.run(sys.argv[1], fleets.Dataset(400, slow=0.02), workers=int(sys.argv[2]))
"""


@pytest.mark.parametrize("whom", ["parent", pytest.param("all", marks=pytest.mark.slow)])
def test_a_run_that_is_killed_goes_on(tmp_path, whom):
    store = tmp_path / "store"
    process = fleets.python(CODE, store, 1)
    assert fleets.wait_until(lambda: len(list(store.glob("shards/*/[0-9]*.parquet"))) > 2, 120)
    theirs = fleets.below(process.pid)
    assert len(theirs) == 1
    for one in [process.pid, *(theirs if whom == "all" else [])]:
        os.kill(one, signal.SIGKILL)
    process.communicate()
    assert fleets.wait_until(lambda: not any(map(fleets.is_alive, theirs)), 5)
    done = {path: path.stat().st_mtime_ns for path in store.glob("shards/*/[0-9]*.parquet")}
    again = fleets.run(store, fleets.Dataset(400), workers=0)
    assert all(path.stat().st_mtime_ns == done[path] for path in done)
    fresh = fleets.run(tmp_path / "fresh", fleets.Dataset(400), workers=0)
    assert fleets.rows(again) == fleets.rows(fresh)
    assert not list(store.rglob("shards/*/.*"))


HANGING = """
import sys, fleets
fleets.run(sys.argv[1], fleets.Dataset(8, {3: "hang"}, once=sys.argv[2]), workers=1)
"""


def test_a_worker_that_hangs_ends_with_who_gave_it_work(tmp_path):
    # the first sample tells this process what samples are like
    process = fleets.python(HANGING, tmp_path / "store", tmp_path)
    try:
        assert fleets.wait_until((tmp_path / "3").exists)
        (worker,) = fleets.below(process.pid)
    finally:
        process.kill()
        process.wait()
    assert fleets.wait_until(lambda: not fleets.is_alive(worker), 5)


def test_workers_that_end_as_they_start(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "gradcam_mx.apps.fleet.process._START", "import sys; sys.exit(7)", raising=True
    )
    with pytest.raises(InputError, match=r"3 of them.*ended with exit code 7.*workers=0"):
        fleets.run(tmp_path / "store", fleets.inputs(8), workers=2)


def test_work_that_cannot_go_to_another_process(tmp_path):
    with pytest.raises(InputError, match="workers=0"):
        fleets.run(tmp_path / "a", fleets.inputs(8), target=lambda y: y[:, 0], workers=1)
    store = fleets.run(tmp_path / "b", fleets.inputs(8), target=lambda y: y[:, 0], workers=0)
    assert len(store.filter(failed=False)) == 8
    assert crew.PATIENCE == processes.PATIENCE


@pytest.mark.slow
def test_memory_stays_flat(tmp_path):
    """Of 5,000 samples: what this process and its worker have in use after the first fifth."""
    x = np.random.RandomState(0).randn(5000, 3, 8, 8).astype(np.float32)
    seen = []
    is_over = threading.Event()

    def look():
        while not is_over.wait(0.2):
            for one in fleets.below(os.getpid()):
                seen.append((len(list((tmp_path / "store").rglob("*.parquet"))), _in_use(one)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        fleets.run(tmp_path / "store", x, workers=1, shard_size=50, methods=["grad_cam"])
    finally:
        is_over.set()
        thread.join()
    early = max(used for done, used in seen if 10 <= done <= 30)
    late = max(used for done, used in seen if done > 80)
    print(f"worker: {early:.0f} MB early, {late:.0f} MB late")
    assert late < early + 20


def _in_use(process):
    """Megabytes."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray")
    ray.init(
        "local",  # not one that runs on this machine
        num_cpus=2,
        object_store_memory=80 << 20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield ray
    ray.shutdown()


@pytest.mark.slow
def test_workers_on_ray_find_the_same_bytes(alone, photos, tmp_path, cluster):
    for number in (0, 1):
        found = run(
            tmp_path / f"{number}", photos, fleets.net(mx.cpu(number)), workers=2, ray="auto"
        )
        assert found == alone[number]
    assert cluster.is_initialized()  # it was there before


@pytest.mark.slow
def test_what_harms_workers_on_ray(tmp_path, cluster):
    clean = fleets.rows(fleets.run(tmp_path / "clean", fleets.Dataset(16), workers=0))
    data = fleets.Dataset(16, {3: "abort", 5: "raise", 9: "hang"})
    with pytest.warns(UserWarning, match="nothing was found of 3 of 16"):
        store = fleets.run(tmp_path / "store", data, workers=1, ray="auto", timeout=5)
    found = fleets.rows(store)
    failed = {place: row["error"] for place, row in found.items() if row["error"]}
    assert sorted(failed) == ["0000003", "0000005", "0000009"]
    assert "gave no sign for" in failed["0000009"]
    assert "ended: The actor is dead because its worker process has died" in failed["0000003"]
    assert all(found[one] == clean[one] for one in clean if one not in failed)


@pytest.mark.slow
def test_workers_on_ray_that_cannot_start(tmp_path, cluster, monkeypatch):
    monkeypatch.setattr(
        "gradcam_mx.apps.fleet.running.modules_of", lambda *_: ("no_such_module_at_all",)
    )
    with pytest.raises(InputError, match="cannot be read in another process"):
        fleets.run(tmp_path / "store", fleets.inputs(8), ray="auto")
    monkeypatch.undo()
    monkeypatch.setattr(rays, "PATIENCE", 3.0)
    with pytest.raises(InputError, match=r"no worker could start .* 1 CPU and 1 GPUs"):
        fleets.run(tmp_path / "store", fleets.inputs(8), ray="auto", gpus_per_worker=1, timeout=2)


@pytest.mark.slow
def test_another_cluster_than_the_one_that_was_joined(tmp_path, cluster):
    with pytest.raises(InputError, match=r"there is no Ray cluster at '127.0.0.1:1'"):
        fleets.run(tmp_path / "nobody", fleets.inputs(8), ray="127.0.0.1:1")
    joined = cluster.get_runtime_context().gcs_address
    with pytest.raises(InputError, match=f"has joined the Ray cluster at '{joined}'"):
        fleets.run(tmp_path / "local", fleets.inputs(8), ray="local")
    assert len(fleets.run(tmp_path / "named", fleets.inputs(8), ray=joined)) == 8


LOCAL = """
import sys, fleets
fleets.run(sys.argv[1], fleets.Dataset(400, slow=0.05), workers=1, ray="local")
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_local_cluster_ends_with_the_run(tmp_path, number):
    store = tmp_path / "store"
    process = fleets.python(LOCAL, store)
    assert fleets.wait_until(lambda: list(store.glob("shards/*/[0-9]*.parquet")), 120)
    theirs = fleets.below(process.pid)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in err  # of gm.run, as it is asked for in Python
    assert fleets.wait_until(lambda: not any(map(fleets.is_alive, theirs)), 20)
    kept = len(list(store.glob("shards/*/[0-9]*.parquet")))
    assert 0 < kept < 50
    assert len(gm.Store(store)) == 8 * kept


def test_there_is_no_cluster(tmp_path):
    pytest.importorskip("ray")
    start = time.monotonic()
    with pytest.raises(InputError, match=r"there is no Ray cluster at '127.0.0.1:1'"):
        fleets.run(tmp_path / "store", fleets.inputs(8), ray="127.0.0.1:1")
    assert time.monotonic() - start < 60
