"""ONNX files as nets: what onnxruntime gives of them, whatever their batch, types and layout."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="ONNX files are read by onnx")
runtime = pytest.importorskip("onnxruntime", reason="ONNX files are run by onnxruntime")

from networks import filled  # noqa: E402
from onnx_files import SHAPE, by_hand, exported, small_net  # noqa: E402

import gradcam_mx as gm  # noqa: E402
from gradcam_mx._mxnet import mx  # noqa: E402
from gradcam_mx.errors import InputError, NetworkError, WeightsError  # noqa: E402
from gradcam_mx.graph.digest import digest_of  # noqa: E402

X = np.random.RandomState(1).normal(size=(5, *SHAPE)).astype("float32")
KERNEL = np.random.RandomState(0).normal(size=(4, 3, 3, 3)).astype("float32")


def of_session(path, x, name="x", outputs=None):
    """What a session of its own gives."""
    quiet = runtime.SessionOptions()
    quiet.log_severity_level = 3
    session = runtime.InferenceSession(path, quiet, providers=["CPUExecutionProvider"])
    return session.run(outputs, {name: x})


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("batch", [None, 1, 2, 5, 8])
def test_any_number_of_samples_runs_whatever_the_file_is_for(batch, tmp_path):
    net = small_net()
    box = gm.black_box(exported(net, tmp_path, batch))
    assert box.takes[0].shape == SHAPE
    for count in (1, 3, 5):
        (found,) = box(X[:count]).values()
        assert found.shape == (count, 5)
        close(found, net(mx.nd.array(X[:count])).asnumpy())


def test_a_file_of_one_sample_computes_no_sample_beside_another(tmp_path):
    # the mean over axis 0 would mix samples that share a call
    nodes = [
        ("ReduceMean", ["x"], ["mean"], {"axes": [0], "keepdims": 1}),
        ("Add", ["x", "mean"], ["y"], {}),
    ]
    path = by_hand(tmp_path / "net.onnx", nodes, [1, 4], {"y": 2})
    x = np.arange(12, dtype="float32").reshape(3, 4)
    np.testing.assert_array_equal(gm.black_box(path)(x)["y"], 2 * x)


def test_half_precision_and_pixels(tmp_path):
    for dtype, before in (("float16", []), ("uint8", [("Cast", ["x"], ["f"], {"to": 10})])):
        source = "f" if before else "x"
        nodes = [*before, ("ReduceMean", [source], ["y"], {"axes": [2, 3], "keepdims": 0})]
        path = by_hand(tmp_path / f"{dtype}.onnx", nodes, ["N", 3, 4, 4], {"y": 2}, dtype="float16")
        if before:
            path = by_hand(tmp_path / "cast.onnx", nodes, ["N", 3, 4, 4], {"y": 2}, dtype="uint8")
            path = _with_half_output(path)
        x = np.random.RandomState(0).randint(0, 256, (2, 3, 4, 4)).astype("float32")
        box = gm.black_box(path)
        assert box.takes[0].dtype == dtype
        found = box(x)["y"]
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, x.mean(axis=(2, 3)), rtol=2e-3)
    with pytest.raises(InputError, match="in uint8, and there are fractions"):
        gm.occlusion(box, x / 255, window=2, stride=2)
    assert gm.occlusion(box, x, window=2, stride=2).values.shape == (2, 4, 4)


def _with_half_output(path):
    import onnx

    model = onnx.load(path)
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    onnx.save(model, path)
    return path


def test_channels_that_are_last_in_the_file_are_first_for_its_caller(tmp_path):
    nodes = [
        ("Transpose", ["x"], ["t"], {"perm": [0, 3, 1, 2]}),
        ("Conv", ["t", "w"], ["c"], {"kernel_shape": [3, 3]}),
        ("ReduceMean", ["c"], ["y"], {"axes": [2, 3], "keepdims": 0}),
    ]
    path = by_hand(tmp_path / "last.onnx", nodes, ["N", 8, 8, 3], {"y": 2}, {"w": KERNEL})
    box = gm.black_box(path)
    assert (box.layout, box.takes[0].shape) == ("NHWC", SHAPE)
    (expected,) = of_session(path, np.ascontiguousarray(np.moveaxis(X, 1, 3)))
    close(box(X)["y"], expected)
    with pytest.raises(InputError, match="pass it channels first"):
        box(np.moveaxis(X, 1, 3))


@pytest.mark.parametrize(
    ("shape", "layout"),
    [(["N", 8, 8, 3], "NHWC"), (["N", 3, 8, 8], "NCHW"), (["N", 3, 8, 3], "NCHW")],
)
def test_where_no_operator_tells_the_number_of_channels_does(shape, layout, tmp_path):
    nodes = [("ReduceMean", ["x"], ["y"], {"axes": [1, 2, 3], "keepdims": 0})]
    assert gm.black_box(by_hand(tmp_path / "n.onnx", nodes, shape, {"y": 1})).layout == layout


ENDS = {
    "softmax": ([("Softmax", ["s"], ["y"], {"axis": 1})], 13, "softmax"),
    "the last axis": ([("Softmax", ["s"], ["y"], {})], 13, "softmax"),
    "an old softmax": ([("Softmax", ["s"], ["y"], {})], 11, "softmax"),
    "logarithms": ([("LogSoftmax", ["s"], ["y"], {"axis": -1})], 13, "softmax"),
    "sigmoid": ([("Sigmoid", ["s"], ["y"], {})], 13, "sigmoid"),
    "passed on": (
        [("Softmax", ["s"], ["p"], {"axis": 1}), ("Identity", ["p"], ["y"], {})],
        13,
        "softmax",
    ),
    "flattened on the way": (
        [
            ("Shape", ["s"], ["shape"], {}),
            ("Flatten", ["s"], ["flat"], {}),
            ("Softmax", ["flat"], ["p"], {}),
            ("Reshape", ["p", "shape"], ["y"], {}),
        ],
        13,
        "softmax",
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_what_goes_into_the_last_softmax_is_explained(name, tmp_path):
    ends, version, kind = ENDS[name]
    weight = np.random.RandomState(2).normal(size=(192, 5)).astype("float32") / 8
    nodes = [
        ("Flatten", ["x"], ["f"], {}),
        ("MatMul", ["f", "w"], ["s"], {}),
        *ends,
    ]
    path = by_hand(
        tmp_path / "net.onnx", nodes, ["N", *SHAPE], {"y": 2}, {"w": weight}, version=version
    )
    box = gm.black_box(path)
    assert box.ending("y").kind == kind
    logits = X.reshape(5, -1) @ weight
    close(box.scores(X)["y"], logits)
    close(box(X)["y"], of_session(path, X)[0])
    found = gm.occlusion(box, X, [0, 1, 2, 3, 4], window=4, stride=4)
    close(found.score, logits[np.arange(5), np.arange(5)])
    odds = gm.occlusion(box, X, [0, 1, 2, 3, 4], window=4, stride=4, output="probability").score
    own = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    own = 1 / (1 + np.exp(-logits)) if kind == "sigmoid" else own
    close(odds, own[np.arange(5), np.arange(5)])


def test_a_softmax_of_what_was_flattened_is_over_all_of_a_sample(tmp_path):
    nodes = [
        ("Neg", ["x"], ["s"], {}),
        ("Shape", ["s"], ["shape"], {}),
        ("Flatten", ["s"], ["flat"], {}),
        ("Softmax", ["flat"], ["p"], {}),
        ("Reshape", ["p", "shape"], ["y"], {}),
    ]
    box = gm.black_box(by_hand(tmp_path / "net.onnx", nodes, ["N", *SHAPE], {"y": 4}))
    assert box.ending("y")[:2] == ("softmax", None)
    np.testing.assert_array_equal(box.scores(X)["y"], -X)


def test_a_softmax_inside_is_no_end(tmp_path):
    nodes = [
        ("Flatten", ["x"], ["f"], {}),
        ("Softmax", ["f"], ["p"], {"axis": 1}),
        ("Neg", ["p"], ["y"], {}),
    ]
    box = gm.black_box(by_hand(tmp_path / "net.onnx", nodes, ["N", *SHAPE], {"y": 2}))
    assert box.ending("y") is None
    np.testing.assert_array_equal(box.scores(X)["y"], box(X)["y"])


def test_several_outputs_have_their_names(tmp_path):
    nodes = [
        ("ReduceMean", ["x"], ["mean"], {"axes": [2, 3], "keepdims": 0}),
        ("ReduceMax", ["x"], ["max"], {"axes": [2, 3], "keepdims": 0}),
    ]
    graph = gm.load(by_hand(tmp_path / "n.onnx", nodes, ["N", *SHAPE], {"mean": 2, "max": 2}))
    assert graph.output_names == ["mean", "max"]
    found = gm.occlusion(graph, X, 1, output="max", window=4, stride=4)
    close(found.score, X.max(axis=(2, 3))[:, 1])


def test_labels_of_a_loss_head_are_no_inputs(tmp_path):
    """Where a loss head is not the last operator, mx.onnx makes its label an input, which nothing
    reads."""
    data = mx.sym.var("data")
    body = mx.sym.Convolution(data, kernel=(3, 3), num_filter=4, name="conv")
    body = mx.sym.FullyConnected(mx.sym.Flatten(body), num_hidden=5, name="fc")
    symbol = mx.sym.Group([mx.sym.SoftmaxOutput(body, name="softmax"), mx.sym.relu(body, name="r")])
    old = filled(symbol, mx.cpu(), data=(1, *SHAPE))
    mx.model.save_checkpoint(str(tmp_path / "net"), 0, *old)
    mx.onnx.export_model(
        str(tmp_path / "net-symbol.json"),
        str(tmp_path / "net-0000.params"),
        [(1, *SHAPE), (1,)],
        np.float32,
        str(tmp_path / "net.onnx"),
    )
    graph = gm.load(tmp_path / "net.onnx")
    assert graph.input_names == ["data"]
    found, expected = (
        gm.occlusion(net, X[:2], 3, output=0, window=4, stride=4) for net in (graph, old)
    )
    close(found.values, expected.values)
    box = gm.black_box(str(tmp_path / "net.onnx"))
    assert set(box.values(X[:1])) >= {"conv", "softmax", "r"}


def test_all_values_are_those_of_a_session_that_gives_them(tmp_path):
    import onnx

    path = exported(small_net(), tmp_path, 1)
    box = gm.black_box(path)
    values = box.values(X[:2])
    model = onnx.load(path)
    made = [name for node in model.graph.node for name in node.output]
    assert list(values) == made
    for name in made[:-1]:
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    onnx.save(model, str(tmp_path / "all.onnx"))
    for sample in range(2):
        one = X[sample : sample + 1]
        for name, own in zip(made, of_session(str(tmp_path / "all.onnx"), one, "data", made)):
            close(values[name][sample : sample + 1], own)
    assert list(box.values(X[:1], made[1:3])) == made[1:3]
    with pytest.raises(NetworkError, match=r"no operator .* makes 'nothing'"):
        box.values(X, ["nothing"])


def test_values_that_hang_on_no_input_are_no_samples(tmp_path):
    nodes = [
        ("Exp", ["w"], ["scale"], {}),
        ("Mul", ["x", "scale"], ["y"], {}),
    ]
    weight = np.ones((1, 4), "float32")
    box = gm.black_box(by_hand(tmp_path / "n.onnx", nodes, [1, 4], {"y": 2}, {"w": weight}))
    found = box.values(np.ones((3, 4), "float32"))
    assert (found["scale"].shape, found["y"].shape) == ((1, 4), (3, 4))


def test_the_operators_are_told_with_their_attributes(tmp_path):
    nodes = [
        ("Conv", ["x", "w"], ["c"], {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER"}),
        ("Clip", ["c", "", "high"], ["y"], {}),
    ]
    numbers = {"w": KERNEL, "high": np.array(6, "float32")}
    box = gm.black_box(by_hand(tmp_path / "n.onnx", nodes, ["N", *SHAPE], {"y": 4}, numbers))
    conv, clip = box.nodes()
    assert (conv.op, conv.attributes) == (
        "Conv",
        {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER"},
    )
    assert (clip.inputs, clip.outputs, clip.name) == (("c", "", "high"), ("y",), "y")
    np.testing.assert_array_equal(box.parameters()["w"], KERNEL)


def test_the_digest_is_that_of_the_bytes(tmp_path):
    path = exported(small_net(), tmp_path)
    again = digest_of(gm.load(path))
    assert digest_of(gm.load(path)) == again
    file = Path(path)
    file.write_bytes(file.read_bytes() + b"\x92\x01\x00")  # a field that nobody reads
    changed = digest_of(gm.load(path))
    assert changed != again


def test_it_goes_to_another_process_unless_it_has_changed(tmp_path):
    path = exported(small_net(), tmp_path)
    box = gm.load(path)
    content = pickle.dumps(box)
    np.testing.assert_array_equal(
        *(next(iter(one.box(X).values())) for one in (box, pickle.loads(content)))
    )
    exported(small_net(seed=1), tmp_path)
    with pytest.raises(NetworkError, match="has changed since it was read"):
        pickle.loads(content)


def test_a_session_is_a_net_too(tmp_path):
    path = exported(small_net(), tmp_path)
    quiet = runtime.SessionOptions()
    quiet.log_severity_level = 3
    session = runtime.InferenceSession(path, quiet, providers=["CPUExecutionProvider"])
    maps = [
        gm.occlusion(gm.black_box(one), X, window=4, stride=4).values for one in (session, path)
    ]
    np.testing.assert_array_equal(*maps)
    with pytest.raises(InputError, match="leave out outputs"):
        gm.black_box(session, outputs="y")


@pytest.mark.parametrize("content", [b"", b"no file of ONNX", b"\x08\x07"])
def test_what_is_no_file_is_refused(content, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(NetworkError, match="no ONNX file"):
        gm.load(path)


def test_a_file_that_is_cut_short_is_refused(tmp_path):
    path = tmp_path / "net.onnx"
    whole = Path(exported(small_net(), tmp_path)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NetworkError, match=r"net\.onnx"):
        gm.load(path)


def test_what_goes_with_a_symbol_does_not_go_with_a_file(tmp_path):
    path = exported(small_net(), tmp_path)
    for given in ({"epoch": 0}, {"params_file": "x.params"}, {"ctx": mx.cpu(1)}):
        with pytest.raises(WeightsError, match="holds its parameters"):
            gm.load(path, **given)


def test_numbers_beside_the_file_are_read(tmp_path):
    import onnx

    nodes = [("Conv", ["x", "w"], ["y"], {"kernel_shape": [3, 3]})]
    path = by_hand(tmp_path / "n.onnx", nodes, ["N", *SHAPE], {"y": 4}, {"w": KERNEL})
    expected = gm.black_box(path)(X)
    model = onnx.load(path)
    apart = str(tmp_path / "apart.onnx")
    onnx.save(model, apart, save_as_external_data=True, location="numbers.bin", size_threshold=0)
    box = gm.black_box(apart)
    for name, one in box(X).items():
        np.testing.assert_array_equal(one, expected[name])
    before = box.digest
    numbers = bytearray((tmp_path / "numbers.bin").read_bytes())
    numbers[40] ^= 1
    (tmp_path / "numbers.bin").write_bytes(numbers)
    assert gm.black_box(apart).digest != before
