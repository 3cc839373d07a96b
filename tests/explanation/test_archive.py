"""Files of explanations: what was written is read back, whoever wrote it; others are refused."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx.engine.rules import RuleReport
from gradcam_mx.errors import InputError, OutputError

OLD = Path(__file__).resolve().parent.parent / "data"
RNG = np.random.RandomState(0)


def explanation(method="grad_cam", **changes):
    fields = {
        "values": RNG.rand(2, 3, 5).astype(np.float32),
        "target": [281, 282],
        "score": RNG.rand(2).astype(np.float32),
        "input_size": (12, 20),
        "layer": "features.7",
        "output": "scores",
        "input": "data",
    }
    return gm.Explanation(**{"method": method, **fields, **changes})


def several():
    return {
        "grad_cam": explanation(),
        "lime": explanation(
            "lime",
            values=RNG.randn(2, 12, 20).astype(np.float32),
            layer=None,
            signed=True,
            options={"num_samples": 20},
            details={"segments": np.arange(480).reshape(2, 12, 20), "score": np.array([np.nan])},
        ),
        "guided backprop, class 3": explanation(
            "guided_backprop",
            values=RNG.randn(2, 3, 12, 20).astype(np.float32),
            target="cosine similarity",
            rule_report=RuleReport("guided", {"relu": 3}, {"sigmoid": 1}),
        ),
    }


def rewritten(path, **changes):
    """The file with members changed; None takes one away."""
    with np.load(path) as stored:
        arrays = {**{name: stored[name] for name in stored.files}, **changes}
    np.savez(path, **{name: one for name, one in arrays.items() if one is not None})
    return path


def about(path):
    with np.load(path) as stored:
        return json.loads(str(stored["about"]))


# ---------------------------------------------------------------------------------- several, or one


def test_several_are_read_back_by_their_names(tmp_path):
    written = several()
    path = gm.Explanation.save_all(tmp_path / "all.npz", written)
    assert path == tmp_path / "all.npz"
    found = gm.Explanation.load_all(path)
    assert list(found) == list(written)
    for name, one in written.items():
        for field in ("method", "target", "input_size", "layer", "options", "rule_report"):
            assert getattr(found[name], field) == getattr(one, field), field
        np.testing.assert_array_equal(found[name].values, one.values)
        np.testing.assert_array_equal(found[name].score, one.score)
        assert found[name].details.keys() == one.details.keys()
        for key, detail in one.details.items():
            np.testing.assert_array_equal(found[name].details[key], detail)
        assert gm.Explanation.load(path, name) == found[name]
    assert found == written


def test_one_alone_needs_no_name_and_is_called_like_its_method(tmp_path):
    one = several()["lime"]
    path = one.save(tmp_path / "one.npz")
    assert gm.Explanation.load(path) == one
    assert gm.Explanation.load_all(path) == {"lime": one}
    path = gm.Explanation.save_all(path, {"by name": one})
    assert gm.Explanation.load(path) == one
    assert list(gm.Explanation.load_all(path)) == ["by name"]


def test_of_several_one_has_to_be_named(tmp_path):
    path = gm.Explanation.save_all(tmp_path / "all.npz", several())
    holds = r"all\.npz holds 3 explanations, grad_cam, lime, guided backprop, class 3"
    advice = r'load\(path, "grad_cam"\), or read all by Explanation\.load_all\(path\)$'
    with pytest.raises(InputError, match=f"{holds}: choose one by .*{advice}"):
        gm.Explanation.load(path)
    with pytest.raises(InputError, match=f"{holds}, and none named 'saliency': .*{advice}"):
        gm.Explanation.load(path, "saliency")


def test_arrays_are_found_by_numpy_alone(tmp_path):
    """Under the names that the command line and `save` have always given them."""
    written = several()
    with np.load(gm.Explanation.save_all(tmp_path / "all.npz", written)) as stored:
        for name, one in written.items():
            np.testing.assert_array_equal(stored[name], one.values)
            np.testing.assert_array_equal(stored[f"{name}.score"], one.score)
    first = written["grad_cam"]
    said = about(tmp_path / "all.npz")
    assert (said["target"], said["layer"]) == (first.target, first.layer)
    assert said["score"] == first.score.tolist()
    assert (said["format"], said["version"]) == (2, gm.__version__)
    with np.load(written["lime"].save(tmp_path / "one.npz")) as stored:
        names = {"values", "score", "about", "details.segments", "details.score"}
        assert set(stored) == names


def test_what_explain_gives_can_be_kept(ctx, tmp_path):
    net = gm.nn.HybridSequential()
    net.add(gm.nn.Conv2D(2, 3, activation="relu", in_channels=3), gm.nn.Flatten(), gm.nn.Dense(4))
    net.initialize(ctx=ctx)
    x = RNG.rand(2, 3, 8, 9).astype(np.float32)
    methods = ["grad_cam", "guided_grad_cam", "integrated_gradients", "feature_ablation"]
    found = gm.explain(net, x, methods, options={"feature_ablation": {"segments": "grid"}})
    path = gm.Explanation.save_all(tmp_path / "all.npz", found)
    assert gm.Explanation.load_all(path) == found
    lists = gm.explain(net, x, ["saliency"], gm.targets.Several([0, 1]))
    with pytest.raises(InputError, match=r"'saliency' is a list; .*each of several targets"):
        gm.Explanation.save_all(path, lists)
    assert gm.Explanation.load_all(path) == found


@pytest.mark.parametrize(
    "names", [["about"], ["file"], [""], ["a", "a.score"], ["a.score", "a"], ["a.npy"]], ids=str
)
def test_names_that_cannot_be_told_apart_are_refused(names, tmp_path):
    with pytest.raises(InputError, match=r"cannot be called .* choose another name"):
        gm.Explanation.save_all(tmp_path / "all.npz", {name: explanation() for name in names})
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_of_what_cannot_be_written(tmp_path, monkeypatch):
    path = gm.Explanation.save_all(tmp_path / "all.npz", several())
    before = path.read_bytes()

    def full(file, *args, **kwargs):
        Path(file).write_bytes(before[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OutputError, match="No space left"):
        gm.Explanation.save_all(path, {"other": explanation()})
    assert [one.name for one in tmp_path.iterdir()] == ["all.npz"]
    assert path.read_bytes() == before
    with pytest.raises(OutputError, match=r"named \*\.npz"):
        gm.Explanation.save_all(tmp_path / "all.png", several())
    with pytest.raises(InputError, match="no explanation to write"):
        gm.Explanation.save_all(path, {})


# ------------------------------------------------------------------- what version 0.1.0 has written


def test_an_explanation_of_0_1_0_is_read():
    path = OLD / "explanation-0.1.0.npz"
    found = gm.Explanation.load(path)
    with np.load(path) as stored:
        np.testing.assert_array_equal(found.values, stored["values"])
        np.testing.assert_array_equal(found.score, stored["score"])
    assert found.values.shape == (2, 3, 10, 12)
    assert (found.method, found.target, found.layer) == ("guided_grad_cam", [2, 0], "0")
    assert (found.input_size, found.options, found.details) == ((10, 12), {}, {})
    assert found.rule_report == RuleReport("guided", {"relu": 1}, {})
    assert (found.output, found.input) == ("net_dense0_fwd_output", "data")
    assert not found.signed
    assert gm.Explanation.load_all(path) == {"guided_grad_cam": found}


def test_a_signed_explanation_of_0_1_0_is_read():
    path = OLD / "signed-explanation-0.1.0.npz"
    found = gm.Explanation.load(path, "feature_ablation")
    assert found.signed
    assert found.rule_report is None
    assert found.options == {"segments": "grid", "num_segments": 6}
    with np.load(path) as stored:
        assert set(found.details) == {"segments", "segment_values"}
        for name, detail in found.details.items():
            np.testing.assert_array_equal(detail, stored[f"details.{name}"])
    assert found.signed_heatmap().shape == (2, 10, 12)


METHODS = ["grad_cam", "saliency", "guided_backprop", "occlusion", "feature_ablation"]


def command_line(tmp_path, *methods):
    """The file of 0.1.0's command line, as if it had been asked for these methods."""
    path = tmp_path / "photo.npz"
    path.write_bytes((OLD / "command-line-0.1.0.npz").read_bytes())
    return rewritten(path, **{name: None for name in METHODS if name not in methods})


