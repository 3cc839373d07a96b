"""`gm.verify`: yes to what is so, and no after one byte or one number was changed."""

from __future__ import annotations

import base64
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from reports import ASKED, NAMES, PREPARE, network, photo, read, resealed, written

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.apps import command_line as cli
from gradcam_mx.apps.provenance import decoded, encoded, is_lost, packed
from gradcam_mx.apps.report import comparing
from gradcam_mx.errors import InputError
from gradcam_mx.explanation import archive, archive_hash
from gradcam_mx.graph.digest import digest_of


@pytest.fixture(scope="module")
def net():
    return network()


@pytest.fixture(scope="module")
def made(net, tmp_path_factory):
    """A folder with a report of one page, and one in parts."""
    folder = tmp_path_factory.mktemp("made")
    more = {"labels": [0, 1, 2, 2], "metrics": ["deletion", "sparseness"], "top": 2}
    written(folder / "whole.html", net, 4, **more)
    written(folder / "parts.html", net, 4, per_page=2, **more)
    return folder


@pytest.fixture
def copy(made, tmp_path):
    """A copy of the reports, to be changed."""
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


def verified(path, net, **more):
    return gm.verify(path, net, progress=False, **more)


# ---------------------------------------------------------------------------------------------- yes


@pytest.mark.parametrize("name", ["whole", "parts"])
def test_a_report_agrees(made, net, name):
    found = verified(made / f"{name}.html", net)
    assert found
    assert (found.photos, found.difference, found.notes) == (4, None, ())
    assert found.numbers > 100
    assert str(found).startswith(f"{name}.html agrees: 4 photos, ")


def test_a_report_of_a_net_agrees_with_its_files(made, net, tmp_path):
    net.hybridize()
    net(mx.nd.zeros((1, 3, 24, 24)))
    net.export(str(tmp_path / "net"))
    net.hybridize(False)
    assert verified(made / "whole.html", gm.load(tmp_path / "net"))


def test_what_the_net_saw_is_what_becomes_of_the_photos(net, tmp_path):
    files = [tmp_path / f"{name}.png" for name in "ab"]
    for number, file in enumerate(files):
        Image.fromarray(photo(number)).save(file)
    path = gm.report(net, files, tmp_path / "report.html", **{**ASKED, "metrics": []})
    assert verified(path, net, photos=files).notes == ()
    (note,) = verified(path, net, photos=files[:1]).notes
    assert "b.png was not given" in note

    # one that claims to be of another photo
    def swap(record):
        record["photos"][0]["sha256"] = record["photos"][1]["sha256"]

    resealed(path, swap, lambda page: page)
    found = verified(path, net, photos=files)
    assert not found
    assert "pixels that the net saw" in found.difference


# ---------------------------------------------------------------------------------- another network


def parameters(net):
    return [(name, one) for name, one in net.collect_params().items() if one.shape]


def test_one_byte_of_a_parameter_is_another_net(made):
    net = network()
    for name, one in parameters(net):
        before = one.data().asnumpy()
        for place in (0, before.nbytes - 1):
            changed = before.copy()
            changed.view(np.uint8).reshape(-1)[place] ^= 1
            one.set_data(mx.nd.array(changed))
            found = verified(made / "whole.html", net)
            assert not found, name
            assert "the net's parameters, SHA-256" in found.difference
        one.set_data(mx.nd.array(before))
    assert verified(made / "whole.html", net)


