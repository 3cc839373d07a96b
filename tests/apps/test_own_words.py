"""The command line in its own words: what it takes, what it says of networks and of mistakes."""

from __future__ import annotations

import csv
import re
import warnings

import numpy as np
import pytest
from PIL import Image

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.apps import command_line as cli
from gradcam_mx.apps import explaining
from gradcam_mx.apps.advice import in_words
from gradcam_mx.apps.arguments import separated
from gradcam_mx.errors import InputError
from gradcam_mx.zoo import IMAGENET

S = mx.sym
SIZE = 24
NAMES = ["cat", "dog", "cow"]


def features(data):
    convolution = S.Convolution(data, kernel=(3, 3), pad=(1, 1), num_filter=4, name="conv")
    return S.Activation(convolution, act_type="relu", name="relu")


def classes(data):
    return S.FullyConnected(S.Flatten(features(data)), num_hidden=3, name="fc")


def segmentation(data):
    return S.Convolution(features(data), kernel=(1, 1), num_filter=3, name="map")


BOXES = np.array([[0, 0, 8, 8], [8, 8, 20, 20], [2, 2, 12, 12], [0, 0, 1, 1]], np.float32)
IDS = np.array([1, 2, 1, -1], np.float32)


def detector(data):
    """Classes, scores and boxes, as GluonCV's detection networks give them."""
    pooled = S.Pooling(features(data), global_pool=True, pool_type="avg", kernel=(1, 1))
    scores = S.reshape(S.FullyConnected(S.Flatten(pooled), num_hidden=4, name="fc"), (0, 4, 1))
    nothing = scores * 0
    ids = S.broadcast_add(S.var("ids", shape=(1, 4, 1)), nothing)
    return S.Group([ids, scores, S.broadcast_add(S.var("boxes", shape=(1, 4, 4)), nothing)])


def saved(prefix, make, shape=(1, 3, SIZE, SIZE), written=None):
    """The files of a network with random parameters, and the network."""
    symbol = make(S.var("data", shape=written))
    shapes, _, _ = symbol.infer_shape(data=shape)
    draws = np.random.RandomState(0)
    values = {
        name: mx.nd.array(draws.normal(size=one) * 0.4)
        for name, one in zip(symbol.list_arguments(), shapes)
        if name != "data"
    }
    for name, numbers in (("ids", IDS[None, :, None]), ("boxes", BOXES[None])):
        if name in values:
            values[name] = mx.nd.array(numbers)
    mx.model.save_checkpoint(str(prefix), 0, symbol, values, {})
    return symbol, values, {}


