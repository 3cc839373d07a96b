"""Photos that the command line runs through the net together: each is explained as it is alone."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.apps import command_line as cli
from gradcam_mx.apps import explaining, threads

SIDE = 24
COUNT = 5


def features(x):
    conv = mx.sym.Convolution(x, kernel=(3, 3), num_filter=4, name="conv")
    return mx.sym.Activation(conv, act_type="relu", name="relu")


def scored(maps):
    pooled = mx.sym.Pooling(maps, global_pool=True, pool_type="avg", kernel=(1, 1))
    return mx.sym.FullyConnected(mx.sym.Flatten(pooled), num_hidden=3, name="dense")


def ordinary(x):
    return scored(features(x))


def less_the_mean_of_all(x):
    maps = features(x)
    return scored(mx.sym.broadcast_sub(maps, 3 * mx.sym.mean(maps, axis=0, keepdims=True)))


def of_the_first(x):
    maps = features(x)
    return scored(mx.sym.broadcast_add(maps, mx.sym.slice_axis(maps, axis=0, begin=0, end=1)))


def for_one_alone(x):
    return scored(mx.sym.reshape(features(x), (1, 4, SIDE - 2, SIDE - 2)))


NETS = [ordinary, less_the_mean_of_all, of_the_first, for_one_alone]


def save(build, prefix):
    symbol = build(mx.sym.var("data"))
    shapes, _, _ = symbol.infer_shape(data=(1, 3, SIDE, SIDE))
    draw = np.random.RandomState(0)
    arrays = {
        name: mx.nd.array(draw.normal(scale=0.5, size=shape))
        for name, shape in zip(symbol.list_arguments(), shapes)
        if name != "data"
    }
    symbol.save(f"{prefix}-symbol.json")
    mx.nd.save(f"{prefix}-0000.params", {f"arg:{name}": one for name, one in arrays.items()})


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(COUNT):
        pixels = np.random.RandomState(number).randint(0, 256, (30, 40 + number, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def explain(photos, prefix, out, *options):
    given = ["explain", str(photos), "--symbol", str(prefix), "--out", str(out), "--size", SIDE]
    return cli.main([*map(str, given), *map(str, options)])


def rows_of(out):
    with (out / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def calls(monkeypatch):
    """How many photos were in each call of the net that gave something."""
    seen = []

    def explained(job, inputs):
        found = whole(job, inputs)
        seen.append(len(inputs))
        return found

    whole = explaining.explained
    monkeypatch.setattr(explaining, "explained", explained)
    return seen


@pytest.mark.parametrize("build", NETS)
def test_each_photo_is_explained_as_it_is_alone(build, photos, tmp_path, calls):
    save(build, tmp_path / "net")
    methods = ["grad_cam", "saliency", "guided_grad_cam"]
    out = tmp_path / "out"
    given = ["--method", *methods, "--layer", "relu", "--at-a-time", 3]
    assert explain(photos, tmp_path / "net", out, *given) == 0
    assert calls == ([3, 2] if build is ordinary else [1] * COUNT)
    graph, prepare = gm.load(tmp_path / "net"), gm.zoo.IMAGENET.adapted(size=SIDE)
    for number, path in enumerate(sorted(photos.iterdir())):
        alone = gm.explain(graph, prepare(path), methods, layer="relu")
        kept = gm.Explanation.load_all(out / f"{number}.npz")
        for method in methods:
            found, wanted = kept[method], alone[method]
            assert found.target == wanted.target
            assert found.geometry == wanted.geometry
            # rounding may follow the number of samples: another order of the same sums
            np.testing.assert_allclose(found.score, wanted.score, rtol=1e-5, atol=1e-5)
            scale = abs(wanted.values).max()
            np.testing.assert_allclose(found.values, wanted.values, atol=2e-5 * scale)


def test_the_table_tells_the_same(photos, tmp_path):
    save(ordinary, tmp_path / "net")
    tables = []
    for count in (1, 4):
        assert explain(photos, tmp_path / "net", tmp_path / f"{count}", "--at-a-time", count) == 0
        tables.append(rows_of(tmp_path / f"{count}"))
    for one, other in zip(*tables):
        for column in one.keys() - {"score", "probability"}:
            assert one[column] == other[column]
        assert float(one["score"]) == pytest.approx(float(other["score"]), rel=1e-4)
    assert len(tables[0]) == len(tables[1]) > COUNT


def test_a_photo_that_cannot_be_read_is_named_and_the_others_are_explained(
    photos, tmp_path, capsys, calls
):
    save(ordinary, tmp_path / "net")
    (photos / "1.png").write_text("no photo")
    out = tmp_path / "out"
    assert explain(photos, tmp_path / "net", out, "--method", "grad_cam", "--at-a-time", 3) == 1
    assert calls == [2, 2]
    assert "1.png" in capsys.readouterr().err
    assert sorted(one.name for one in out.glob("*_grad_cam.png")) == [
        f"{number}_grad_cam.png" for number in (0, 2, 3, 4)
    ]


@pytest.mark.parametrize("method", ["smooth_grad", "rise", "occlusion"])
def test_what_draws_or_perturbs_takes_one_at_a_time(method, photos, tmp_path, calls):
    save(ordinary, tmp_path / "net")
    given = ["--method", "saliency", method, "--samples", 10, "--at-a-time", 4]
    assert explain(photos, tmp_path / "net", tmp_path / "out", *given) == 0
    assert calls == [1] * COUNT


def test_no_warning_tells_of_photos_side_by_side(photos, tmp_path, capsys):
    save(less_the_mean_of_all, tmp_path / "net")
    assert explain(photos, tmp_path / "net", tmp_path / "out", "--layer", "relu") == 0
    assert "beside" not in capsys.readouterr().err


def test_runs_of_other_numbers_write_to_one_folder(photos, tmp_path):
    save(ordinary, tmp_path / "net")
    for count in (1, 3):
        explain(photos, tmp_path / "net", tmp_path / "out", "--at-a-time", count)
    assert not list((tmp_path / "out").glob("run-*"))


# ---------------------------------------------------------------------------- threads


@pytest.fixture
def processors(tmp_path, monkeypatch):
    """Four processors of two cores, and MXNet not imported yet."""
    for number, siblings in enumerate(["0,2", "1,3", "0,2", "1,3"]):
        folder = tmp_path / f"cpu{number}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(siblings + "\n")
    monkeypatch.setattr(threads, "_PROCESSORS", tmp_path)
    monkeypatch.delitem(threads.sys.modules, "mxnet")
    for name in ("OMP_NUM_THREADS", threads.CHOSEN):
        monkeypatch.delenv(name, raising=False)
    # what is set is put back
    monkeypatch.setattr(threads.os, "environ", dict(threads.os.environ))
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    return tmp_path


def test_mxnet_takes_each_core_once(processors):
    threads.use_all_cores()
    assert threads.os.environ[threads.CHOSEN] == "2"


def test_only_the_cores_that_the_process_may_run_on(processors, monkeypatch):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: {0, 2}, raising=False)
    threads.use_all_cores()
    assert threads.os.environ[threads.CHOSEN] == "1"


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", threads.CHOSEN])
def test_what_the_user_has_said_stays(processors, name):
    threads.os.environ[name] = "7"
    before = dict(threads.os.environ)
    threads.use_all_cores()
    assert threads.os.environ == before


def test_nothing_is_said_where_it_comes_too_late_or_nothing_is_known(processors, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(threads.sys.modules, "mxnet", mx)
        threads.use_all_cores()
    assert threads.CHOSEN not in threads.os.environ
    (processors / "cpu2/topology/thread_siblings_list").unlink()
    threads.use_all_cores()
    assert threads.CHOSEN not in threads.os.environ
