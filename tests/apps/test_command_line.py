"""The command line, run in this process: what it writes, says, and returns."""

from __future__ import annotations

import json
import re
import tarfile
from dataclasses import replace

import numpy as np
import pytest
from failing import failing_after
from PIL import Image

import gradcam_mx as gm
from gradcam_mx import picture, zoo
from gradcam_mx._mxnet import mx
from gradcam_mx.apps import command_line as cli
from gradcam_mx.apps import requested
from gradcam_mx.zoo.preprocess import GREY, PIXELS

MODEL = "mobilenet0.25"
METHODS = ["grad_cam", "guided_grad_cam", "saliency"]


def files_of(name, methods=METHODS):
    return {f"{name}.png", f"{name}.npz", *(f"{name}_{method}.png" for method in methods)}


OF_THE_RUN = {"run.json", "results.csv"}
"""What each folder of results holds beside what is written for the photos."""


def names_in(folder):
    """All files below it, also those that are hidden, but for those of the run itself."""
    if not folder.exists():
        return set()
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names >= OF_THE_RUN or not names
    return names - OF_THE_RUN


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Random weights for a small net of the model zoo, whose scores are of a usual size."""
    mx.random.seed(0)
    net = mx.gluon.model_zoo.vision.get_model(MODEL)
    net.initialize(mx.init.Xavier(magnitude=3))
    for layer in net.features:
        if isinstance(layer, mx.gluon.nn.BatchNorm):
            layer._kwargs["momentum"] = 0  # its running statistics become those of this batch
    x = np.concatenate([zoo.IMAGENET(photo(seed)) for seed in range(4)])
    with mx.autograd.record():
        scores = net(mx.nd.array(x))
    scores.backward()  # this is what moves them
    net.output.weight.set_data(net.output.weight.data() * 3)
    path = tmp_path_factory.mktemp("weights") / "small.params"
    net.save_parameters(str(path))
    return path


def photo(seed=0, height=60, width=80):
    """Smooth noise: something that a net can tell from other pictures."""
    small = np.random.RandomState(seed).randint(0, 256, (6, 8, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def never(*_, **__):
    raise AssertionError("too late to complain")


def write(path, array=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photo() if array is None else array).save(path)
    return path


@pytest.fixture
def explain(weights, tmp_path, capsys):
    """Run `gradcam-mx explain`; gives exit code, standard output, standard error."""

    def run(*arguments, out=tmp_path / "out", model=("--model", MODEL), small=True):
        given = [*map(str, arguments), *model, "--out", str(out)]
        if small:
            given += ["--weights", str(weights)]
        capsys.readouterr()
        code = cli.main(["explain", *given])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


# --------------------------------------------------------------------------------- what is written


def expected_results(weights, path, target=None, layer=None, methods=METHODS):
    net = zoo.get_model(MODEL, weights=weights)
    return net, gm.explain(net, net.preprocess(path), methods, target, layer)


def test_everything_about_a_photo_is_written(explain, weights, tmp_path):
    path = write(tmp_path / "cat.png")
    code, out, err = explain(path)
    folder = tmp_path / "out"
    assert code == 0
    assert err == ""
    assert names_in(folder) == files_of("cat")

    net, expected = expected_results(weights, path)
    crop = net.preprocess.crop(path)
    with np.load(folder / "cat.npz") as stored:
        assert {*METHODS, "about"} <= set(stored)
        about = json.loads(str(stored["about"]))
        for name, one in expected.items():
            np.testing.assert_array_equal(stored[name], one.values)
            found = np.asarray(Image.open(folder / f"cat_{name}.png"))
            np.testing.assert_array_equal(found, one.pictures(crop)[0])
    score = expected["grad_cam"].score
    said = {
        "target": expected["grad_cam"].target,
        "score": score.tolist(),
        "layer": expected["grad_cam"].layer,
        "version": gm.__version__,
    }
    assert about.items() >= said.items()
    kept = gm.Explanation.load_all(folder / "cat.npz")
    # another net of the same kind has other names
    kept = {name: replace(one, output=expected[name].output) for name, one in kept.items()}
    assert kept == expected
    assert Image.open(folder / "cat.png").width > 600

    line, summary = out.splitlines()
    chances = mx.nd.softmax(net(mx.nd.array(net.preprocess(path)))).asnumpy()[0]
    top = [f"{zoo.class_name(i)} ({i}) {chances[i]:.2f}" for i in np.argsort(-chances)[:5]]
    assert line == f"{path}: {', '.join(top)}"
    assert summary == f"1 of 1 photos explained; the pictures are in {folder}"


def test_methods_target_and_layer_can_be_chosen(explain, weights, tmp_path):
    path = write(tmp_path / "cat.png")
    layer = "features.60"
    code, out, _ = explain(
        path,
        "--method",
        "guided_backprop",
        "grad_cam",
        "--target",
        "Egyptian cat",
        "--layer",
        layer,
        "--top-k",
        "2",
    )
    assert code == 0
    assert names_in(tmp_path / "out") == files_of("cat", ["guided_backprop", "grad_cam"])
    assert len(out.splitlines()[0].split("), ")) == 1
    assert len(re.findall(r"\(\d+\) \d\.\d\d", out)) == 2
    _, expected = expected_results(weights, path, 285, layer, ["grad_cam", "guided_backprop"])
    with np.load(tmp_path / "out" / "cat.npz") as stored:
        about = json.loads(str(stored["about"]))
        for name, one in expected.items():
            np.testing.assert_array_equal(stored[name], one.values)
    assert about["target"] == [285]
    assert about["layer"] == layer


def test_a_method_without_a_layer_needs_none(explain, tmp_path):
    code, _, _ = explain(write(tmp_path / "cat.png"), "--method", "saliency", "--target", "3")
    assert code == 0
    with np.load(tmp_path / "out" / "cat.npz") as stored:
        assert json.loads(str(stored["about"]))["layer"] is None


# ------------------------------------------------------------------------------- files and folders


def test_files_folders_and_patterns(explain, tmp_path):
    write(tmp_path / "folder" / "b.PNG")
    write(tmp_path / "folder" / "a.jpg", photo(1))
    (tmp_path / "folder" / "notes.txt").write_text("no photo")
    write(tmp_path / "folder" / "deeper" / "c.png")
    write(tmp_path / "more" / "x1.png")
    write(tmp_path / "more" / "x2.png")
    write(tmp_path / "more" / "y.png")
    literal = write(tmp_path / "more" / "x[1].png")
    code, out, err = explain(
        tmp_path / "folder", tmp_path / "more" / "x?.png", literal, "--method", "saliency"
    )
    assert code == 0, err
    found = [line.split(": ")[0] for line in out.splitlines()[:-1]]
    assert found == [
        str(tmp_path / name)
        for name in (
            "folder/a.jpg",
            "folder/b.PNG",
            "folder/deeper/c.png",
            "more/x1.png",
            "more/x2.png",
            "more/x[1].png",
        )
    ]
    assert out.splitlines()[-1].startswith("6 of 6 photos explained")
    assert names_in(tmp_path / "out") == set().union(
        *(
            files_of(name, ["saliency"])
            for name in (
                "folder/a",
                "folder/b",
                "folder/deeper/c",
                "more/x1",
                "more/x2",
                "more/x[1]",
            )
        )
    )


def test_photos_of_one_name_do_not_overwrite_each_other(explain, weights, tmp_path):
    first = write(tmp_path / "one" / "cat.png", photo(1))
    second = write(tmp_path / "two" / "cat.png", photo(2))
    third = write(tmp_path / "one" / "cat.jpg", photo(3))
    code, _, _ = explain(first, second, third, "--method", "saliency")
    assert code == 0
    names = ("one/cat_png", "two/cat", "one/cat_jpg")
    assert names_in(tmp_path / "out") == set().union(
        *(files_of(name, ["saliency"]) for name in names)
    )
    for name, path in zip(names, (first, second, third)):
        _, expected = expected_results(weights, path, methods=["saliency"])
        with np.load(tmp_path / "out" / f"{name}.npz") as stored:
            np.testing.assert_array_equal(stored["saliency"], expected["saliency"].values)


@pytest.mark.parametrize("third", ["cat_png", "cat_saliency", "Cat"])
def test_photos_named_like_what_is_written_do_not_overwrite_it(explain, tmp_path, third):
    """The first of two "cat" is called "cat_png", the saliency of one alone "cat_saliency"."""
    paths = [
        write(tmp_path / "cat.png", photo(1)),
        write(tmp_path / ("cat.jpg" if third == "cat_png" else "dog.jpg"), photo(2)),
        write(tmp_path / f"{third}.png", photo(3)),
    ]
    code, _, _ = explain(*paths, "--method", "saliency")
    assert code == 0
    # for each a figure, a picture and the values
    assert len(names_in(tmp_path / "out")) == 9


def test_a_broken_photo_does_not_stop_the_others(explain, tmp_path):
    paths = [
        write(tmp_path / "a.png"),
        tmp_path / "broken.png",
        tmp_path / "missing.png",
        write(tmp_path / "z.png"),
    ]
    paths[1].write_bytes(b"no picture")
    code, out, err = explain(*paths, "--method", "saliency")
    assert code == 1
    assert names_in(tmp_path / "out") == files_of("a", ["saliency"]) | files_of("z", ["saliency"])
    said = [line for line in err.splitlines() if line.startswith("gradcam-mx: ")]
    assert len(said) == 2
    assert f"{paths[1]} is not a picture" in said[0]
    assert f"no file {paths[2]}" in said[1]
    assert out.splitlines()[-1].startswith("2 of 4 photos explained")


def test_nothing_to_explain(explain, tmp_path):
    (tmp_path / "empty").mkdir()
    for given in (tmp_path / "empty", tmp_path / "*.png"):
        code, out, err = explain(given)
        assert code == 2
        assert out == ""
        assert err.startswith(f"gradcam-mx: no photos found in {given}; looked for files ending in")
    assert not (tmp_path / "out").exists()


def test_a_pattern_without_photos_is_reported(explain, tmp_path):
    """A mistyped pattern or an empty folder among others must not go unnoticed."""
    (tmp_path / "empty").mkdir()
    for nothing in (tmp_path / "none*.png", tmp_path / "empty"):
        _, _, err = explain(write(tmp_path / "a.png"), nothing, "--method", "saliency")
        assert str(nothing) in err


# --------------------------------------------------------------------------------- kinds of photos


def test_all_kinds_of_photos(explain, weights, tmp_path):
    color = photo()
    grey = color[..., 0]
    kinds = {
        "grey": Image.fromarray(grey),
        "deep": Image.fromarray(grey.astype(np.uint16) * 257),
        "see_through": Image.fromarray(np.dstack([color, np.full_like(grey, 255)])),
        "palette": Image.fromarray(color).quantize(32),
        "tiny": Image.fromarray(color[:3, :2]),
    }
    for name, image in kinds.items():
        image.save(tmp_path / f"{name}.png")
    Image.fromarray(color).save(tmp_path / "cmyk.tif")
    code, _, err = explain(
        *(tmp_path / f"{name}.png" for name in kinds), tmp_path / "cmyk.tif", "--method", "saliency"
    )
    assert code == 0, err
    values = {}
    for name in [*kinds, "cmyk"]:
        with np.load(tmp_path / "out" / f"{name}.npz") as stored:
            values[name] = stored["saliency"]
    # 16 bits are the 8 bits times 257, and what is opaque looks as it did
    np.testing.assert_array_equal(values["deep"], values["grey"])
    np.testing.assert_array_equal(values["see_through"], values["cmyk"])


def test_photos_are_turned_as_the_camera_says(explain, tmp_path):
    upright = write(tmp_path / "upright.png", photo())
    turned = Image.fromarray(np.rot90(photo()))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to show
    turned.save(tmp_path / "turned.png", exif=exif)
    code, _, _ = explain(upright, tmp_path / "turned.png", "--method", "grad_cam", "saliency")
    assert code == 0
    with np.load(tmp_path / "out" / "upright.npz") as one, np.load(
        tmp_path / "out" / "turned.npz"
    ) as other:
        np.testing.assert_array_equal(one["saliency"], other["saliency"])
        np.testing.assert_array_equal(one["grad_cam"], other["grad_cam"])


# ------------------------------------------------------------------------------ networks from files


@pytest.fixture
def explain_files(explain):
    """Run `gradcam-mx explain --symbol`; gives exit code, standard output, standard error."""
    return lambda symbol, *arguments, **more: explain(
        *arguments, "--symbol", symbol, model=(), small=False, **more
    )


CROSS, FRAME = 0, 1
KINDS = ["cross", "frame"]
BOX = 9


def shape_picture(kind, seed):
    """A 28x28 grey picture of a bright cross or frame on dark noise, and a mask of where it is."""
    rng = np.random.RandomState(seed)
    picture = rng.randint(0, 10, (28, 28))
    shape = np.zeros((BOX, BOX), bool)
    if kind == CROSS:
        shape[3:6] = shape[:, 3:6] = True
    else:
        shape[[0, 1, -1, -2]] = shape[:, [0, 1, -1, -2]] = True
    top, left = rng.randint(1, 28 - BOX, 2)
    picture[top : top + BOX, left : left + BOX][shape] = rng.randint(170, 255, shape.sum())
    mask = np.zeros((28, 28), bool)
    # two convolutions look two pixels around
    mask[max(0, top - 2) : top + BOX + 2, max(0, left - 2) : left + BOX + 2] = True
    return picture.astype(np.uint8), mask


@pytest.fixture(scope="session")
def module(tmp_path_factory):
    """The prefix of a net that mx.mod.Module was trained to tell crosses from frames with."""
    y = mx.sym.var("data")
    for number in (1, 2):
        # without a bias, darkness speaks for neither
        y = mx.sym.Convolution(
            y, kernel=(3, 3), pad=(1, 1), num_filter=8, no_bias=True, name=f"conv{number}"
        )
        y = mx.sym.Activation(y, act_type="relu", name=f"relu{number}")
    y = mx.sym.Pooling(y, kernel=(28, 28), pool_type="avg")
    y = mx.sym.FullyConnected(mx.sym.Flatten(y), num_hidden=2, name="fc")
    kinds = np.arange(400) % 2
    pictures = np.stack([shape_picture(kind, seed)[0] for seed, kind in enumerate(kinds)])
    batches = mx.io.NDArrayIter(
        pictures[:, None] / np.float32(255),
        kinds.astype(np.float32),
        50,
        label_name="softmax_label",
    )
    mx.random.seed(0)
    net = mx.mod.Module(mx.sym.SoftmaxOutput(y, name="softmax"))
    net.fit(
        batches,
        num_epoch=8,
        optimizer="adam",
        optimizer_params={"learning_rate": 0.01},
        initializer=mx.init.Xavier(),
    )
    prefix = tmp_path_factory.mktemp("module") / "shapes"
    net.save_checkpoint(str(prefix), 6)
    return prefix


@pytest.fixture
def names(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("\n".join(KINDS))
    return path


def test_a_module_from_its_checkpoint(explain_files, module, names, tmp_path):
    pictures = {
        f"{KINDS[seed % 2]}{seed}": shape_picture(seed % 2, seed) for seed in range(1000, 1006)
    }
    paths = [write(tmp_path / f"{name}.png", picture) for name, (picture, _) in pictures.items()]
    code, out, err = explain_files(module, *paths, "--size", "28", "--classes", names)
    assert code == 0, err
    assert names_in(tmp_path / "out") == set().union(*map(files_of, pictures))
    # Module's own probabilities
    trained = mx.mod.Module.load(str(module), 6)
    x = np.stack([picture for picture, _ in pictures.values()])[:, None] / np.float32(255)
    trained.bind([("data", x.shape)], for_training=False)
    chances = trained.predict(mx.io.NDArrayIter(x, batch_size=len(x))).asnumpy()
    for (name, (_, mask)), line, chance in zip(pictures.items(), out.splitlines(), chances):
        said = [f"{KINDS[kind]} ({kind}) {chance[kind]:.2f}" for kind in np.argsort(-chance)]
        assert line == f"{tmp_path / name}.png: {', '.join(said)}"
        assert said[0].startswith(name[:5])
        with np.load(tmp_path / "out" / f"{name}.npz") as stored:
            heat = picture.resize(stored["grad_cam"], (28, 28))[0]
            assert json.loads(str(stored["about"]))["layer"] == "conv2_output"
        assert mask.mean() < 0.22
        assert heat[mask].sum() > 0.5 * heat.sum() > 0


def test_several_photos_share_one_graph(explain_files, module, tmp_path, monkeypatch):
    loaded = []
    monkeypatch.setattr(requested, "load", lambda *args: loaded.append(args) or gm.load(*args))
    paths = [write(tmp_path / f"{seed}.png", shape_picture(seed % 2, seed)[0]) for seed in range(3)]
    assert explain_files(module, *paths, "--size", "28", "--method", "saliency")[0] == 0
    assert len(loaded) == 1


def save_net(prefix, channels=3, classes=4, end=None):
    """An exported net for pictures of any size, and the net."""
    mx.random.seed(1)
    net = gm.nn.HybridSequential(prefix="net_")
    with net.name_scope():
        net.add(
            gm.nn.Conv2D(6, 3, padding=1),
            gm.nn.BatchNorm(),
            gm.nn.Activation("relu"),
            gm.nn.GlobalAvgPool2D(),
            gm.nn.Dense(classes),
        )
        if end is not None:
            net.add(gm.nn.HybridLambda(end))
    net.initialize(mx.init.Xavier(magnitude=3))
    net.hybridize()
    net(mx.nd.ones((1, channels, 28, 28)))
    net.export(str(prefix), epoch=4)
    return net


WAYS = {
    (): zoo.IMAGENET,
    ("--preprocess", "caffe"): zoo.CAFFE,
    ("--preprocess", "inception"): zoo.INCEPTION,
    ("--preprocess", "none", "--size", "64"): PIXELS.adapted(size=64),
    ("--size", "32x48"): zoo.IMAGENET.adapted(size=(32, 48)),
    ("--channels", "bgr"): zoo.IMAGENET.adapted(order="BGR"),
    (
        "--channels",
        "bgr",
        "--mean",
        "1",
        "2",
        "3",
        "--std",
        "4",
        "--preprocess",
        "none",
    ): zoo.Preprocess("BGR", (1.0, 2.0, 3.0), (4.0, 4.0, 4.0), short_side=224),
    ("--mean", "-5", "--std", "1", "2", "3"): zoo.Preprocess(
        "RGB", (-5.0, -5.0, -5.0), (1.0, 2.0, 3.0)
    ),
}


@pytest.mark.parametrize(("way", "preprocess"), WAYS.items(), ids=map(" ".join, WAYS))
def test_preprocessing_as_the_options_say(explain_files, tmp_path, way, preprocess):
    net = save_net(tmp_path / "net")
    path = write(tmp_path / "cat.png", photo())
    code, _, err = explain_files(tmp_path / "net-symbol.json", path, *way)
    assert code == 0, err
    expected = gm.explain(net, preprocess(path), METHODS)
    with np.load(tmp_path / "out" / "cat.npz") as stored:
        for name in METHODS:
            np.testing.assert_array_equal(stored[name], expected[name].values)
    found = np.asarray(Image.open(tmp_path / "out" / "cat_guided_grad_cam.png"))
    np.testing.assert_array_equal(
        found, expected["guided_grad_cam"].pictures(order=preprocess.order)[0]
    )


GREY_WAYS = {
    (): GREY,
    ("--size", "28"): GREY.adapted(size=28),
    ("--mean", "33", "--std", "78", "--size", "28x30"): zoo.Preprocess(
        "GREY", (33.0,), (78.0,), short_side=28, size=(28, 30)
    ),
    ("--preprocess", "imagenet"): zoo.IMAGENET.adapted(order="GREY"),
    ("--channels", "grey", "--preprocess", "none"): PIXELS.adapted(order="GREY"),
}


@pytest.mark.parametrize(("way", "preprocess"), GREY_WAYS.items(), ids=map(" ".join, GREY_WAYS))
def test_a_net_of_one_channel_sees_grey(explain_files, tmp_path, way, preprocess):
    net = save_net(tmp_path / "net", channels=1)
    path = write(tmp_path / "cat.png", photo())
    code, _, err = explain_files(tmp_path, path, *way, "--method", "saliency", "grad_cam")
    assert code == 0, err
    expected = gm.explain(net, preprocess(path), ["saliency", "grad_cam"])
    with np.load(tmp_path / "out" / "cat.npz") as stored:
        for name, one in expected.items():
            np.testing.assert_array_equal(stored[name], one.values)
    laid = expected["grad_cam"].pictures(preprocess.crop(path))[0]
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "out" / "cat_grad_cam.png")), laid
    )


def test_files_by_epoch_and_name_and_in_an_archive(explain_files, tmp_path):
    (tmp_path / "net").mkdir()
    net = save_net(tmp_path / "net" / "net")
    path = write(tmp_path / "cat.png", photo())
    expected = gm.saliency(net, zoo.IMAGENET(path)).values
    (tmp_path / "net" / "net-0009.params").write_bytes(b"of no use")
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "net", "model")
    for given in (
        ("net/net", "--epoch", "4"),
        ("model.tar.gz", "--epoch", "4"),
        ("net/net-symbol.json", "--params", tmp_path / "net" / "net-0004.params"),
    ):
        code, _, err = explain_files(tmp_path / given[0], path, *given[1:], "--method", "saliency")
        assert code == 0, err
        with np.load(tmp_path / "out" / "cat.npz") as stored:
            np.testing.assert_array_equal(stored["saliency"], expected)
    code, _, err = explain_files(tmp_path / "net", path)
    assert code == 2
    assert re.search(r"net-0009\.params is cut short, damaged, or no \.params file", err)


def test_classes_without_names_are_called_by_number(explain_files, tmp_path):
    for classes in (4, 1000):
        net = save_net(tmp_path / "net", classes=classes)
        path = write(tmp_path / "cat.png")
        code, out, _ = explain_files(tmp_path, path, "--target", "3", "--top-k", "2")
        assert code == 0
        chances = mx.nd.softmax(net(mx.nd.array(zoo.IMAGENET(path)))).asnumpy()[0]
        top = ", ".join(f"class {i} {chances[i]:.2f}" for i in np.argsort(-chances)[:2])
        assert out.splitlines()[0] == f"{path}: {top}"
        with np.load(tmp_path / "out" / "cat.npz") as stored:
            assert json.loads(str(stored["about"]))["target"] == [3]


def test_a_target_by_its_name(explain_files, tmp_path):
    save_net(tmp_path / "net")
    (tmp_path / "names.txt").write_text("cat\ndog\nold cow\nhen\n")
    code, out, _ = explain_files(
        tmp_path,
        write(tmp_path / "cat.png"),
        "--target",
        "Old Cow",
        "--classes",
        tmp_path / "names.txt",
    )
    assert code == 0
    assert re.search(r"old cow \(2\) \d\.\d\d", out)
    with np.load(tmp_path / "out" / "cat.npz") as stored:
        assert json.loads(str(stored["about"]))["target"] == [2]


def sigmoid_chances(scores):
    return 1 / (1 + np.exp(-scores))


@pytest.mark.parametrize(
    ("end", "classes", "chances"),
    [
        (lambda F, y: F.softmax(y), 4, lambda y: np.exp(y) / np.exp(y).sum()),
        (lambda F, y: F.sigmoid(y), 4, sigmoid_chances),
        (lambda F, y: F.sigmoid(y), 1, lambda y: sigmoid_chances(y * [-1, 1])),
    ],
    ids=["softmax", "sigmoid", "one sigmoid"],
)
def test_probabilities_of_a_net_that_ends_in_them(explain_files, tmp_path, end, classes, chances):
    net = save_net(tmp_path / "net", classes=classes, end=end)
    path = write(tmp_path / "cat.png")
    bare = net[:5]
    expected = chances(bare(mx.nd.array(zoo.IMAGENET(path))).asnumpy()[0].astype(float))
    for number, output in enumerate(((), ("--output", "probability"), ("--output", "0"))):
        folder = tmp_path / f"out{number}"
        code, out, err = explain_files(tmp_path, path, *output, "--method", "saliency", out=folder)
        assert code == 0, err
        found = re.findall(r"class (\d) (\d\.\d\d)", out)
        assert [int(number) for number, _ in found] == list(np.argsort(-expected))
        for number, chance in found:
            assert float(chance) == pytest.approx(expected[int(number)], abs=0.006)
        with np.load(folder / "cat.npz") as stored:
            about = json.loads(str(stored["about"]))
            values = stored["saliency"]
        target = int(np.argmax(expected))
        assert about["target"] == [target]
        wanted = gm.saliency(
            net,
            zoo.IMAGENET(path),
            target,
            output="probability" if "probability" in output else None,
        )
        np.testing.assert_array_equal(values, wanted.values)
        np.testing.assert_allclose(about["score"], wanted.score)


def test_an_output_that_is_no_class(explain_files, tmp_path):
    """One number, without a sigmoid: nothing but the file's name can be told."""
    save_net(tmp_path / "net", classes=1)
    path = write(tmp_path / "cat.png")
    code, out, err = explain_files(tmp_path, path)
    assert code == 0, err
    assert out.splitlines()[0] == str(path)