def test_the_command_lines_file_of_0_1_0_is_read():
    path = OLD / "command-line-0.1.0.npz"
    with pytest.warns(UserWarning, match="which did not keep options, .*occlusion's") as warned:
        found = gm.Explanation.load_all(path)
    assert warned[0].filename == __file__
    assert list(found) == METHODS
    with np.load(path) as stored:
        for name, one in found.items():
            np.testing.assert_array_equal(one.values, stored[name])
    layer = "net_conv0_relu_fwd_output"
    assert [one.layer for one in found.values()] == [layer, None, None, None, None]
    assert [one.signed for one in found.values()] == [False, False, False, False, True]
    for name, one in found.items():
        assert (one.method, one.target, one.input_size) == (name, [2], (10, 12))
        assert (one.score.dtype, one.score.shape) == (np.float32, (1,))
        assert one.score[0] == np.float32(-0.443000853061676)
        unknown = (one.options, one.details, one.rule_report, one.output, one.input)
        assert unknown == ({}, {}, None, None, None)
        assert one.heatmap().shape == (1, 10, 12)
    with pytest.warns(UserWarning, match="did not keep") as warned:
        assert gm.Explanation.load(path, "saliency") == found["saliency"]
    assert warned[0].filename == __file__


def test_a_size_that_was_not_kept_is_asked_for(tmp_path):
    path = command_line(tmp_path, "grad_cam")
    with pytest.raises(InputError, match=r"holds only grad_cam, .*pass input_size=\(height, wid"):
        gm.Explanation.load(path)
    with pytest.warns(UserWarning, match="did not keep"):
        found = gm.Explanation.load(path, input_size=[30, 40])
    assert found.input_size == (30, 40)
    assert found.heatmap().shape == (1, 30, 40)


