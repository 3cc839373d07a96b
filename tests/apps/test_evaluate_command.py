"""`gradcam-mx evaluate`: its table is that of `gm.metrics.evaluate`, and what is done stays."""

from __future__ import annotations

import csv
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from failing import failing_after
from PIL import Image

import gradcam_mx as gm
from gradcam_mx import zoo
from gradcam_mx._mxnet import mx
from gradcam_mx.apps import command_line as cli
from gradcam_mx.apps import object_masks, requested, requested_measures
from gradcam_mx.metrics.evaluating import Evaluator, Kept
from gradcam_mx.metrics.table import Evaluation

NAMES = ["cat", "dog, puppy", "cow"]
PREPARE = zoo.IMAGENET.adapted(size=24)
METHODS = ["grad_cam", "saliency"]
METRICS = ["sparseness"]
FILES = {"evaluation.csv", "evaluation.json", "evaluation.png", "samples.csv"}


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


@pytest.fixture
def evaluate(net, tmp_path, capsys, monkeypatch):
    """Run `gradcam-mx evaluate` in a folder of its own; exit code, standard output, error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, metric=METRICS, names=True):
        capsys.readouterr()
        more = ["--classes", str(net.with_name("names.txt"))] if names else []
        network = ["--symbol", str(net), "--size", "24", *more]
        asked = [
            "--method",
            *METHODS,
            "--batch-size",
            "8",
            *(["--metric", *metric] if metric else []),
        ]
        try:
            code = cli.main(["evaluate", *map(str, arguments), *network, *asked])
        except SystemExit as end:  # of a usage error
            code = end.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def photo(seed):
    return np.random.RandomState(seed).randint(0, 256, (30, 40, 3), np.uint8)


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


@pytest.fixture
def photos(tmp_path):
    return [write(tmp_path / "in" / f"{name}.png", photo(i)) for i, name in enumerate("abc")]


def expected(net, seeds, metrics=METRICS, **more):
    """What Python says of the same photos, one at a time, to the last bit."""
    x = np.concatenate([PREPARE(photo(seed)) for seed in seeds])
    sizes = {"srg": {"batch_size": 8}} if "srg" in metrics else {}
    more = {"metric_options": sizes, "at_a_time": 1, "progress": False, **more}
    return gm.metrics.evaluate(gm.load(net), x, METHODS, metrics, **more)


def table_of(folder):
    return Evaluation.load(folder / "evaluation.json")


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def everything(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def never(*_, **__):
    raise AssertionError("too late to complain")


# ------------------------------------------------------------------------------------- the table


def test_the_table_is_that_of_python(evaluate, net, tmp_path, photos):
    metrics = ["srg", "sparseness"]
    code, out, err = evaluate("in", "--out", "out", metric=metrics)
    assert code == 0, err
    table = expected(net, range(3), metrics)
    where = f"3 of 3 photos measured; the table, its numbers and figures are in {tmp_path / 'out'}"
    assert out == f"{table!r}\n{where}\n"
    assert table.controls == ["random_map", "centre_map", "edge_map"]
    assert table_of(tmp_path / "out") == table
    written = {one.name for one in (tmp_path / "out").iterdir()}
    assert written == FILES | {"curve_srg.png", "run.json", "results.csv"}
    table.to_csv(tmp_path / "expected.csv")
    own = (tmp_path / "out" / "evaluation.csv").read_bytes()
    assert own == (tmp_path / "expected.csv").read_bytes()
    found = {
        (one["source"], one["method"], one["metric"]): float(one["value"])
        for one in rows(tmp_path / "out" / "samples.csv")
    }
    assert found == {
        (str(path), method, metric.name): table.values[column, row, number]
        for number, path in enumerate(photos)
        for row, method in enumerate(table.rows)
        for column, metric in enumerate(table.metrics)
    }
    for name in ("evaluation.png", "curve_srg.png"):
        assert zoo.read_photo(tmp_path / "out" / name).std() > 10


def test_a_class_output_controls_and_seed_are_chosen(evaluate, net, photos):
    code, out, err = evaluate(
        *photos[:2],
        *("--class", "dog, puppy", "--output", "probability"),
        *("--controls", "random_map", "--seed", "3"),
    )
    assert code == 0, err
    table = expected(net, range(2), target=1, output="probability", controls=["random_map"], seed=3)
    assert out.startswith(f"{table!r}\n")


def test_without_controls(evaluate, net, photos):
    code, out, err = evaluate(photos[0], "--controls", "none")
    assert (code, err) == (0, "")
    assert out.startswith(f"{expected(net, [0], controls=())!r}\n")


def test_a_control_that_is_asked_for_as_a_method_is_no_control(evaluate, tmp_path, photos):
    given = ["--method", "edge_map", "--controls", "edge_map", "random_map"]
    assert evaluate(photos[0], *given, "--out", "out")[0] == 0
    table = table_of(tmp_path / "out")
    assert (table.methods, table.controls) == (["edge_map", *METHODS], ["random_map"])


def test_the_usual_measures(evaluate, photos, monkeypatch):
    find = requested_measures.find_spec
    for known, usual in ((True, ["srg", "road", "sparseness"]), (False, ["srg", "sparseness"])):
        monkeypatch.setattr(
            requested_measures, "find_spec", lambda name, known=known: known and find(name)
        )
        code, out, err = evaluate(photos[0], "--controls", "none", metric=[])
        assert code == 0, err
        assert [one for one in out.splitlines()[0].split() if one not in "↑↓"] == usual


def test_photos_are_read_a_few_ahead(evaluate, tmp_path, monkeypatch):
    """So the memory that it takes does not grow with their number."""
    for number in range(12):
        write(tmp_path / "in" / f"{number:02}.png", photo(number))
    read, whole, measured = [], zoo.read_photo, Evaluator.measure

    def counted(path, **more):
        read.append(path)
        return whole(path, **more)

    def measure(self, start, *args):
        assert len(read) <= start + 5
        return measured(self, start, *args)

    monkeypatch.setattr(zoo, "read_photo", counted)
    monkeypatch.setattr(Evaluator, "measure", measure)
    code, _, err = evaluate("in")
    assert code == 0, err
    assert len(read) == 12


# ------------------------------------------------------------------------------------ the classes


@pytest.mark.parametrize(
    "text",
    [
        'a.png,2\nb.png,"dog, puppy"\n\nc.png,cat\nother.png,no class\n',
        "photo\tclass\n./in/a.png\tcow\nin/b.png\tdog, puppy\n../{folder}/in/c.png\t0\n",
        "{whole}/in/a.png, Cow\nin/../in/b.png, 1\nc.png, 1\nin/c.png, 0\n",
    ],
    ids=["names", "tabs", "paths"],
)
def test_the_labels_are_explained(evaluate, net, tmp_path, photos, text):
    given = text.format(whole=tmp_path, folder=tmp_path.name)
    (tmp_path / "labels.txt").write_text(given)
    code, out, err = evaluate("in", "--labels", "labels.txt")
    assert code == 0, err
    assert out.startswith(f"{expected(net, range(3), labels=[2, 1, 0])!r}\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("b.png,1\n", "labels.txt has no line for in/a.png, in/c.png; expected for each photo"),
        ("a.png 1\n", "line 1 of labels.txt has 1 fields; expected a photo, a comma or tab"),
        ("a.png,dog, puppy\n", "line 1 of labels.txt has 3 fields"),
        ("a.png,1\n\na.png,2\n", "lines 1 and 3 of labels.txt name two classes of a.png"),
        ('"a.png,1\n', "line 1 of labels.txt has 1 fields"),
        ("a.png,\xff\n".encode("latin-1"), "labels.txt is not a text file (UTF-8)"),
        (None, "the labels in labels.txt cannot be read (No such file or directory)"),
    ],
)
def test_wrong_labels_are_told_before_the_net_is_read(
    evaluate, tmp_path, photos, monkeypatch, text, said
):
    if text is not None:
        (tmp_path / "labels.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    monkeypatch.setattr(requested, "load", never)
    code, out, err = evaluate("in/?.png", "--labels", "labels.txt", "--out", "out")
    assert (code, out) == (2, "")
    assert err.startswith(f"gradcam-mx: {said}"), err
    assert not (tmp_path / "out").exists()


def test_a_name_of_several_photos(evaluate, tmp_path):
    for folder in "xy":
        write(tmp_path / folder / "a.png", photo(0))
    (tmp_path / "labels.txt").write_text("a.png,1\n")
    code, _, err = evaluate("x", "y", "--labels", "labels.txt")
    assert code == 2
    assert "line 1 of labels.txt names several photos, x/a.png and y/a.png" in err
    (tmp_path / "labels.txt").write_text("x/a.png,1\ny/a.png,2\n")
    assert evaluate("x", "y", "--labels", "labels.txt")[0] == 0


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (True, "gradcam-mx: line 2 of labels.txt: no names.txt class is called 'cat dog'"),
        (False, "gradcam-mx: line 2 of labels.txt: class 'cat dog' is no class id, and no names"),
    ],
)
def test_a_class_that_is_not_there(evaluate, tmp_path, photos, names, said):
    (tmp_path / "labels.txt").write_text("a.png,1\nb.png,cat dog\nc.png,1\n")
    code, out, err = evaluate("in", "--labels", "labels.txt", names=names)
    assert (code, out) == (2, "")
    assert err.startswith(said)


# -------------------------------------------------------------------------------------- the masks


def mask(seed):
    found = np.zeros((30, 40), np.uint8)
    found[3 + seed : 20, 9:31] = 1
    return found


def as_seen(array):
    """Scaled and cut as the photo is, by Pillow."""
    whole = Image.fromarray(array).resize((36, 27), Image.Resampling.NEAREST)
    return np.asarray(whole.crop((6, 1, 30, 25)))


LOCAL = ["energy", "rank_accuracy", "iou"]


@pytest.mark.parametrize("placed", [False, True])
def test_masks_are_cut_as_the_photos_are(evaluate, net, tmp_path, placed):
    assert PREPARE.geometry(photo(0)).scaled == (27, 36)
    for number, folder in enumerate("xy"):
        write(tmp_path / "in" / folder / f"{number}.jpg", photo(0))
        write(tmp_path / "in" / folder / f"{number}.png", photo(number))
        (tmp_path / "in" / folder / f"{number}.jpg").unlink()
        write(tmp_path / "masks" / (folder if placed else "") / f"{number}.png", mask(number))
    code, out, err = evaluate("in", "--masks", "masks", metric=LOCAL)
    assert code == 0, err
    masks = np.stack([as_seen(mask(number)) for number in range(2)])
    assert out.startswith(f"{expected(net, range(2), LOCAL, masks=masks)!r}\n")


def test_masks_of_photos_of_one_name_lie_as_they_do(evaluate, tmp_path):
    for folder in "xy":
        write(tmp_path / "in" / folder / "a.png", photo(0))
    write(tmp_path / "masks" / "a.png", mask(0))
    code, out, err = evaluate("in", "--masks", "masks", metric=LOCAL)
    assert (code, out) == (1, "0 of 2 photos measured\n")
    assert "there is no mask masks/x/a.png" in err
    assert "there is no mask masks/y/a.png" in err


@pytest.mark.parametrize("kind", ["L", "1", "RGB", "deep", "palette", "see-through", "LA"])
def test_kinds_of_masks(tmp_path, kind):
    one = mask(0)
    color = np.dstack([one * 0, one, one * 0])
    image = {
        "L": lambda: Image.fromarray(one),
        "1": lambda: Image.fromarray(one > 0),
        "RGB": lambda: Image.fromarray(color),
        "deep": lambda: Image.fromarray(one.astype(np.uint16)),
        "palette": lambda: Image.fromarray(color * 200).quantize(4),
        "see-through": lambda: Image.fromarray(np.dstack([color * 0 + 255, one * 255])),
        "LA": lambda: Image.fromarray(np.dstack([one * 0 + 255, one])),
    }[kind]()
    image.save(tmp_path / "a.png")
    found = object_masks.read_mask(tmp_path / "a.png", PREPARE.geometry(photo(0)))
    np.testing.assert_array_equal(found, as_seen(one) > 0)


def test_what_cannot_be_measured_is_named_and_left_out(evaluate, net, tmp_path):
    for number, name in enumerate("abcdefg"):
        write(tmp_path / "in" / f"{name}.png", photo(number))
        write(tmp_path / "masks" / f"{name}.png", mask(number))
    (tmp_path / "in" / "a.png").write_bytes(b"no picture")
    (tmp_path / "masks" / "b.png").unlink()
    write(tmp_path / "masks" / "c.png", mask(2) * 0)
    write(tmp_path / "masks" / "d.png", mask(3)[:, :-1])
    corner = mask(4) * 0
    corner[0, 0] = 1
    write(tmp_path / "masks" / "e.png", corner)
    (tmp_path / "masks" / "f.png").write_bytes(b"no picture")
    code, out, err = evaluate("in", "--masks", "masks", "--out", "out", metric=LOCAL)
    assert code == 1
    said = [one for one in err.splitlines() if one.startswith("gradcam-mx: ")]
    for line, path, why in zip(
        said,
        "abcdef",
        [
            "is not a picture",
            "there is no mask masks/b.png",
            "the mask masks/c.png is empty: it has to be non-zero where the object is",
            "the mask masks/d.png is 30x39 pixels high and wide, its photo 30x40",
            "the mask masks/e.png is empty in the part of the photo that the net sees",
            "the mask masks/f.png cannot be read: cannot identify image file",
        ],
    ):
        assert f"in/{path}.png" in line
        assert why in line
    assert len(said) == 6
    table = expected(net, [6], LOCAL, masks=as_seen(mask(6))[None])
    assert out.startswith(f"{table!r}\n1 of 7 photos measured;")
    kept = {Path(one["source"]).stem: one for one in rows(tmp_path / "out" / "results.csv")}
    assert [kept[one]["error"] != "" for one in "abcdefg"] == [True] * 6 + [False]
    assert kept["b"]["error"] == "there is no mask masks/b.png"
    # what was wrong is right now
    write(tmp_path / "masks" / "b.png", mask(1))
    assert evaluate("in", "--masks", "masks", "--out", "out", metric=LOCAL)[0] == 1
    kept = {Path(one["source"]).stem: one for one in rows(tmp_path / "out" / "results.csv")}
    assert (kept["b"]["error"], len(kept["b"]["sha256"])) == ("", 64)
    assert len(table_of(tmp_path / "out")) == 2


# ----------------------------------------------------------------------------- which method is best


def recommend(*arguments):
    """Exit code of `gradcam-mx evaluate --recommend`, whose output is the caller's to read."""
    try:
        return cli.main(["evaluate", "--recommend", *map(str, arguments)])
    except SystemExit as end:
        return end.code