SECOND = "net_hybridlambda0_second"


def test_the_output_is_chosen(explain_files, tmp_path):
    save_net(
        tmp_path / "net",
        end=lambda F, y: [F.identity(y, name="first"), F.identity(-y, name="second")],
    )
    path = write(tmp_path / "cat.png")
    targets = {}
    for output in ("0", SECOND, f"{SECOND}_output", "1"):
        code, out, err = explain_files(tmp_path, path, "--output", output, "--method", "saliency")
        assert code == 0, err
        targets[output] = re.search(r"class (\d) ", out)[1]
    assert targets[SECOND] == targets[f"{SECOND}_output"] == targets["1"] != targets["0"]
    code, _, err = explain_files(tmp_path, path, "--output", "third")
    assert code == 2
    assert "the net has no output 'third'" in err


def test_a_file_names_other_classes_of_the_zoo(explain, tmp_path):
    (tmp_path / "names.txt").write_text("\n".join(f"thing {i}" for i in range(1000)))
    code, out, err = explain(
        write(tmp_path / "cat.png"),
        "--classes",
        tmp_path / "names.txt",
        "--target",
        "thing 7",
        "--method",
        "saliency",
    )
    assert code == 0, err
    assert re.search(r": thing (\d+) \(\1\) \d\.\d\d", out)