def test_hashes_are_of_every_byte_as_it_is_stored():
    def made(scale, dtype="float32"):
        mx.random.seed(0)
        net = mx.gluon.nn.HybridSequential(prefix="")
        net.add(mx.gluon.nn.Conv2D(4, 3, in_channels=3))
        net.add(mx.gluon.nn.BatchNorm(scale=scale, in_channels=4), mx.gluon.nn.Dropout(0.5))
        net.initialize()
        net.cast(dtype)
        return net

    for scale in (True, False):  # without, MXNet computes with ones whatever is stored
        for dtype in ("float32", "float64"):
            net = made(scale, dtype)
            first = digest_of(gm.trace(net))
            assert first == digest_of(gm.trace(made(scale, dtype)))
            for _, one in parameters(net):
                before = one.data().asnumpy()
                changed = before.copy()
                changed.view(np.uint8).reshape(-1)[0] ^= 1
                one.set_data(mx.nd.array(changed, dtype=dtype))
                found = digest_of(gm.trace(net))
                assert found.structure == first.structure
                assert found.parameters != first.parameters
                one.set_data(mx.nd.array(before, dtype=dtype))
            assert digest_of(gm.trace(net)) == first
    assert digest_of(gm.trace(made(True))) != digest_of(gm.trace(made(False)))


def test_another_structure_is_another_net(made):
    net = network()
    mx.random.seed(0)
    other = mx.gluon.nn.HybridSequential(prefix="")
    for one in net._children.values():
        other.add(one)
    other.add(mx.gluon.nn.Activation("sigmoid"))
    found = verified(made / "whole.html", other)
    assert "the net's structure, SHA-256" in found.difference


# --------------------------------------------------------------------------------------- one number


def spread(number):
    """Far enough to be no rounding."""
    return number + 0.07 * max(1.0, abs(number))


def another(record, *path):
    """Change the number at the end of a path in a record."""
    for key in path[:-1]:
        record = record[key]
    assert isinstance(record[path[-1]], (int, float)), path
    record[path[-1]] = spread(float(record[path[-1]]))


