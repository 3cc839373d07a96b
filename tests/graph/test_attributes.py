"""Attributes of operators are read as MXNet itself reads them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import NetworkError
from gradcam_mx.graph.attributes import Attributes, flag_of, number_of, numbers_of, whole_of

TRUE, FALSE = ("True", "true", "TRUE", "1"), ("False", "false", "0")
X = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5).astype(np.float32)


def node(**attrs):
    return Attributes("some_node", attrs)


def symbol(op, attrs, inputs, key="attrs"):
    """A symbol of one operator, from its JSON."""
    names = [f"in{number}" for number in range(inputs)]
    nodes = [{"op": "null", "name": name, "inputs": []} for name in names]
    reads = [[number, 0, 0] for number in range(inputs)]
    nodes.append({"op": op, "name": "out", key: attrs, "inputs": reads})
    described = {"nodes": nodes, "arg_nodes": [*range(inputs)], "heads": [[inputs, 0, 0]]}
    return mx.sym.load_json(json.dumps(described))


def run(op, attrs, *arrays, train=False):
    """What MXNet makes of arrays by one operator with these attributes."""
    arrays = {f"in{number}": mx.nd.array(one) for number, one in enumerate(arrays)}
    return symbol(op, attrs, len(arrays)).bind(mx.cpu(), arrays).forward(train)[0].asnumpy()


# -- the parser alone -----------------------------------------------------------------------------


def test_truth_values():
    assert [flag_of(text) for text in TRUE] == [True] * 4
    assert [flag_of(text) for text in FALSE] == [False] * 3
    assert node().flag("global_pool", False) is False
    assert node(cudnn_off="None").flag("cudnn_off", True) is True
    assert node(cudnn_off="none").flag("cudnn_off", True) is True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(3, 3)", (3, 3)),
        ("(3L, 3L)", (3, 3)),
        ("[3,3]", (3, 3)),
        (" ( 3 , 1 ) ", (3, 1)),
        ("(3,)", (3,)),
        ("3", (3,)),
        ("-1", (-1,)),
        ("(-1, +2)", (-1, 2)),
        ("()", ()),
        ("[ ]", ()),
        ("(None, 2)", (None, 2)),
        ("[None, None]", (None, None)),
        ("(10, 20, 30)", (10, 20, 30)),
    ],
)
def test_several_numbers(text, expected):
    assert numbers_of(text) == expected
    if None not in expected:
        assert node(kernel=text).numbers("kernel") == expected


def test_numbers_that_are_left_out():
    assert node().numbers("kernel", (1, 2)) == (1, 2)
    assert node(axis="None").numbers("axis") == ()
    assert node(temperature="None").number("temperature", None) is None
    assert node().whole("num_group", 1) == 1
    assert node(layout="None").text("layout", "") == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1), ("1e-3", 0.001), ("1E+1", 10), (".5", 0.5), ("5.", 5), (" -2.5 ", -2.5), ("3f", 3)],
)
def test_one_number(text, expected):
    assert number_of(text) == expected
    assert node(eps=text).number("eps", None) == expected


def test_infinite_numbers():
    assert (number_of("inf"), number_of("-inf")) == (np.inf, -np.inf)
    assert np.isnan(number_of("nan"))


def test_whole_numbers():
    assert [whole_of(text) for text in ("1", " 12 ", "+3", "-4")] == [1, 12, 3, -4]


@pytest.mark.parametrize(
    ("read", "text"),
    [
        ("flag", "yes"),
        ("flag", "2"),
        ("whole", "1.0"),
        ("whole", "1e0"),
        ("whole", "True"),
        ("number", "0x10"),
        ("number", "(1, 2)"),
        ("numbers", "(3 3)"),
        ("numbers", "(2.0, 2)"),
        ("numbers", "3, 3"),
        ("numbers", "(None, 1)"),
        ("numbers", "(,)"),
    ],
)
def test_what_cannot_be_read_is_told(read, text):
    with pytest.raises(NetworkError, match="some_node") as told:
        getattr(node(thing=text), read)("thing", None)
    assert f"thing={text!r}" in str(told.value)


# -- against MXNet --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*TRUE, *FALSE])
def test_flags_are_read_as_mxnet_reads_them(text):
    pooled = run("Pooling", {"kernel": "(2, 2)", "global_pool": text}, X)
    assert (pooled.shape == (2, 3, 1, 1)) == flag_of(text)
    kept = run("mean", {"axis": "2", "keepdims": text}, X)
    assert (kept.ndim == 4) == flag_of(text)
    left_out = run("mean", {"axis": "1", "exclude": text}, X)
    assert (left_out.shape == (3,)) == flag_of(text)
    ones = mx.nd.ones((3,))
    given = {"in0": mx.nd.array(X), "in1": 2 * ones, "in2": 0 * ones}
    norm = symbol("BatchNorm", {"fix_gamma": text, "eps": "1e-3"}, 5)
    (normal,) = norm.bind(mx.cpu(), given, aux_states={"in3": 0 * ones, "in4": ones}).forward()
    gamma = 1 if node(fix_gamma=text).flag("fix_gamma", True) else 2
    np.testing.assert_allclose(normal.asnumpy(), gamma * X / np.sqrt(1.001), rtol=1e-5)


@pytest.mark.parametrize("text", [*TRUE, *FALSE])
def test_a_convolution_without_bias(text):
    without = flag_of(text)
    attrs = {"kernel": "(1, 1)", "num_filter": "1", "no_bias": text}
    arrays = [X, np.ones((1, 3, 1, 1)), np.full(1, 5)][: 2 if without else 3]
    np.testing.assert_allclose(
        run("Convolution", attrs, *arrays), X.sum(axis=1, keepdims=True) + 5 * (not without)
    )


@pytest.mark.parametrize("text", ["(2, 1)", "[2,1]", "(2L, 1L)", "( 2 , 1 )", "(2,1,)"])
@pytest.mark.parametrize("attribute", ["kernel", "stride", "pad"])
def test_windows_are_read_as_mxnet_reads_them(attribute, text):
    given = {"kernel": "(3, 3)", "stride": "(1, 1)", "pad": "(0, 0)", attribute: text}
    kernel, stride, pad = (node(**given).numbers(one) for one in ("kernel", "stride", "pad"))
    made = run("Convolution", {**given, "num_filter": "1"}, X, np.ones((1, 3, *kernel)), [0.0])
    assert made.shape[2:] == tuple(
        (size + 2 * p - k) // s + 1 for size, k, s, p in zip((4, 5), kernel, stride, pad)
    )


def test_a_bare_number_is_one_axis():
    made = run("Convolution", {"kernel": "2", "num_filter": "1"}, X[0], np.ones((1, 4, 2)), [0.0])
    assert made.shape[2] == 5 - numbers_of("2")[0] + 1


@pytest.mark.parametrize("text", ["(0, 2, 3, 1)", "[0,2,3,1]", "(0L, 2L, 3L, 1L)", "()"])
def test_transpositions_are_read_as_mxnet_reads_them(text):
    np.testing.assert_array_equal(
        run("transpose", {"axes": text}, X), X.transpose(node(axes=text).numbers("axes") or None)
    )


@pytest.mark.parametrize("text", ["2", "-1", "(2, 3)", "[2,3]", "(2L,)", "None", "()"])
@pytest.mark.parametrize("op", ["mean", "sum", "max"])
def test_axes_are_read_as_mxnet_reads_them(op, text):
    axes = node(axis=text).numbers("axis") or None
    np.testing.assert_allclose(
        run(op, {"axis": text}, X).ravel(), getattr(X, op)(axis=axes).ravel(), rtol=1e-6
    )


@pytest.mark.parametrize("text", ["1", "1e1", "1E+1", "1e-1", " 5", ".5", "5.", "5f", "-inf"])
def test_numbers_are_read_as_mxnet_reads_them(text):
    assert run("clip", {"a_min": text, "a_max": "60"}, X).min() == np.float32(
        max(0, number_of(text))
    )


@pytest.mark.parametrize("text", ["1", "-1", " 1 ", "+1"])
def test_an_axis_is_read_as_mxnet_reads_it(text):
    made = run("softmax", {"axis": text}, X)
    np.testing.assert_allclose(made.sum(axis=whole_of(text)), 1, rtol=1e-5)


@pytest.mark.parametrize("text", ["None", "2", "0.5"])
def test_a_temperature_is_read_as_mxnet_reads_it(text):
    small = X / 50
    expected = np.exp(small / (node(temperature=text).number("temperature", None) or 1))
    expected /= expected.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(run("softmax", {"temperature": text}, small), expected, rtol=1e-5)


@pytest.mark.parametrize("begin", ["(None, 1)", "[None,1]", "(0, 1L)", "(None, None)"])
@pytest.mark.parametrize("end", ["(None, 2)", "(2, None)"])
def test_bounds_are_read_as_mxnet_reads_them(begin, end):
    parts = tuple(map(slice, numbers_of(begin), numbers_of(end)))
    np.testing.assert_array_equal(run("slice", {"begin": begin, "end": end}, X), X[parts])


@pytest.mark.parametrize("text", ["always", "training"])
def test_a_dropouts_mode(text):
    dropped = run("Dropout", {"p": "0.5", "mode": text}, 1 + X)
    assert (dropped == 0).any() == (node(mode=text).text("mode", "training") == "always")


def test_none_stands_for_what_mxnet_takes_by_itself():
    attrs = {"kernel": "(2, 2)", "pad": "(1, 1)", "pool_type": "avg"}
    corners = {
        text: run("Pooling", {**attrs, "count_include_pad": text}, 1 + X)[0, 0, 0, 0]
        for text in ("None", "True", "False")
    }
    assert corners == {"None": 0.25, "True": 0.25, "False": 1}


@pytest.mark.parametrize("text", ["yes", "2", "1.0", " True"])
def test_mxnet_refuses_the_same_flags(text):
    with pytest.raises(mx.MXNetError, match="expect boolean"):
        run("Pooling", {"kernel": "(2, 2)", "global_pool": text}, X)
    with pytest.raises(ValueError):
        flag_of(text)


@pytest.mark.parametrize("text", ["(3 3)", "(2.0,2)", "2,2", "(2l,2)"])
def test_mxnet_refuses_the_same_tuples(text):
    with pytest.raises(mx.MXNetError, match="expect Shape"):
        run("Pooling", {"kernel": text}, X)
    with pytest.raises(ValueError):
        numbers_of(text)


# -- whole nets -----------------------------------------------------------------------------------


def rewritten(symbol_, change):
    """The symbol with the attributes of all its nodes written in another way."""
    described = json.loads(symbol_.tojson())
    for one in described["nodes"]:
        if "attrs" in one:
            one["attrs"] = {key: change(key, text) for key, text in one["attrs"].items()}
    return mx.sym.load_json(json.dumps(described))


def as_lower_case(key, text):
    return text.lower() if text in ("True", "False") else text


def as_digits(key, text):
    return {"True": "1", "False": "0"}.get(text, text)


def as_lists(key, text):
    return text.replace("(", "[").replace(")", "]")


def as_tight_lists(key, text):
    return as_lists(key, text).replace(" ", "")


def as_long(key, text):
    if not text.startswith("("):
        return text
    return "(" + ", ".join(f"{one}L" for one in text[1:-1].replace(" ", "").split(",") if one) + ")"


def every_attribute(axes):
    """A net in which every attribute that is read says something else than what MXNet takes."""
    ones, zeros = (1,) * axes, (0,) * axes
    y = mx.sym.BatchNorm(mx.sym.var("data"), fix_gamma=False, name="bn")
    y = mx.sym.Convolution(y, kernel=(3,) * axes, pad=ones, num_filter=4, name="conv0")
    y = mx.sym.BatchNorm(y, fix_gamma=True, name="fixed")
    y = mx.sym.clip(y, 0, 6, name="relu6")
    y = mx.sym.Pooling(
        y,
        kernel=(2,) * axes,
        stride=(2,) * axes,
        pool_type="avg",
        pooling_convention="full",
        count_include_pad=False,
        pad=zeros,
        name="average",
    )
    y = mx.sym.Convolution(y, kernel=ones, num_filter=4, num_group=2, name="conv1", no_bias=True)
    y = mx.sym.Activation(y, act_type="relu", name="relu")
    y = mx.sym.Pooling(y, kernel=ones, global_pool=True, pool_type="avg", name="pool")
    y = mx.sym.FullyConnected(y, num_hidden=3, name="fc")
    return mx.sym.SoftmaxOutput(y, preserve_shape=True, name="softmax")


def parameters(net, shape):
    rng = np.random.RandomState(0)
    given, _, states = net.infer_shape(data=shape)
    arguments = {
        name: mx.nd.array(rng.uniform(0.5, 1.5, one) - 0.8 * name.endswith("weight"))
        for name, one in zip(net.list_arguments(), given)
        if name not in ("data", "softmax_label")
    }
    names = net.list_auxiliary_states()
    return arguments, {name: mx.nd.ones(one) for name, one in zip(names, states)}


@pytest.mark.parametrize("change", [as_lower_case, as_digits, as_lists, as_tight_lists, as_long])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_net_is_explained_alike_however_its_attributes_are_written(axes, change):
    """A kernel of three equal numbers looks like an entry of the graph's JSON."""
    shape = (2, 3, 7, 6, 5)[: 2 + axes]
    x = np.random.RandomState(1).normal(size=shape).astype(np.float32)
    net = every_attribute(axes)
    arrays = parameters(net, shape)
    written = rewritten(net, change)
    plain, other = (gm.trace((one, *arrays)) for one in (net, written))
    assert str(plain.layers(shape)) == str(other.layers(shape))
    assert plain.outputs == other.outputs
    assert [one.activation for one in plain.nodes] == [one.activation for one in other.nodes]
    for explain in (gm.saliency, gm.guided_backprop, gm.grad_cam, gm.cam):
        np.testing.assert_array_equal(
            explain(plain, x, target=1).values, explain(other, x, target=1).values
        )
    position = (1, 1, 1)[:axes]
    assert gm.inspect.receptive_field(plain, "average_output", shape, position) == (
        gm.inspect.receptive_field(other, "average_output", shape, position)
    )
    # nothing was written into a gamma that is fixed
    np.testing.assert_array_equal(
        arrays[0]["fixed_gamma"].asnumpy(), parameters(net, shape)[0]["fixed_gamma"].asnumpy()
    )


@pytest.mark.parametrize("key", ["attr", "param"])
def test_files_that_call_attributes_by_their_old_name(tmp_path, key):
    shape = (1, 3, 7, 6)
    net = every_attribute(2)
    arguments, states = parameters(net, shape)
    described = json.loads(net.tojson())
    for one in described["nodes"]:
        if "attrs" in one:
            one[key] = one.pop("attrs")
    (tmp_path / "old-symbol.json").write_text(json.dumps(described))
    saved = {f"arg:{name}": array for name, array in arguments.items()}
    saved.update({f"aux:{name}": array for name, array in states.items()})
    mx.nd.save(str(tmp_path / "old-0000.params"), saved)
    old, new = gm.load(tmp_path / "old"), gm.trace((net, arguments, states))
    assert [dict(one.attrs) for one in old.nodes] == [dict(one.attrs) for one in new.nodes]
    x = np.random.RandomState(1).normal(size=shape).astype(np.float32)
    np.testing.assert_array_equal(gm.saliency(old, x).values, gm.saliency(new, x).values)