@pytest.mark.slow
def test_a_recommendation_is_that_of_python(net, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in range(9):
        write(tmp_path / "in" / f"{seed}.png", photo(seed))
    (tmp_path / "in" / "4.png").write_bytes(b"no photo")
    asked = ["--symbol", net, "--size", "24", "--class", "1", "--seed", "3", "--out", "out"]
    methods = ["grad_cam", "saliency", "layer_cam"]
    assert recommend("in", *asked, "--method", *methods) == 1  # one photo is broken
    printed = capsys.readouterr()
    x = np.concatenate([PREPARE(photo(seed)) for seed in range(9) if seed != 4])
    found = gm.metrics.recommend(gm.load(net), x, 1, methods=methods, seed=3, progress=False)
    assert printed.out.startswith(f"{found!r}\n8 of 9 photos measured;")
    assert "in/4.png" in printed.err
    assert (tmp_path / "out" / "recommendation.txt").read_text() == f"{found!r}\n"
    np.testing.assert_allclose(table_of(tmp_path / "out").values, found.table.values, rtol=1e-4)
    measured = {Path(one["source"]).stem for one in rows(tmp_path / "out" / "samples.csv")}
    assert measured == set("5678")  # the half that was not used to choose
    kept = rows(tmp_path / "out" / "results.csv")
    assert {Path(one["source"]).stem for one in kept if one["error"]} == {"4"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--metric", "srg"], "argument --metric: not allowed with argument --recommend"),
        (["--masks", "in"], "argument --masks: not allowed with argument --recommend"),
        (["--controls", "none"], "argument --controls: not allowed with argument --recommend"),
        (["--steps", "5"], "argument --steps: not allowed with argument --recommend, which tries"),
        (["--baseline", "blur"], "argument --baseline: not allowed with argument --recommend"),
    ],
)
def test_what_a_recommendation_chooses_itself(
    net, photos, tmp_path, capsys, monkeypatch, arguments, said
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(requested, "load", never)
    assert recommend("in", "--symbol", net, *arguments) == 2
    assert said in capsys.readouterr().err


def test_one_photo_is_too_few_to_recommend(net, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in" / "a.png", photo(0))
    assert recommend("in", "--symbol", net, "--size", "24", "--out", "out") == 2
    assert "1 samples: an error needs two" in capsys.readouterr().err


@pytest.mark.parametrize("during", ["reading", "measuring"])
def test_ctrl_c_leaves_no_recommendation(net, photos, tmp_path, capsys, monkeypatch, during):
    monkeypatch.chdir(tmp_path)
    place = (zoo, "read_photo") if during == "reading" else (Evaluator, "measure")
    if during == "measuring":
        monkeypatch.setattr(*place, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    else:
        monkeypatch.setattr(*place, failing_after(1, zoo.read_photo, KeyboardInterrupt))
    assert recommend("in", "--symbol", net, "--size", "24", "--out", "out") == 130
    assert "0 of 3 photos measured" in capsys.readouterr().out
    assert not (tmp_path / "out" / "evaluation.json").exists()


# ------------------------------------------------------------------------------------------ usage


@pytest.mark.parametrize(
    ("arguments", "metric", "said"),
    [
        ([], ["srgg"], "argument --metric: no metric 'srgg'; did you mean srg?"),
        ([], ["iou"], "metric iou: needs --masks DIR"),
        (["--masks", "in"], ["srg"], "argument --masks: is for the metrics pointing_game, energy"),
        (["--masks", "nowhere"], ["iou"], "argument --masks: there is no folder nowhere"),
        (["--controls", "random_mop"], ["srg"], "no control 'random_mop'; did you mean random_map"),
        (["--controls", "none", "edge_map"], ["srg"], "argument --controls: none goes alone"),
        (["--labels", "x", "--class", "1"], ["srg"], "--labels: not allowed with argument --targ"),
    ],
)
def test_usage_errors_come_first(evaluate, photos, monkeypatch, arguments, metric, said):
    monkeypatch.setattr(requested, "load", never)
    code, out, err = evaluate("in", *arguments, metric=metric)
    assert (code, out) == (2, "")
    assert said in err


def test_a_measure_that_does_not_fit_is_told_before_the_first_photo(
    evaluate, tmp_path, photos, monkeypatch
):
    monkeypatch.setattr(zoo, "read_photo", never)
    code, out, err = evaluate("in", "--masks", "in", "--out", "out", metric=["top_k_intersection"])
    assert (code, out) == (2, "")
    assert "count" in err
    assert not (tmp_path / "out").exists()


# ---------------------------------------------------------------------------------- ended early


@pytest.mark.parametrize("done", [0, 2])
def test_ctrl_c_keeps_what_is_done(evaluate, net, tmp_path, photos, monkeypatch, done):
    whole = Evaluator.measure
    monkeypatch.setattr(Evaluator, "measure", failing_after(done, whole, KeyboardInterrupt()))
    code, out, err = evaluate("in", "--out", "out")
    assert code == 130
    assert "gradcam-mx: stopped by Ctrl-C\n" in err
    if not done:
        assert out == "0 of 3 photos measured\n"
        assert not (tmp_path / "out").exists()
        return
    monkeypatch.setattr(Evaluator, "measure", whole)
    table = expected(net, range(2))
    assert out.startswith(f"{table!r}\n2 of 3 photos measured;")
    assert table_of(tmp_path / "out") == table
    assert {one.name for one in (tmp_path / "out").iterdir()} >= FILES


def test_a_signal_while_a_photo_is_counted_or_written(evaluate, tmp_path, photos, monkeypatch):
    for owner, name in ((Kept, "add"), (Evaluation, "save")):
        whole = getattr(owner, name)

        def interrupted(self, *args, whole=whole):
            os.kill(os.getpid(), signal.SIGINT)
            return whole(self, *args)

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, interrupted)
            code, out, err = evaluate("in", "--out", name)
        assert code == 130, err
        count = 1 if owner is Kept else 3
        assert f"{count} of 3 photos measured; " in out
        assert len(table_of(tmp_path / name)) == count
        assert {one.name for one in (tmp_path / name).iterdir()} >= FILES


def test_a_full_disk_leaves_the_table_on_the_screen(evaluate, net, tmp_path, photos, monkeypatch):
    full = OSError(28, "No space left on device")
    monkeypatch.setattr(Evaluation, "save", failing_after(0, None, full))
    code, out, err = evaluate("in", "--out", "out")
    assert code == 1
    assert "stopped: cannot write to out: No space left on device" in err
    assert out.startswith(f"{expected(net, range(3))!r}\n")
    assert not FILES & {one.name for one in (tmp_path / "out").iterdir()}


# ------------------------------------------------------------------------------------ the folder


def test_what_the_user_has_stays(evaluate, tmp_path, photos, monkeypatch):
    before = everything(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(requested, "load", never)
        code, _, err = evaluate("in", "--out", "in")
    assert code == 2
    assert "cannot write to in: it holds what gradcam-mx did not make" in err
    assert everything(tmp_path) == before
    # beside what a run has written
    assert evaluate("in", "--out", "out")[0] == 0
    (tmp_path / "out" / "results.csv").unlink()
    before = everything(tmp_path)
    monkeypatch.setattr(Evaluator, "measure", never)
    code, out, err = evaluate("in", "--out", "out")
    assert (code, out) == (2, "")
    assert "cannot write out/evaluation.json: there is a file that gradcam-mx did not make" in err
    assert everything(tmp_path) == before


def test_the_same_is_written_anew_and_other_photos_beside_it(evaluate, net, tmp_path, photos):
    assert evaluate("in", "--out", "out")[0] == 0
    first = everything(tmp_path / "out")
    assert evaluate("in", "--out", "out")[0] == 0
    assert everything(tmp_path / "out").keys() == first.keys()
    write(photos[0], photo(9))
    assert evaluate("in", "--out", "out")[0] == 0
    assert table_of(tmp_path / "out") == expected(net, [9, 1, 2])
    code, out, _ = evaluate(*photos[1:], "--out", "out")
    assert code == 0
    assert out.endswith(f"are in {tmp_path / 'out' / 'run-2'}\n")
    assert table_of(tmp_path / "out") == expected(net, [9, 1, 2])
    assert table_of(tmp_path / "out" / "run-2") == expected(net, [1, 2])


def test_each_run_has_a_folder_of_its_own(evaluate, tmp_path, photos):
    for number in range(2):
        assert evaluate("in")[0] == 0
        assert len(list((tmp_path / "explanations").iterdir())) == number + 1