def another_of_map(record, *path):
    for key in path:
        record = record[key]
    numbers = np.frombuffer(base64.b64decode(record["bytes"]), "<f4").reshape(record["shape"])
    changed = numbers.copy()
    changed.flat[numbers.size // 2] += 0.03 * abs(numbers).max()
    record.update(packed(changed))


NUMBERS = {
    "probability": ("photos", 1, "top", 1, "probability"),
    "score": ("photos", 2, "explained", "score"),
    "score of a map": ("photos", 2, "maps", 0, "score"),
    "share": ("photos", 0, "maps", 0, "shares", "border"),
    "measure": ("photos", 3, "measures", 0, "values", 1),
    "accuracy": ("accuracy", "accuracy", "share"),
    "interval": ("accuracy", "accuracy", "high"),
    "confusion": ("accuracy", "matrix", 0, 0),
    "count": ("predicted", 0, "count"),
    "mean": ("table", "rows", 0, "cells", 0, "mean"),
    "standard error": ("table", "rows", 1, "cells", 1, "standard_error"),
    "photos": ("table", "rows", 1, "cells", 1, "photos"),
    "mass": ("mass", 1, "places", "corners", "share"),
    "even": ("mass", 1, "places", "corners", "even"),
    "least": ("extremes", "least", 0, "value"),
}
MAPS = {
    "map": ("photos", 0, "maps", 0, "numbers", 0),
    "attributions": ("photos", 1, "maps", 1, "numbers", 0),
    "mean map": ("mass", 0, "mean_map"),
}


@pytest.mark.parametrize("name", [*NUMBERS, *MAPS])
def test_one_number_that_is_another_is_found_though_the_hash_was_forged(copy, net, name):
    path = copy / "whole.html"
    if name in NUMBERS:
        resealed(path, lambda record: another(record, *NUMBERS[name]))
    else:
        resealed(path, lambda record: another_of_map(record, *MAPS[name]))
    found = verified(path, net)
    assert not found
    assert "it says" in found.difference
    assert found.notes == ()


@pytest.mark.parametrize("name", ["probability", "map", "mean"])
def test_the_least_change_is_found_by_the_hash(copy, net, name):
    path = copy / "whole.html"
    text = path.read_text(encoding="utf-8")
    if name == "map":
        place = text.index('"bytes":"') + 20
    else:
        key = f'"{name}":'
        place = text.index(key) + text[text.index(key) :].index(",") - 1  # its last digit
    last = text[place]
    path.write_text(text[:place] + ("1" if last != "1" else "2") + text[place + 1 :])
    found = verified(path, net)
    assert not found
    assert "whole.html was changed after it was written" in str(found)


def test_rounding_is_no_difference(copy, net):
    path = copy / "whole.html"

    def rounded(record):
        for one in record["photos"]:
            one["explained"]["score"] *= 1 + 2e-5
            for each in one["top"]:
                each["probability"] *= 1 + 2e-5

    resealed(path, rounded)
    found = verified(path, net)
    assert found, found
    assert 0 < found.largest < 1


def test_words_that_people_read_are_those_that_programs_read(copy, net):
    for name in ("whole.html", "parts.html"):
        path = copy / name
        right = read(path).text
        assert "Right." in right or name == "parts.html"
        resealed(path, page=lambda page: page.replace("5 %", "6 %", 1).replace(" is ", " was ", 1))
        found = verified(path, net)
        assert not found
        assert f"the words of {name}" in found.difference


def test_a_page_that_was_changed_or_swapped(copy, net):
    pages = [copy / "parts-files" / f"{number}.html" for number in (1, 2)]
    kept = [one.read_bytes() for one in pages]
    pages[0].write_bytes(kept[0].replace(b"Wrong", b"Right").replace(b"Right.", b"Wrong."))
    assert "parts-files/1.html was changed" in str(verified(copy / "parts.html", net))
    resealed(pages[0], lambda record: another(record, "photos", 1, "explained", "score"))
    found = verified(copy / "parts.html", net)
    assert "photo 2" in found.difference
    assert "parts-files/1.html was changed" in found.notes[0]
    pages[0].write_bytes(kept[1])
    assert not verified(copy / "parts.html", net)
    pages[0].unlink()
    with pytest.raises(InputError, match=r"cannot read .*1\.html"):
        verified(copy / "parts.html", net)
    with pytest.raises(InputError, match="is a page of a report"):
        verified(pages[1], net)


def test_a_picture_of_what_the_net_saw_that_was_changed(copy, net):
    path = copy / "whole.html"

    def other(page):
        before = page.index("data:image/png;base64,", page.index('id="photo-1"'))
        end = page.index('"', before)
        pixels = PREPARE.crop(photo(1)).copy()
        pixels[0, 0] ^= 1
        from gradcam_mx.picture.encoded import as_png, data_uri

        return page[:before] + data_uri(as_png(pixels)) + page[end:]

    resealed(path, page=other)
    found = verified(path, net)
    assert not found
    assert "photo 2" in found.difference
    assert "what the net saw of it is not in the report" in found.difference


@pytest.mark.parametrize("key", ["photos", "done", "check", "table", "net"])
def test_a_record_that_lacks_something(copy, net, key):
    path = copy / "whole.html"
    resealed(path, lambda record: record.pop(key))
    assert not verified(path, net)


def test_what_is_no_report(net, tmp_path):
    for name, content, said in (
        ("none.html", None, "cannot read"),
        ("empty.html", b"", "is no report"),
        ("binary.html", b"\xff\xfe\x00", "no text"),
        ("page.html", b"<html><body>Hello</body></html>", "is no report"),
        ("none.npz", None, "there is no such file"),
        ("bad.npz", b"PKnot", "damaged"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=said):
            verified(tmp_path / name, net)


# ----------------------------------------------------------------------------------------- archives


@pytest.fixture(scope="module")
def files(net, tmp_path_factory):
    """The prefix of the network's files, and beside it a photo."""
    folder = tmp_path_factory.mktemp("files")
    net.hybridize()
    net(mx.nd.zeros((1, 3, 24, 24)))
    net.export(str(folder / "net"))
    net.hybridize(False)
    Image.fromarray(photo(0)).save(folder / "cat.png")
    return folder


@pytest.fixture(scope="module")
def archived(files):
    """The archive of the command line."""
    out = files / "out"
    more = ["--method", "grad_cam", "saliency", "smooth_grad", "--samples", "3", "--size", "24"]
    code = cli.main(
        [
            "explain",
            str(files / "cat.png"),
            "--symbol",
            str(files / "net"),
            *more,
            "--out",
            str(out),
        ]
    )
    assert code == 0
    return out / "cat.npz"


def test_an_archive_of_the_command_line_agrees(archived, net):
    found = verified(archived, net)
    assert found, found
    assert (found.photos, found.notes) == (1, ())
    assert found.numbers == 6
    other = network(seed=1)
    assert "the net's parameters" in verified(archived, other).difference


def test_an_archive_of_python_agrees_with_its_photo(net, tmp_path):
    Image.fromarray(photo(0)).save(tmp_path / "cat.png")
    x = PREPARE(photo(0))
    path = gm.smooth_grad(net, x, 1, num_samples=3).save(tmp_path / "one.npz")
    found = verified(path, net, photos=[tmp_path / "cat.png"], preprocess=PREPARE)
    assert found, found
    assert "does not say of which network" in found.notes[0]
    assert not verified(path, network(seed=1), photos=[tmp_path / "cat.png"], preprocess=PREPARE)
    with pytest.raises(InputError, match="give the photo"):
        verified(path, net, preprocess=PREPARE)
    with pytest.raises(InputError, match="pass preprocess="):
        verified(path, net, photos=[tmp_path / "cat.png"])


def rewritten(path, change):
    """An archive with other arrays or another text, as anybody may write it with numpy."""
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    about = json.loads(str(arrays.pop("about")))
    change(about, arrays)
    np.savez(path, about=json.dumps(about), **arrays)


@pytest.mark.parametrize("member", ["grad_cam", "saliency", "smooth_grad.score", "source.seen"])
@pytest.mark.parametrize("forged", [False, True])
def test_one_number_of_an_archive_is_another(archived, net, tmp_path, member, forged):
    path = tmp_path / "cat.npz"
    shutil.copy(archived, path)

    def change(about, arrays):
        flat = arrays[member].reshape(-1)
        if forged:
            flat[0] = flat[0] + 0.1 * abs(flat).max() if flat.dtype.kind == "f" else flat[0] ^ 255
            flat[1:200] = flat[1:200] ^ 255 if flat.dtype.kind == "u" else flat[1:200]
            about[archive_hash.KEY] = archive_hash.hash_of(about, arrays)
        else:
            flat.view(np.uint8)[0] ^= 1

    rewritten(path, change)
    found = verified(path, net)
    assert not found
    if forged:
        assert found.notes == ()
    else:
        assert "was changed after it was written" in str(found)


def test_one_word_of_an_archive_is_another(archived, net, tmp_path):
    path = tmp_path / "cat.npz"
    shutil.copy(archived, path)
    rewritten(path, lambda about, _: about["source"].update(predictions=["cow 1.00"]))
    assert "was changed after it was written" in verified(path, net).difference


def test_archives_without_a_hash_are_read_and_verified(archived, net, tmp_path):
    path = tmp_path / "cat.npz"
    shutil.copy(archived, path)
    rewritten(path, lambda about, _: about.pop(archive_hash.KEY))
    assert gm.Explanation.load_all(path).keys() == {"grad_cam", "saliency", "smooth_grad"}
    found = verified(path, net)
    assert found
    assert "wrote no hash" in found.notes[0]


def test_archives_hold_a_hash_of_all_that_is_in_them(net, tmp_path):
    one = gm.saliency(net, PREPARE(photo(0)), 1)
    path = one.save(tmp_path / "one.npz")
    whole = archive.read_whole(path)
    assert whole.is_whole
    assert gm.Explanation.load(path) == one
    gm.Explanation.save_all(path, {"a": one, "b": one})
    assert archive.read_whole(path).is_whole


# ------------------------------------------------------------------------------------------ options


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        0.1,
        "blur",
        (1, 2),
        [1, [2.5, None]],
        {"a": (1, "b")},
        np.arange(6, dtype=np.float64).reshape(2, 3),
        np.float32([1.5]),
        np.array([True, False]),
    ],
    ids=repr,
)
def test_options_come_back_as_they_were(value):
    kept = json.loads(json.dumps(encoded(value)))
    found = decoded(kept)
    assert not is_lost(kept)
    assert type(found) is type(value)
    if isinstance(value, np.ndarray):
        assert found.dtype == value.dtype
        np.testing.assert_array_equal(found, value)
    else:
        assert found == value


