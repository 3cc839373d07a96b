"""What people take along: figures, numbers, and code and commands that give the same numbers."""

from __future__ import annotations

import io
import runpy
import shlex

import numpy as np
import pytest
import web_app
from PIL import Image
from web_app import Page, encoded, photo

import gradcam_mx as gm
from gradcam_mx.apps import command_line as cli
from gradcam_mx.apps.options import parser
from gradcam_mx.apps.web import opening

ASKED = [
    {"name": "grad_cam"},
    {"name": "smooth_grad", "options": {"num_samples": 4, "seed": 3}},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("export")
    web_app.export(made)
    (made / "names.txt").write_text("cat\ndog\ncow")
    (made / "my photos").mkdir()
    for number, name in enumerate(["it's a cat.png", "dog $(reboot).png"]):
        (made / "my photos" / name).write_bytes(encoded(photo(number)))
    return made


@pytest.fixture(scope="module")
def page(folder):
    given = ["--symbol", str(folder / "net"), "--size", "32", "--names", str(folder / "names.txt")]
    options = parser().parse_args(["app", *given, "--preprocess", "caffe"])
    with Page(opening.networks(options, [])) as made:
        made.workspace.album.add_files(sorted((folder / "my photos").iterdir()))
        yield made


def code(page, maps):
    return page.get(f"api/export/code?maps={','.join(one['id'] for one in maps)}")


def archive(page, maps, folder):
    path = folder / "from_the_app.npz"
    path.write_bytes(page.get(f"api/export/values.npz?maps={','.join(one['id'] for one in maps)}"))
    return gm.Explanation.load_all(path)


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, one in expected.items():
        np.testing.assert_array_equal(found[name].values, one.values)
        assert found[name].target == one.target
        assert found[name].class_names == one.class_names


@pytest.mark.parametrize(
    ("methods", "how"),
    [
        (ASKED, {}),
        (ASKED, {"targets": [{"class": "dog"}], "layer": "first_relu_fwd_output"}),
        ([{"name": "grad_cam", "options": {"relu": False}}], {"targets": [{"class": 0}]}),
        ([{"name": "input_x_gradient", "inside": True}], {"layer": "second_fwd_output"}),
        ([{"name": "saliency"}], {"targets": [{"class": 0}, {"class": 2}, {"difference": [0, 1]}]}),
        (
            [{"name": "guided_backprop"}],
            {
                "targets": [
                    {"unit": {"layer": "second_fwd_output", "channel": 2, "position": [1, 2]}}
                ]
            },
        ),
        ([{"name": "occlusion", "options": {"window": "[8, 16]", "batch_size": 4}}], {}),
        ([{"name": "expected_gradients", "options": {"num_samples": 4, "batch_size": 2}}], {}),
    ],
    ids=lambda one: str(one)[:60],
)
def test_the_python_code_gives_the_same_numbers(page, tmp_path, monkeypatch, methods, how):
    maps = page.explain(*methods, **how)["maps"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "made.py").write_text(code(page, maps)["python"])
    runpy.run_path("made.py")
    assert_same(gm.Explanation.load_all("explanations.npz"), archive(page, maps, tmp_path))
    assert len(list(tmp_path.glob("*.png"))) == len(maps)


@pytest.mark.parametrize(
    ("methods", "how"),
    [
        (ASKED, {}),
        (ASKED, {"targets": [{"class": "dog"}], "layer": "first_relu_fwd_output"}),
        ([{"name": "expected_gradients", "options": {"num_samples": 4, "batch_size": 2}}], {}),
    ],
    ids=lambda one: str(one)[:60],
)
def test_the_command_line_gives_the_same_numbers(page, tmp_path, monkeypatch, methods, how):
    maps = page.explain(*methods, **how)["maps"]
    told = code(page, maps)
    assert told["command_problem"] is None
    monkeypatch.chdir(tmp_path)
    program, *words = shlex.split(told["command"])
    assert program == "gradcam-mx"
    assert cli.main([*words, "--out", "made"]) == 0
    (made,) = (tmp_path / "made").glob("*.npz")
    found, expected = gm.Explanation.load_all(made), archive(page, maps, tmp_path)
    assert list(found) == list(expected)
    for name, one in expected.items():
        np.testing.assert_array_equal(found[name].values, one.values)


@pytest.mark.parametrize(
    ("methods", "how", "said"),
    [
        ([{"name": "grad_cam", "options": {"relu": False}}], {}, "no option for 'relu'"),
        (
            [{"name": "lime", "options": {"baseline": 0.5, "num_samples": 8}}],
            {},
            "does not take 0.5",
        ),
        ([{"name": "saliency"}], {"targets": [{"class": 0}, {"class": 1}]}, "explains one class"),
        ([{"name": "saliency"}], {"targets": [{"difference": [0, 1]}]}, "explains classes"),
        (
            [
                {"name": "rise", "options": {"num_samples": 4}},
                {"name": "smooth_grad", "options": {"num_samples": 8}},
            ],
            {},
            "different values of 'num_samples'",
        ),
        (
            [{"name": "input_x_gradient", "inside": True}],
            {"layer": "second_fwd_output"},
            "one layer",
        ),
    ],
    ids=lambda one: str(one)[:60],
)
def test_where_no_command_says_it_the_reason_is_told(page, methods, how, said):
    told = code(page, page.explain(*methods, **how)["maps"])
    assert told["command"] is None
    assert said in told["command_problem"]
    assert "gm." in told["python"]


def test_names_are_quoted(page):
    ids = [one.id for one in page.workspace.album.all()]
    told = code(page, page.explain("grad_cam", photos=ids)["maps"])
    words = shlex.split(told["command"])
    assert [one.rpartition("/")[2] for one in words[2:4]] == ["dog $(reboot).png", "it's a cat.png"]
    compile(told["python"], "made.py", "exec")


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_figures_hold_all_maps(page, kind):
    maps = page.explain("grad_cam", "saliency")["maps"]
    ids = ",".join(one["id"] for one in maps)
    answer = page.client.get(f"/api/export/figure.{kind}?maps={ids}&opacity=0.7&colormap=cividis")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    if kind == "png":
        drawn = Image.open(io.BytesIO(answer.data))
        assert drawn.width > 3 * 200
        other = page.client.get(f"/api/export/figure.png?maps={ids}").data
        assert other != answer.data
    else:
        assert answer.data.startswith(b"%PDF" if kind == "pdf" else b"<?xml")


def test_names_of_downloads_are_headers_and_nothing_else(page):
    for name in ['a"; x=y.png', "a\r\nSet-Cookie: a=b.png", "ü 漢.png", "<script>.png"]:
        told = page.upload(encoded(photo(7 + len(name))), name)
        (one,) = page.explain("centre_map", photos=[told["id"]])["maps"]
        answer = page.client.get(f"/{one['picture']}?download=1")
        header = answer.headers["Content-Disposition"]
        assert header.isascii()
        assert header.count('"') == 2
        assert "Set-Cookie" not in answer.headers
        page.delete(f"api/photos/{told['id']}")


def test_what_there_is_none_of_is_not_exported(page):
    page.get("api/export/figure.exe?maps=a", 404)
    page.get("api/export/figure.png?maps=", 400)
    page.get("api/export/values.npz?maps=a", 404)
    page.get(f"api/export/code?maps={','.join('a' * 40)}", 400)
