"""Functions as nets: what they get, what they may return, and what is refused."""

from __future__ import annotations

import pickle
import random

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import InputError, NetworkError
from gradcam_mx.graph.digest import digest_of

SHAPE = (3, 8, 8)
X = np.random.RandomState(1).normal(size=(3, *SHAPE)).astype("float32")
WEIGHT = np.random.RandomState(0).normal(size=(3 * 8 * 8, 5)).astype("float32")


def scores(x):
    return np.tanh(x.reshape(len(x), -1) @ WEIGHT / 9)


def asked(function, x=X, **how):
    return gm.black_box(function, **{"input_shape": SHAPE, **how})(x)


RIGHT = {
    "an array": scores,
    "an array of MXNet": lambda x: mx.nd.array(scores(x)),
    "rows in a list": lambda x: list(scores(x)),
    "lists of numbers": lambda x: scores(x).tolist(),
    "what a session returns": lambda x: [scores(x)],
    "a mapping of one": lambda x: {"anything": scores(x)},
    "double precision": lambda x: scores(x).astype("float64"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_a_function_returns_is_an_array_with_a_row_for_each_sample(name):
    for x in (X, X[:1]):
        found = asked(RIGHT[name], x)
        assert list(found) == ["output"]
        np.testing.assert_allclose(found["output"], scores(x), rtol=1e-6)


def test_half_precision_becomes_single():
    found = asked(lambda x: scores(x).astype("float16"))["output"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, scores(X).astype("float16"))


@pytest.mark.parametrize(
    "returns",
    [
        lambda x: (scores(x), x[:, 0]),
        lambda x: [scores(x), x[:, 0]],
        lambda x: {"map": x[:, 0], "other": 3, "logits": scores(x)},
    ],
    ids=["tuple", "list", "mapping"],
)
def test_several_outputs_have_their_names(returns):
    found = asked(returns, outputs=["logits", "map"])
    np.testing.assert_array_equal(found["logits"], scores(X))
    np.testing.assert_array_equal(found["map"], X[:, 0])


WRONG = {
    "rows that are missing": (lambda x: scores(x)[:2], "of shape .2, 5. for 3 samples"),
    "one row for all": (lambda x: scores(x).mean(axis=0), "a row for each"),
    "a number": (lambda x: 3.0, "a row for each"),
    "nothing": (lambda x: None, "returned None"),
    "an empty list": (lambda x: [], "a row for each"),
    "no columns": (lambda x: scores(x)[:, :0], "which is empty"),
    "NaN": (lambda x: np.where(np.arange(3) == 1, np.nan, scores(x)[:, :3].T).T, "sample 1 of 3"),
    "texts": (lambda x: ["cat"] * len(x), "expected numbers"),
    "objects": (lambda x: np.array([object()] * len(x)), "no array of numbers"),
    "complex numbers": (lambda x: scores(x) * 1j, "expected numbers"),
    "rows of several lengths": (lambda x: [[1.0], [2.0, 3.0], [1.0]], "no array of numbers"),
    "outputs without names": (lambda x: (scores(x), scores(x)), "name its outputs"),
    "a mapping of others": (lambda x: {"a": scores(x), "b": x}, r"outputs=\['a', 'b'\]"),
    "an exception": (lambda x: {}["key"], "raises KeyError .*'key'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_anything_else_is_refused_before_anything_is_explained(name):
    function, said = WRONG[name]
    for ask in (asked, lambda one: gm.occlusion(gm.black_box(one, SHAPE), X)):
        with pytest.raises(NetworkError, match=said):
            ask(function)


def test_what_raised_is_told_as_its_cause():
    with pytest.raises(NetworkError) as raised:
        asked(lambda x: 1 / 0)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_too_few_outputs_are_refused():
    with pytest.raises(NetworkError, match=r"3 in a tuple; .*a, b"):
        asked(lambda x: (scores(x),) * 3, outputs=["a", "b"])


def test_a_function_that_changes_its_input_harms_nobody():
    def careless(x):
        found = scores(x)
        x[...] = 7
        return found

    before = X.copy()
    box, rest = gm.black_box(careless, SHAPE), gm.black_box(scores, SHAPE)
    np.testing.assert_array_equal(box(X)["output"], scores(X))
    changed, kept = (gm.occlusion(one, X, window=4, stride=4).values for one in (box, rest))
    np.testing.assert_array_equal(changed, kept)
    np.testing.assert_array_equal(X, before)


def test_a_function_that_writes_to_one_array_harms_nobody():
    place = np.zeros((512, 5), "float32")

    def thrifty(x):
        place[: len(x)] = scores(x)
        return place[: len(x)]

    box, rest = gm.black_box(thrifty, SHAPE), gm.black_box(scores, SHAPE)
    first = box(X)["output"]
    box(X[::-1])
    np.testing.assert_array_equal(first, scores(X))
    maps = [gm.rise(one, X, num_samples=40, progress=False).values for one in (box, rest)]
    np.testing.assert_array_equal(*maps)


def test_channels_go_last_for_a_function_that_wants_them_there():
    seen = []

    def last(x):
        seen.append((x.shape, x.flags.c_contiguous))
        return scores(np.moveaxis(x, 3, 1))

    found = asked(last, layout="NHWC")["output"]
    np.testing.assert_array_equal(found, scores(X))
    assert seen == [((3, 8, 8, 3), True)]


def test_photos_are_made_of_pixels():
    pixels = np.random.RandomState(0).randint(0, 256, (2, *SHAPE)).astype("float32")
    seen = []

    def looks(photos):
        seen.append(photos)
        return [[photo.mean()] for photo in photos]

    found = asked(looks, pixels, takes="photos")["output"]
    np.testing.assert_allclose(found[:, 0], pixels.mean(axis=(1, 2, 3)), rtol=1e-6)
    (photos,) = seen
    assert isinstance(photos, list)
    assert {one.dtype.name for one in photos} == {"uint8"}
    np.testing.assert_array_equal(photos[1], np.moveaxis(pixels[1], 0, -1))


def test_pixels_between_whole_numbers_are_rounded_and_those_given_are_not_touched():
    box = gm.black_box(lambda photos: [[one.max()] for one in photos], SHAPE, takes="photos")
    changed = np.full((1, *SHAPE), 300.6, "float32")
    assert box(changed)["output"] == 255
    assert box(changed / 300.6 * 7.6)["output"] == 8
    with pytest.raises(InputError, match="pass the pixels as they are"):
        gm.occlusion(box, changed)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_function_gets_the_type_that_its_caller_has(dtype):
    seen = set()

    def looks(x):
        seen.add(x.dtype.name)
        return scores(x)

    gm.occlusion(gm.black_box(looks, SHAPE), X.astype(dtype), window=4, stride=4)
    assert seen == {dtype}


def test_several_inputs_come_one_after_the_other():
    box = gm.black_box(lambda x, y: scores(x) * y, [SHAPE, (1,)])
    y = np.array([[1.0], [2.0], [3.0]], "float32")
    np.testing.assert_array_equal(box(X, y)["output"], scores(X) * y)
    with pytest.raises(InputError, match=r"has 2 inputs \(data0, data1\), got 1"):
        box(X)


@pytest.mark.parametrize("given", [(3, 4, 8), (1, 8, 8), (3, 8)])
def test_inputs_of_another_shape_are_refused(given):
    with pytest.raises(InputError, match=r"\(N, 3, 8, 8\)"):
        asked(scores, np.zeros((2, *given), "float32"))


def test_any_size_of_a_side():
    box = gm.black_box(lambda x: x.mean(axis=(2, 3)), (3, None, None))
    assert box(np.ones((2, 3, 5, 7), "float32"))["output"].shape == (2, 3)
    with pytest.raises(InputError, match=r"\(N, 3, any, any\)"):
        box(np.ones((2, 4, 5, 7), "float32"))


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"function": 3}, NetworkError, "got a int"),
        ({"layout": "CHW"}, InputError, "'NCHW' or 'NHWC'"),
        ({"takes": "files"}, InputError, "'arrays' or 'photos'"),
        ({"input_shape": (3, "a")}, InputError, r"such as \(3, 224, 224\)"),
        ({"input_shape": (3, 0, 8)}, InputError, r"such as \(3, 224, 224\)"),
        ({"function": "nowhere.onnx"}, NetworkError, "nowhere.onnx cannot be read"),
        ({"function": "nowhere.onnx", "outputs": "y"}, InputError, "leave out outputs='y'"),
    ],
)
def test_what_makes_no_black_box(given, error, said):
    with pytest.raises(error, match=said):
        gm.black_box(**{"function": scores, **given})