def test_options_that_cannot_be_kept_are_told(net, tmp_path):
    assert is_lost(encoded({"a": [np.zeros(2**19)]}))
    background = np.zeros((200, 3, 24, 24), np.float32)
    options = {"expected_gradients": {"background": background, "num_samples": 3}}
    path = written(
        tmp_path / "report.html", net, 1, methods=["saliency", "expected_gradients"],
        options=options,
    )  # fmt: skip
    assert "not kept" in read(path).text
    found = verified(path, net)
    assert found, found
    assert "expected_gradients" in found.notes[0]


def test_arrays_that_differ_are_told_by_their_farthest_number():
    a = np.zeros((2, 3))
    a[1, 2] = 5
    b = a.copy()
    b[0, 1] = 0.5
    (one,) = comparing.arrays("here", a, b, 0.01)
    assert one.where == "here at 0, 1"
    assert one.share == pytest.approx(10)
    assert [each.share for each in comparing.arrays("here", a, a, 0)] == [0]
    nan = np.full((2, 3), np.nan)
    assert [each.share for each in comparing.arrays("here", nan, a, 1)] == [np.inf]
    assert [each.share for each in comparing.arrays("here", nan, nan, 1)] == [0]
    assert [each.share for each in comparing.arrays("here", a, a[:1], 1)] == [np.inf]