@pytest.mark.filterwarnings("ignore:.*did not keep")
def test_a_size_that_is_known_cannot_be_another(tmp_path):
    for path in (OLD / "explanation-0.1.0.npz", command_line(tmp_path, "grad_cam", "occlusion")):
        assert all(
            one.input_size == (10, 12)
            for one in gm.Explanation.load_all(path, input_size=(10, 12)).values()
        )
        with pytest.raises(InputError, match=r"\(12, 10\) was given, .* of \(10, 12\); leave it"):
            gm.Explanation.load_all(path, input_size=(12, 10))


# ------------------------------------------------------------------------------------------- others


def assert_refused(path, why):
    for read in (gm.Explanation.load, gm.Explanation.load_all):
        with pytest.raises(
            InputError, match=re.escape(path.name) + " is no saved explanation: " + why
        ):
            read(path)


def test_what_cannot_be_opened(tmp_path):
    assert_refused(tmp_path / "none.npz", "there is no such file")
    (tmp_path / "folder.npz").mkdir()
    assert_refused(tmp_path / "folder.npz", "it cannot be read")
    (tmp_path / "empty.npz").write_bytes(b"")
    assert_refused(tmp_path / "empty.npz", "it is empty")
    (tmp_path / "text.npz").write_text("values")
    assert_refused(tmp_path / "text.npz", r"it is no \.npz archive")
    np.save(tmp_path / "array.npy", np.zeros(3))
    assert_refused(tmp_path / "array.npy", r"it is no \.npz archive")


def test_other_programs_files(tmp_path):
    np.savez(tmp_path / "other.npz", values=np.zeros((1, 2, 2)), score=np.zeros(1))
    assert_refused(tmp_path / "other.npz", "it is another program's, and holds values, score$")
    np.savez(tmp_path / "objects.npz", values=np.array([{}, None]), about=np.array([None]))
    assert_refused(tmp_path / "objects.npz", "it is cut short or damaged|it is another program's")
    with zipfile.ZipFile(tmp_path / "texts.npz", "w") as archive:
        for number in range(9):
            archive.writestr(f"{number}.txt", "text")
    assert_refused(
        tmp_path / "texts.npz", r"it is another program's, and holds 0\.txt, .*4.txt, …$"
    )


def test_a_newer_format_is_said_to_be_newer(tmp_path):
    path = explanation().save(tmp_path / "one.npz")
    newer = {"program": "gradcam-mx", "format": 3, "version": "7.0"}
    rewritten(path, about=json.dumps(newer))
    with pytest.raises(
        InputError, match=r"by gradcam_mx 7\.0 in format 3; .* formats up to 2: inst"
    ):
        gm.Explanation.load(path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"values": None}, "it lacks 'values'"),
        ({"score": None}, "it lacks 'score'"),
        ({"values": np.array([None])}, "it is cut short or damaged"),
    ],
    ids=str,
)
def test_what_is_missing_is_named(change, why, tmp_path):
    path = rewritten(explanation().save(tmp_path / "one.npz"), **change)
    assert_refused(path, why)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("explanations", None, "it is cut short or damaged"),
        ("explanations", {}, "it holds none"),
        ("explanations", {"a": {}}, "it lacks 'arrays'"),
        ("explanations", {"a": {"arrays": {}}}, "it lacks 'values'"),
        ("format", "two", "it is cut short or damaged"),
    ],
    ids=str,
)
def test_what_a_file_says_of_itself_may_be_damaged(field, value, why, tmp_path):
    path = explanation().save(tmp_path / "one.npz")
    assert_refused(rewritten(path, about=json.dumps({**about(path), field: value})), why)


@pytest.mark.filterwarnings("ignore:.*did not keep")
@pytest.mark.parametrize("kind", ["new", "command line of 0.1.0"])
def test_no_damage_is_taken_for_an_explanation(kind, tmp_path):
    """Cut anywhere it is refused; with bytes changed, that or read as it was written."""
    path = tmp_path / "one.npz"
    if kind == "new":
        gm.Explanation.save_all(path, {"a": explanation(), "b": explanation("saliency")})
    else:
        path.write_bytes((OLD / "command-line-0.1.0.npz").read_bytes())
    whole, written = path.read_bytes(), gm.Explanation.load_all(path)
    for length in range(2, len(whole) - 1, 61):
        path.write_bytes(whole[:length])
        assert_refused(path, "it is cut short or damaged")
    for place in range(0, len(whole), 13):
        changed = bytearray(whole)
        changed[place] ^= 0x55
        path.write_bytes(changed)
        try:
            found = gm.Explanation.load_all(path)
        except InputError:
            continue
        assert all(one == written[name] for name, one in found.items() if name in written)