def test_a_version_tells_whether_it_is_the_same_function():
    first, again, other = (digest_of(gm.trace(named(one))) for one in ("1", "1", "2"))
    assert first == again != other
    unknown = [digest_of(gm.trace(named(None))) for _ in range(2)]
    assert unknown[0] != unknown[1]


def named(version):
    return gm.black_box(scores, SHAPE, name="scores", version=version)


def test_it_goes_to_another_process():
    box = gm.black_box(scores, SHAPE, name="scores", class_names=list("abcde"))
    gm.occlusion(box, X, window=4, stride=4)
    again = pickle.loads(pickle.dumps(box))
    np.testing.assert_array_equal(again(X)["output"], scores(X))
    assert again.digest == box.digest
    assert again.class_names == list("abcde")
    graph = pickle.loads(pickle.dumps(gm.trace(box)))
    assert graph.box.name == "scores"


def test_it_is_traced_once():
    box = gm.black_box(scores, SHAPE)
    assert gm.trace(box) is gm.trace(box)
    assert gm.trace(box).output_names == ["output"]


def test_random_states_stay_as_they_are():
    np.random.seed(3)
    random.seed(3)
    before = np.random.get_state()[1].copy(), random.getstate()
    gm.occlusion(gm.black_box(scores, SHAPE), X, window=4, stride=4)
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])
    assert random.getstate() == before[1]