def test_top_classes_that_are_as_probable_may_change_places():
    def top(*pairs):
        return [{"id": one, "probability": chance} for one, chance in pairs]

    said = top((0, 0.5), (1, 0.25), (2, 0.25))
    for found, agrees in (
        (top((0, 0.5), (2, 0.25), (1, 0.25)), True),
        (top((0, 0.5), (2, 0.3), (1, 0.2)), False),
        (top((1, 0.5), (0, 0.25), (2, 0.25)), False),
    ):
        shares = [one.share for one in comparing._top("here", said, found)]
        assert (max(shares) <= 1) == agrees


# ------------------------------------------------------------------------------------- command line


def test_exit_codes(files, archived, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text("\n".join(NAMES))
    (tmp_path / "labels.csv").write_text("cat.png,dog\n")
    net = ["--symbol", str(files / "net"), "--size", "24"]
    more = ["--names", "names.txt", "--labels", "labels.csv", "--method", "grad_cam"]
    code = cli.main(
        ["report", str(files / "cat.png"), *net, *more, "--metric", "sparseness", "--out", "a.html"]
    )
    assert code == 0
    assert capsys.readouterr().out == (
        f"1 of 1 photos reported; the report is in {tmp_path / 'a.html'}\n"
    )
    for path in (tmp_path / "a.html", archived):
        assert cli.main(["verify", str(path), *net[:2]]) == 0
        assert capsys.readouterr().out.startswith(f"{path.name} agrees: 1 photo, ")
    assert cli.main(["verify", "a.html", *net[:2], "--photos", str(files)]) == 0
    text = (tmp_path / "a.html").read_text()
    (tmp_path / "a.html").write_text(text.replace("Grad-CAM", "Grad-CAP"))
    assert cli.main(["verify", "a.html", *net[:2]]) == 1
    assert "does not agree" in capsys.readouterr().out
    assert cli.main(["verify", "none.html", *net[:2]]) == 2
    assert "cannot read" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        cli.main(["verify"])
    assert end.value.code == 2


def test_nothing_of_the_callers_is_changed(made, ctx):
    net = network(ctx)
    kept = {name: one.data(ctx).asnumpy() for name, one in net.collect_params().items()}
    np.random.seed(3)
    state = np.random.get_state()[1].copy()
    assert verified(made / "whole.html", net)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    for name, one in net.collect_params().items():
        np.testing.assert_array_equal(one.data(ctx).asnumpy(), kept[name])
