"""A network in ONNX's format on the command line, in the app, in reports and in runs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("onnx", reason="ONNX files are read by onnx")
pytest.importorskip("onnxruntime", reason="ONNX files are run by onnxruntime")

from onnx_files import exported, small_net

import gradcam_mx as gm
from gradcam_mx import zoo
from gradcam_mx.apps import command_line as cli
from gradcam_mx.apps import option_groups

PREPARE = zoo.IMAGENET.adapted(size=8)
CALL = ["--method", "occlusion", "--window", "4", "--stride", "4"]
"""That of the whole test in few runs of the net."""


@pytest.fixture
def net():
    return small_net()


@pytest.fixture
def path(net, tmp_path):
    return exported(net, tmp_path)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(2):
        pixels = np.random.RandomState(seed).randint(0, 256, (10, 12, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"p{seed}.png")
    return folder


def run(*arguments):
    return cli.main([str(one) for one in arguments])


def test_photos_are_explained_as_the_net_itself_explains_them(net, path, photos, tmp_path):
    out = tmp_path / "out"
    assert run("explain", photos, "--onnx", path, *CALL, "--out", out) == 0
    for seed in range(2):
        x = PREPARE(photos / f"p{seed}.png")
        own = gm.occlusion(net, x, window=4, stride=4)
        found = gm.Explanation.load(out / f"p{seed}.npz")
        found = found["occlusion"] if isinstance(found, dict) else found
        np.testing.assert_allclose(found.values, own.values, atol=1e-4 * abs(own.values).max())


def test_without_a_method_those_are_taken_that_need_no_gradient(path, photos, tmp_path):
    out = tmp_path / "out"
    assert run("explain", photos / "p0.png", "--onnx", path, "--samples", 8, "--out", out) == 0
    for method in option_groups.OF_BLACK_BOXES:
        assert (out / f"p0_{method}.png").is_file()


@pytest.mark.parametrize("method", ["grad_cam", "saliency", "lrp", "score_cam"])
def test_other_methods_are_refused_before_the_first_photo(method, path, photos, tmp_path, capsys):
    out = tmp_path / "out"
    assert run("explain", photos, "--onnx", path, "--method", method, "--out", out) != 0
    assert "Methods that change the input explain it" in capsys.readouterr().err
    assert not out.exists()


def test_either_a_symbol_or_a_file_of_onnx(path, capsys):
    with pytest.raises(SystemExit):
        run("check", "--onnx", path, "--symbol", path)
    assert "not allowed with" in capsys.readouterr().err
    assert run("check", "--onnx", path, "--epoch", 3) != 0
    assert "holds its parameters" in capsys.readouterr().err


def test_what_is_checked_and_what_there_is_to_look_at(path, capsys):
    assert run("check", "--onnx", path) == 0
    assert "asked again, gives the same" in capsys.readouterr().out
    assert run("layers", "--onnx", path) != 0
    assert "has no known layers" in capsys.readouterr().err


def test_a_report_agrees_with_what_is_computed_anew(path, photos, tmp_path, capsys):
    pytest.importorskip("jinja2")
    report = tmp_path / "report.html"
    few = ["--metric", "sparseness", "--controls", "random_map"]
    assert run("report", photos, "--onnx", path, *CALL, *few, "--out", report) == 0
    assert run("verify", report, "--onnx", path) == 0
    assert "agrees" in capsys.readouterr().out
    exported(small_net(seed=3), tmp_path)
    assert run("verify", report, "--onnx", path) != 0


def test_measures_stand_beside_the_controls(path, photos, tmp_path):
    out = tmp_path / "out"
    few = ["--metric", "sparseness"]
    assert run("evaluate", photos, "--onnx", path, *CALL, *few, "--out", out) == 0


def test_a_run_computes_once_what_a_file_gives(path, photos, tmp_path, capsys):
    pytest.importorskip("pyarrow")
    store = tmp_path / "store"
    asked = ["run", photos, "--onnx", path, *CALL, "--out", store, "--workers", 0]
    assert run(*asked) == 0
    assert "2 of them now" in capsys.readouterr().out
    assert run(*asked) == 0
    assert "0 of them now" in capsys.readouterr().out
    exported(small_net(seed=3), tmp_path)
    assert run(*asked) == 0
    assert "2 of them now" in capsys.readouterr().out


def scores(x):
    return x.mean(axis=(2, 3))


def test_a_function_is_computed_anew_unless_it_has_a_version(photos, tmp_path):
    pytest.importorskip("pyarrow")

    def filled(version):
        box = gm.black_box(scores, (3, 8, 8), version=version, preprocess=PREPARE)
        options = {"occlusion": {"window": 4, "stride": 4}}
        gm.run(box, photos, tmp_path / "store", methods=["occlusion"], workers=0, options=options)
        return [one.stat().st_mtime_ns for one in sorted((tmp_path / "store").rglob("*.parquet"))]

    first = filled("1")
    assert filled("1") == first
    other = filled("2")
    assert other != first
    assert filled(None) != other


def test_the_app_shows_it(path):
    pytest.importorskip("flask")
    from web_app import HeldNet, Page, encoded, photo

    net = HeldNet("net.onnx", gm.load(path), PREPARE, None)
    assert net.problem is None
    with Page([net]) as page:
        page.upload(encoded(photo()))
        shown = page.explain({"name": "occlusion", "options": {"window": 4, "stride": 4}})
        assert shown["maps"][0]["shape"] == [8, 8]
        refused = page.do(page.asked("grad_cam"))
        assert "Methods that change the input explain it" in refused["error"]
        assert json.loads(json.dumps(page.get(f"api/nets/{net.id}/layers")))["layers"] == []