@pytest.mark.parametrize(
    ("channels", "arguments", "advice"),
    [
        (1, ["--size", "0028"], None),
        (1, [], None),
        (1, ["--size", "32x28"], "not take pictures of 32x28; it takes --size 28"),
        (
            1,
            ["--size", "28", "--channels", "rgb"],
            "the net takes pictures of 1 channels, and rgb ones have 3: leave out --channels",
        ),
        (
            1,
            ["--size", "28", "--mean", "1", "2", "3"],
            "--mean takes one number, .* 1 channels; got 3",
        ),
        (1, ["--size", "28", "--target", "cross"], "'cross' is no class id, .*--names FILE"),
        (1, ["--size", "28", "--target", "-1"], "'-1' is no class id"),
        (1, ["--size", "28", "--classes", "missing.txt"], r"missing\.txt cannot be read"),
        (
            1,
            ["--size", "28", "--classes", "three.txt"],
            r"three\.txt has the names of 3 .* net has 2",
        ),
        (1, ["--size", "28", "--classes", "two.txt", "--target", "crows"], "closest: 'cross'"),
        (1, ["--size", "28", "--layer", "relu9"], "no layer 'relu9'; the closest are relu"),
        (1, ["--size", "28", "--output", "4"], "no output 4"),
        (1, ["--size", "28", "--epoch", "5"], "no parameters of epoch 5 .*; there are 6$"),
        (1, ["--size", "28", "--epoch", "6", "--params", "x.params"], "pass one of the two"),
        (1, ["--size", "28", "--params", "x.params"], r"no file x\.params"),
        (1, ["--gpu", "0"], "gpu"),
        (
            3,
            ["--channels", "grey"],
            "takes pictures of 3 channels, and grey ones have 1: leave out",
        ),
        (3, ["--std", "1", "2"], "--std takes one number, .* 3 channels; got 2"),
        (5, [], "takes pictures of 5 channels, .*make its input in Python"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_found_before_a_photo_is_read(
    explain_files, module, tmp_path, monkeypatch, channels, arguments, advice
):
    if "--gpu" in arguments and mx.context.num_gpus() > 0:
        pytest.skip("there is a GPU")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.txt").write_text("cross\nframe")
    (tmp_path / "three.txt").write_text("cross\nframe\nnothing")
    if channels != 1:
        save_net(tmp_path / "net", channels)
    path = write(tmp_path / "cat.png")
    if advice is not None:
        monkeypatch.setattr(zoo, "read_photo", never)
    code, out, err = explain_files(module if channels == 1 else tmp_path / "net", path, *arguments)
    if advice is None:
        assert code == 0
        return
    assert code == 2
    assert out == ""
    assert re.search(f"^gradcam-mx: .*{advice}", err), err
    assert len(err.splitlines()) == 1
    assert names_in(tmp_path / "out") == set()


def test_layers_of_a_network_from_files(module, tmp_path, capsys):
    assert cli.main(["layers", "--symbol", str(module), "--size", "28", "--epoch", "6"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (starred,) = (line for line in lines if line.startswith("*"))
    assert starred.split()[1:] == [
        "conv2_output",
        "Convolution",
        "1",
        "×",
        "8",
        "×",
        "28",
        "×",
        "28",
    ]
    assert cli.main(["layers", "--symbol", str(module)]) == 0
    assert "1 × 8 × 28 × 28" in capsys.readouterr().out
    assert cli.main(["layers", "--symbol", str(module), "--size", "224"]) == 2
    assert "it takes --size 28" in capsys.readouterr().err
    save_net(tmp_path / "net")
    assert cli.main(["layers", "--symbol", str(tmp_path), "--size", "32x48"]) == 0
    assert "1 × 6 × 32 × 48" in capsys.readouterr().out
    assert cli.main(["layers", "--symbol", str(tmp_path / "nett")]) == 2
    assert "symbols there: net-symbol.json" in capsys.readouterr().err


# ------------------------------------------------------------------------------------- wrong usage


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (
            ["--layer", "features.99"],
            r"no layer 'features\.99'; the closest are features\.\d+ \(1, ",
        ),
        (["--layer", "output"], r"'output' gives .*'features\.80', the default"),
        (["--target", "egyptian dog"], r"no ImageNet class is called 'egyptian dog'; closest: "),
        (["--target", "1000"], r"no ImageNet class 1000: they go from 0 to 999"),
        (["--model", "mobilnet"], r"no network 'mobilnet'; closest: mobilenet"),
        (["--weights", "missing.params"], r"missing\.params"),
    ],
)
def test_wrong_choices_are_found_before_a_photo_is_read(
    explain, tmp_path, monkeypatch, arguments, advice
):
    monkeypatch.setattr(zoo, "read_photo", never)
    code, out, err = explain(
        write(tmp_path / "cat.png"),
        *arguments,
        small="--weights" not in arguments,
        model=() if "--model" in arguments else ("--model", MODEL),
    )
    assert code == 2
    assert out == ""
    assert re.search(f"^gradcam-mx: .*{advice}", err), err
    assert len(err.splitlines()) == 1
    assert names_in(tmp_path / "out") == set()


@pytest.mark.skipif(mx.context.num_gpus() > 0, reason="there is a GPU")
@pytest.mark.parametrize("command", ["explain", "demo"])
def test_a_gpu_that_is_not_there(command, weights, tmp_path, capsys):
    given = {
        "explain": [
            "explain",
            str(write(tmp_path / "cat.png")),
            "--model",
            MODEL,
            "--weights",
            str(weights),
        ],
        "demo": ["demo"],
    }[command]
    assert cli.main([*given, "--gpu", "0", "--out", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert re.search("^gradcam-mx: .*gpu", err, re.IGNORECASE)
    assert len(err.splitlines()) == 1
    assert out == ""
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


@pytest.mark.parametrize("out", ["file", "file/below", "file/far/below"])
def test_an_unwritable_folder_is_found_before_anything_is_computed(
    explain, tmp_path, monkeypatch, out
):
    (tmp_path / "file").write_text("in the way")
    path = write(tmp_path / "cat.png")
    monkeypatch.setattr(zoo, "get_model", never)
    code, _, err = explain(path, out=tmp_path / out)
    assert code == 2
    assert err.startswith(f"gradcam-mx: cannot write to {tmp_path / out}: ")
    assert "another folder with --out" in err
    assert (tmp_path / "file").read_text() == "in the way"
    assert cli.main(["demo", "--out", str(tmp_path / out)]) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["explain"],
        ["explode"],
        ["explain", "cat.png", "--method", "gradcam"],
        ["explain", "cat.png", "--top-k", "0"],
        ["explain", "cat.png", "--top-k", "many"],
        ["explain", "cat.png", "--gpu", "first"],
        ["layers", "cat.png"],
        ["explain", "cat.png", "--no"],
        ["explain", "cat.png", "--model", "vgg16", "--symbol", "net"],
        ["layers", "--model", "vgg16", "--symbol", "net"],
        ["explain", "cat.png", "--params", "net.params"],
        ["layers", "--params", "net.params"],
        ["explain", "cat.png", "--model", "vgg16", "--epoch", "3"],
        ["explain", "cat.png", "--symbol", "net", "--weights", "net.params"],
        ["explain", "cat.png", "--size", "28x"],
        ["explain", "cat.png", "--size", "1x2x3"],
        ["explain", "cat.png", "--size", "0"],
        ["explain", "cat.png", "--std", "0"],
        ["explain", "cat.png", "--std", "nan"],
        ["explain", "cat.png", "--mean", "dark"],
        ["explain", "cat.png", "--baseline", "black"],
        ["explain", "cat.png", "--baseline", "1,2"],
        ["explain", "cat.png", "--baseline", "1,2,256"],
        ["explain", "cat.png", "--window", "0"],
        ["explain", "cat.png", "--values", "fall"],
        ["explain", "cat.png", "--segments", "cells"],
        ["explain", "cat.png", "--channels", "cmyk"],
        ["explain", "cat.png", "--preprocess", "zca"],
    ],
    ids=" ".join,
)
def test_usage_errors_are_argparses(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage: gradcam-mx" in capsys.readouterr().err


def test_help_lists_the_methods(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["explain", "--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    for name in gm.METHODS:
        assert name in said


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"gradcam-mx {gm.__version__}\n"


# --------------------------------------------------------------------------- failures while writing


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "Ctrl-C"]
)
@pytest.mark.parametrize("place", ["picture", "arrays"])
def test_nothing_is_half_written(explain, tmp_path, monkeypatch, place, error):
    """The first photo is done; while the second is written something fails."""
    if place == "picture":
        monkeypatch.setattr(picture, "save", failing_after(3 + 1, picture.save, error))
    else:
        monkeypatch.setattr(np, "savez_compressed", failing_after(1, np.savez_compressed, error))
    try:
        code, _, _ = explain(write(tmp_path / "a.png"), write(tmp_path / "b.png"))
    except (OSError, KeyboardInterrupt):
        code = 1
    assert code != 0
    assert names_in(tmp_path / "out") == files_of("a")


def test_a_full_disk_is_reported_without_a_traceback(explain, tmp_path, monkeypatch):
    full = OSError(28, "No space left on device")
    monkeypatch.setattr(picture, "save", failing_after(0, picture.save, full))
    code, _, err = explain(write(tmp_path / "a.png"))
    assert code in (1, 2)
    assert "No space left on device" in err
    assert "gradcam-mx: " in err


# ---------------------------------------------------------------------------------- layers and demo


def test_layers(capsys):
    assert cli.main(["layers", "--model", MODEL]) == 0
    lines = capsys.readouterr().out.splitlines()
    net = mx.gluon.model_zoo.vision.get_model(MODEL)
    table = gm.trace(net).layers((1, 3, 224, 224))
    assert len(lines) == len(table) + 1
    assert lines[0].split() == ["name", "block", "op", "output"]
    starred = [line for line in lines if line.startswith("*")]
    assert [line.split()[1] for line in starred] == ["features.80"]
    assert "1 × 256 × 7 × 7" in starred[0]


def test_layers_are_those_of_the_size_that_the_net_takes(capsys):
    assert cli.main(["layers", "--model", "inceptionv3"]) == 0
    (starred,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("*"))
    assert starred.endswith("1 × 2048 × 8 × 8")
    assert cli.main(["layers", "--model", "inception5"]) == 2
    assert "closest: inceptionv3" in capsys.readouterr().err


def test_the_demo_recognises_its_photos(tmp_path, capsys):
    pytest.importorskip("skimage.data")
    assert cli.main(["demo", "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = {}
    for line in lines[:-1]:
        name, _, said = line.partition(": ")
        if name.endswith(":"):
            model = name[:-1]
            continue
        found[model, name] = [
            re.fullmatch(r"(.*) \((\d+)\) (\d\.\d\d)", one).groups()
            for one in re.split(r"(?<=\d\.\d\d), ", said)
        ]
    assert set(found) == {
        (model, name)
        for model in ("efficientnet_lite0", "squeezenet1_1")
        for name in ("chelsea", "coffee")
    }
    for (_, name), predictions in found.items():
        assert len(predictions) == 5
        chances = [float(chance) for _, _, chance in predictions]
        assert chances == sorted(chances, reverse=True)
        label, class_id, _ = predictions[0]
        assert zoo.class_id(label) == int(class_id)
        assert (
            label
            in {"chelsea": ("Egyptian cat", "tiger cat", "tabby"), "coffee": ("espresso",)}[name]
        )
    assert lines[-1] == f"The pictures are in {tmp_path}"
    for model in ("efficientnet_lite0", "squeezenet1_1"):
        assert names_in(tmp_path / model) == files_of("chelsea") | files_of("coffee")
        for name in ("chelsea", "coffee"):
            # something is to be seen in each
            for method in METHODS:
                panel = np.asarray(Image.open(tmp_path / model / f"{name}_{method}.png"))
                assert len(np.unique(panel)) > 50


# ----------------------------------------------------------------------------- methods by the dozen


def test_all_cams_are_those_that_the_network_allows(explain, tmp_path):
    code, _, _ = explain(write(tmp_path / "a.png"), "--method", "all-cams", "saliency")
    assert code == 0
    stored = np.load(tmp_path / "out" / "a.npz")
    cams = {name for name, one in gm.METHODS.items() if one.family == "activation maps"}
    # mobilenet ends in a global average pool, a Flatten and a Dense: CAM is for it
    assert cams | {"saliency"} <= set(stored.files)
    np.testing.assert_allclose(
        stored["cam"], stored["grad_cam"] * stored["cam"].shape[-1] ** 2, rtol=1e-4, atol=1e-6
    )


def test_all_cams_leave_out_cam_where_the_head_is_another(tmp_path, capsys):
    net = gm.nn.HybridSequential()
    net.add(gm.nn.Conv2D(4, 3, activation="relu"), gm.nn.Flatten(), gm.nn.Dense(3))
    net.initialize()
    net.hybridize()
    net(mx.nd.ones((1, 3, 28, 28)))
    net.export(str(tmp_path / "flat"))
    assert (
        cli.main(
            [
                "explain",
                str(write(tmp_path / "a.png")),
                "--symbol",
                str(tmp_path / "flat"),
                "--size",
                "28",
                "--method",
                "all-cams",
                "--out",
                str(tmp_path / "out"),
            ]
        )
        == 0
    )
    stored = np.load(tmp_path / "out" / "a.npz").files
    assert "score_cam" in stored
    assert "cam" not in stored


def test_options_go_to_the_methods_that_have_them(explain, tmp_path, weights):
    a, b = write(tmp_path / "a.png"), write(tmp_path / "b.png", photo(5))
    code, _, _ = explain(
        a,
        "--method",
        "smooth_grad",
        "integrated_gradients",
        "expected_gradients",
        "grad_cam",
        "--samples",
        "2",
        "--steps",
        "3",
        "--baseline",
        "blur",
        "--background",
        b,
        "--seed",
        "4",
        "--batch-size",
        "2",
    )
    assert code == 0
    stored = np.load(tmp_path / "out" / "a.npz")
    net = zoo.get_model(MODEL, weights=weights)
    x, background = net.preprocess(photo()), net.preprocess(photo(5))
    target = [json.loads(str(stored["about"]))["target"][0]]
    expected = {
        "smooth_grad": gm.smooth_grad(net, x, target, num_samples=2, seed=4, batch_size=2),
        "integrated_gradients": gm.integrated_gradients(
            net, x, target, steps=3, baseline="blur", batch_size=2
        ),
        "expected_gradients": gm.expected_gradients(
            net, x, target, background=background, num_samples=2, seed=4, batch_size=2
        ),
    }
    for name, one in expected.items():
        np.testing.assert_array_equal(stored[name], one.values, name)


def test_options_of_perturbation_methods(explain, tmp_path, weights):
    a = write(tmp_path / "a.png")
    code, out, _ = explain(
        a,
        "--size",
        "64",
        "--method",
        "occlusion",
        "feature_ablation",
        "lime",
        "kernel_shap",
        "rise",
        "partition_shap",
        "--window",
        "32x16",
        "--stride",
        "16x16",
        "--values",
        "score",
        "--segments",
        "grid",
        "--num-segments",
        "4",
        "--samples",
        "12",
        "--baseline",
        "10,200,30",
        "--masker",
        "blur(9,9)",
        "--max-evals",
        "6",
        "--seed",
        "3",
        "--batch-size",
        "4",
    )
    assert code == 0
    assert "1 of 1 photos explained" in out
    stored = np.load(tmp_path / "out" / "a.npz")
    net = zoo.get_model(MODEL, weights=weights)
    prepare = net.preprocess.adapted(size=64)
    x = prepare(photo())
    target = [json.loads(str(stored["about"]))["target"][0]]
    color = prepare(np.full((8, 8, 3), (10, 200, 30), np.uint8))[0, :, 0, 0]
    cut = {"segments": "grid", "num_segments": 4, "batch_size": 4}
    expected = {
        "occlusion": gm.occlusion(
            net,
            x,
            target,
            window=(32, 16),
            stride=(16, 16),
            values="score",
            baseline=color,
            batch_size=4,
        ),
        "feature_ablation": gm.feature_ablation(net, x, target, baseline=color, **cut),
        "lime": gm.lime(net, x, target, baseline=color, num_samples=12, seed=3, **cut),
        "kernel_shap": gm.kernel_shap(
            net, x, target, baseline=color, num_samples=12, seed=3, **cut
        ),
        "rise": gm.rise(net, x, target, baseline=color, num_samples=12, seed=3, batch_size=4),
        "partition_shap": gm.partition_shap(
            net, x, target, masker="blur(9,9)", max_evals=6, seed=3, batch_size=4
        ),
    }
    for name, one in expected.items():
        np.testing.assert_array_equal(stored[name], one.values, name)
        drawn = np.asarray(Image.open(tmp_path / "out" / f"a_{name}.png"))
        assert drawn.shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--method", "occlusion", "--window", "225"], "larger than the input"),
        (["--method", "partition_shap", "--masker", "paint"], "no masker 'paint'"),
        (["--method", "rise", "--baseline", "inpaint"], "no baseline 'inpaint'"),
        (["--method", "kernel_shap", "--samples", "3"], "num_samples is 3"),
    ],
)
def test_options_that_do_not_fit(explain, tmp_path, arguments, said):
    code, _, error = explain(write(tmp_path / "a.png"), *arguments)
    assert code != 0
    assert error.startswith("gradcam-mx: ")
    assert said in error
    assert not names_in(tmp_path / "out")


def test_expected_gradients_ask_for_a_background(explain, tmp_path, capsys):
    with pytest.raises(SystemExit):
        explain(write(tmp_path / "a.png"), "--method", "expected_gradients")
    assert "needs --background PHOTO" in capsys.readouterr().err