@pytest.fixture
def explain(tmp_path, capsys, monkeypatch):
    """Run `gradcam-mx explain` in a folder with a photo and names; exit code, output, error."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.RandomState(3).randint(0, 256, (30, 40, 3), np.uint8)
    Image.fromarray(pixels).save("cat.png")
    (tmp_path / "names.txt").write_text("\n".join(NAMES))

    def run(*arguments):
        capsys.readouterr()
        try:
            code = cli.main(["explain", *map(str, arguments)])
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def values(path, name):
    with np.load(path) as stored:
        return stored[name]


# ---------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("--method lime rise cat.png", "--method=lime --method=rise cat.png"),
        ("--method lime cat.png --seed 3", "--method=lime cat.png --seed 3"),
        ("--method lime rize cat.png", "--method=lime --method=rize cat.png"),
        ("--method lime photos/ *.png ~/x", "--method=lime photos/ *.png ~/x"),
        ("--mean 1 -2 3e1 1.png --std 2 b", "--mean=1 --mean=-2 --mean=3e1 1.png --std=2 b"),
        ("--method --seed 3", "--method --seed 3"),
        ("a.png -- --method lime b", "a.png -- --method lime b"),
        ("--method=lime cat.png", "--method=lime cat.png"),
    ],
)
def test_options_of_several_values_take_no_photo(given, expected):
    assert separated(given.split()) == expected.split()


@pytest.mark.parametrize(
    "arguments",
    [
        "--method grad_cam saliency cat.png",
        "--method grad_cam cat.png --method saliency",
        "cat.png --method grad_cam saliency",
        "--mean 1 2 3 cat.png --std 9 --method grad_cam saliency",
    ],
)
def test_photos_stand_anywhere(explain, tmp_path, arguments):
    saved(tmp_path / "net", classes)
    code, out, err = explain(*arguments.split(), "--symbol", "net", "--out", "out")
    assert code == 0, err
    assert "1 of 1 photos" in out
    drawn = {path.name for path in (tmp_path / "out").glob("cat_*.png")}
    assert drawn == {"cat_grad_cam.png", "cat_saliency.png"}


def test_no_photos(explain):
    code, _, err = explain("--model", "vgg16")
    assert code == 2
    assert err.endswith("error: the following arguments are required: PHOTO\n")
    code, _, err = explain("--background", "cat.png")
    assert "--background takes all that follow it: give the photos first" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--method gradcam", r"--method: no method 'gradcam'; did you mean grad_cam\b"),
        ("--method Grad-CAM++", r"no method 'Grad-CAM\+\+'; did you mean grad_cam_pp\b"),
        ("--method occlusoin", r"did you mean occlusion\?"),
        ("--method xyz", r"there are cam, grad_cam, .*edge_map, and all-cams"),
        ("--top-k many", "--top-k: expected a whole number; got 'many'"),
        ("--top-k 0", "--top-k: expected a whole number from 1 on; got '0'"),
        ("--gpu first", "--gpu: expected a whole number; got 'first'"),
        ("--size 28x", "--size: expected N or HxW, in pixels, such as 224 or 240x320; got '28x'"),
        ("--std 0", "--std: expected a number above 0; got '0'"),
        ("--std=dark", "--std: expected a number; got 'dark'"),
        ("--baseline black", "--baseline: expected zero, .*128,128,128; got 'black'"),
        ("--box 9,9,1,1", "--box: expected X0,Y0,X1,Y1: .*; got '9,9,1,1'"),
        ("--detection -1", "--detection: expected a whole number from 0 on; got '-1'"),
    ],
)
def test_options_explain_themselves(explain, arguments, said):
    code, _, err = explain("cat.png", *arguments.split())
    assert code == 2
    assert re.search(said, err), err
    assert "_" not in re.sub(r"[a-z]+(_[a-z]+)+(?=[ ,?\n])", "", err.split("error: ")[1])


# ---------------------------------------------------------------------------------- what is said


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("the input has rank 3: add the batch axis, x.expand_dims(0)", "the input has rank 3"),
        ("pass output=None for the values", "leave out --output for the values"),
        ("expects 3 outputs; output= chooses them", "expects 3 outputs; --output chooses them"),
        ("gpu(0) is not there; use mx.cpu()", "GPU 0 is not there"),
        ("it is too deep; batch_size=4 needs less", "it is too deep; --batch-size 4 needs less"),
        ("wrong: use gm.saliency. Or another net.", "wrong: Or another net"),
        ("no file /a/gradcam_mx/b=c.png: check it", "no file /a/gradcam_mx/b=c.png: check it"),
        ("no masker: expected blur(9,9)", "no masker: expected blur(9,9)"),
        ("plain text; nothing to do.", "plain text; nothing to do."),
    ],
)
def test_advice_in_python_is_left_out(message, expected):
    assert in_words(message) == expected


def test_warnings_are_told_in_a_line_each_once(explain, tmp_path, monkeypatch):
    saved(tmp_path / "net", classes)
    before = explaining.explained

    def warned(*args):
        warnings.warn("it is dark; pass batch_size=3 to see", stacklevel=1)
        return before(*args)

    monkeypatch.setattr(explaining, "explained", warned)
    Image.open("cat.png").save("dog.png")
    code, _, err = explain("cat.png", "dog.png", "--symbol", "net", "--method", "grad_cam")
    assert code == 0
    told = [line for line in err.splitlines() if "dark" in line]
    assert told == ["gradcam-mx: note: it is dark; pass --batch-size 3 to see"]
    assert ".py" not in err


# ---------------------------------------------------------------------------------- sizes


@pytest.mark.parametrize("side", [28, 57])
def test_the_only_size_that_fits_is_used(explain, tmp_path, side):
    net = saved(tmp_path / "net", classes, (1, 3, side, side))
    code, _, err = explain("cat.png", "--symbol", "net", "--method", "saliency", "--out", "out")
    assert code == 0, err
    found = values(tmp_path / "out" / "cat.npz", "saliency")
    assert found.shape == (1, 3, side, side)
    expected = gm.saliency(net, IMAGENET.adapted(size=side)("cat.png"))
    np.testing.assert_array_equal(found, expected.values)


def test_the_size_that_is_written_in_the_file_is_used(explain, tmp_path):
    saved(tmp_path / "net", segmentation, (1, 3, 20, 36), written=(0, 3, 20, 36))
    for more, shape in (([], (20, 36)), (["--size", "16"], (16, 16))):
        code, _, err = explain(
            "cat.png", "--symbol", "net", "--method", "saliency", "--out", f"out{len(more)}", *more
        )
        assert code == 0, err
        found = values(tmp_path / f"out{len(more)}" / "cat.npz", "saliency")
        assert found.shape[2:] == shape


# ---------------------------------------------------------------------------------- other networks


def test_names_with_each_photos_top_classes(explain, tmp_path):
    saved(tmp_path / "net", classes)
    code, out, _ = explain("cat.png", "--symbol", "net", "--names", "names.txt", "--top-k", "2")
    assert code == 0
    found = re.findall(r"(\w+) \((\d)\) \d\.\d\d", out.splitlines()[0])
    assert len(found) == 2
    assert all(NAMES[int(number)] == name for name, number in found)


def test_detections_are_said_and_chosen(explain, tmp_path):
    net = saved(tmp_path / "net", detector)
    x = IMAGENET.adapted(size=SIZE)("cat.png")
    run = net[0].bind(mx.cpu(), {**net[1], "data": mx.nd.array(x)}, grad_req="null")
    scores = run.forward()[1].asnumpy()[0, :, 0]
    options = ["--symbol", "net", "--size", SIZE, "--names", "names.txt", "--method", "saliency"]
    chosen = {
        (): 0,
        ("--detection", "2"): 2,
        ("--box", "8,8,19,19"): 1,
        ("--box", "1,1,11,11", "--class", "dog"): 2,
    }
    for number, (more, which) in enumerate(chosen.items()):
        code, out, err = explain("cat.png", *options, *more, "--out", f"out{number}")
        assert code == 0, err
        said = ", ".join(
            f"{one} {NAMES[int(IDS[one])]} ({int(IDS[one])}) {scores[one]:.2f} at "
            + ",".join(f"{side:g}" for side in BOXES[one])
            for one in range(3)
        )
        assert out.splitlines()[0] == f"cat.png: detections: {said}"
        expected = gm.saliency(net, x, gm.targets.Detection(index=which))
        np.testing.assert_array_equal(
            values(tmp_path / f"out{number}" / "cat.npz", "saliency"), expected.values
        )
        with (tmp_path / f"out{number}" / "results.csv").open(newline="") as file:
            (row,) = csv.DictReader(file)
        assert float(row["score"]) == pytest.approx(scores[which], rel=1e-4)
        assert row["class"] == ""


@pytest.mark.parametrize(
    ("make", "more", "said"),
    [
        (classes, ["--box", "1,1,9,9"], "the network gives classes: leave out --box"),
        (classes, ["--mask", "cat.png"], "the network gives classes: leave out --mask"),
        (segmentation, ["--detection", "1"], "a map of 3 classes: leave out --detection"),
        (segmentation, ["--mask", "cat.png"], "give the class by --class"),
        (segmentation, ["--mask", "black.png", "--class", "1"], "nowhere white"),
        (detector, ["--class", "1"], "give --detection N, .*or --box"),
        (detector, ["--detection", "1", "--box", "1,1,9,9"], "give one of the two"),
        (detector, ["--detection", "3"], "there is no detection 3"),
        (detector, ["--box", "20,0,23,3"], "no detection overlaps the box"),
    ],
)
def test_what_is_for_other_networks(explain, tmp_path, make, more, said):
    saved(tmp_path / "net", make)
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save("black.png")
    code, _, err = explain("cat.png", "--symbol", "net", "--size", SIZE, *more)
    assert code == 2
    assert re.search(said, err), err
    assert "Python" not in err


def test_a_map_of_classes_is_said_and_explained_in_a_mask(explain, tmp_path):
    net = saved(tmp_path / "net", segmentation)
    prepare = IMAGENET.adapted(size=SIZE)
    white = np.zeros((30, 40, 3), np.uint8)
    white[:, 20:] = 255
    Image.fromarray(white).save("mask.png")
    options = ["--symbol", "net", "--size", SIZE, "--names", "names.txt", "--method", "saliency"]
    code, out, err = explain(
        "cat.png", *options, "--class", "dog", "--mask", "mask.png", "--out", "o"
    )
    assert code == 0, err
    x = prepare("cat.png")
    run = net[0].bind(mx.cpu(), {**net[1], "data": mx.nd.array(x)}, grad_req="null")
    tops = run.forward()[0].asnumpy()[0].argmax(axis=0)
    for number, name in enumerate(NAMES):
        if (tops == number).any():
            assert f"{name} ({number}) on {(tops == number).mean():.0%}" in out
    assert out.startswith("cat.png: a map of 3 classes: ")
    seen = prepare.crop("mask.png")[..., 0] > 127
    assert seen[:, -1].all()
    assert not seen[:, 0].any()
    expected = gm.saliency(net, x, gm.targets.Segmentation(1, seen))
    np.testing.assert_array_equal(values(tmp_path / "o" / "cat.npz", "saliency"), expected.values)


def test_an_input_error_of_one_photo_names_it(explain, tmp_path, monkeypatch):
    saved(tmp_path / "net", classes)

    def refused(*_):
        raise InputError("its map is flat")

    monkeypatch.setattr(explaining, "explained", refused)
    code, _, err = explain("cat.png", "--symbol", "net")
    assert code == 1
    assert err == "gradcam-mx: cat.png: its map is flat\n"
