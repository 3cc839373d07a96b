"""Every attribute of every operator that MXNet has, in all spellings that MXNet takes."""

from __future__ import annotations

import ctypes
import json
import re
from collections import defaultdict

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import NetworkError
from gradcam_mx.graph.attributes import Attributes

LEFT_OUT = "left out"

FLAGS = dict.fromkeys(("True", "true", "TRUE", "tRuE", "1"), True)
FLAGS.update(dict.fromkeys(("False", "false", "FALSE", "0"), False))
WHOLES = {"1": 1, "+1": 1, " 1": 1, "1 ": 1, "01": 1, "3": 3, "-1": -1, "1L": 1, "12L": 12}
NUMBERS = {
    "1": 1,
    "1.0": 1,
    ".5": 0.5,
    "5.": 5,
    "1e-3": 1e-3,
    "1E+1": 10,
    " 2": 2,
    "+1": 1,
    "1e": 1,
    "-2.5": -2.5,
    "3f": 3,
    "3F": 3,
    "2.5e1f": 25,
    "inf": np.inf,
    "-inf": -np.inf,
    "1e+": 1,
    "0.10000000000000001": 0.1,
    "Infinity": np.inf,
    "1 ": 1,
}
TUPLES = {
    "(2, 1)": (2, 1),
    "[2,1]": (2, 1),
    "(2L, 1L)": (2, 1),
    "(2,1,)": (2, 1),
    "[2, 1)": (2, 1),
    "( 2 , 1 )": (2, 1),
    " (2,1)": (2, 1),
    "(2,1) ": (2, 1),
    "2": (2,),
    "(3)": (3,),
    "(-1, +1)": (-1, 1),
    "()": (),
    "[]": (),
    "[ ]": (),
    "(1, 1, 1)": (1, 1, 1),
    "3L": (3,),
}
NONE = {"None": LEFT_OUT}

READERS = {"flag": FLAGS, "whole": WHOLES, "number": NUMBERS, "numbers": TUPLES}
NEITHER = {
    "flag": ("yes", "T", "2", "1.0", " True", "on", ""),
    "whole": ("1.0", "1e0", "0x1", "True", "", "1,", "one"),
    "number": ("0x10", "(1, 2)", "1,2", "True", "", "1d", "one"),
    "numbers": ("(1.0, 1)", "(1 1)", "1,1", "(1,1", "(1l,1)", "(True, 1)", "(1,,1)", ""),
}
"""What is no spelling of anything."""

KINDS = {
    "boolean": "flag",
    "boolean or None": "flag",
    "int": "whole",
    "int (non-negative)": "whole",
    "int or None": "whole",
    "long": "whole",
    "long (non-negative)": "whole",
    "float": "number",
    "float or None": "number",
    "double": "number",
    "double or None": "number",
    "Shape(tuple)": "numbers",
    "Shape or None": "numbers",
    "tuple of <long>": "numbers",
}
"""What MXNet calls the types of attributes → how they are read."""


def every_attribute():
    """Type → (operator, attribute), of all operators of all types."""
    found = defaultdict(list)
    for name in sorted(mx.operator.get_all_registered_operators()):
        try:
            arguments = mx.operator.get_operator_arguments(name)
        except (mx.MXNetError, KeyError, ValueError):
            continue
        for attribute, described in zip(arguments.names, arguments.types):
            found[described.split(",")[0].strip()].append((name, attribute))
            if described.startswith("{"):
                words = re.findall("'([^']*)'", described.split("}")[0])
                found["words"].append((name, attribute, words))
    return found


ATTRIBUTES = every_attribute()


def complaint(name, attrs):
    """What MXNet says against an operator with these attributes."""
    base = mx.base
    operator, made = base.OpHandle(), base.SymbolHandle()
    base.check_call(base._LIB.NNGetOpHandle(base.c_str(name), ctypes.byref(operator)))
    keys, texts = base.c_str_array(list(attrs)), base.c_str_array(list(attrs.values()))
    try:
        base.check_call(
            base._LIB.MXSymbolCreateAtomicSymbol(
                operator, len(attrs), keys, texts, ctypes.byref(made)
            )
        )
    except mx.MXNetError as error:
        return str(error)
    base._LIB.NNSymbolFree(made)
    return ""


def takes(name, attribute, text):
    """Whether MXNet can read an attribute; it may refuse the operator for other reasons."""
    # MXNet counts to so many inputs or outputs, and never ends
    if (attribute.startswith("num_") and text.startswith("-")) or "split" in name:
        return False
    said = complaint(name, {attribute: text})
    value = f"for {attribute} expect"
    return not (value in said or f"Invalid Input: '{text}'" in said or "Out of range" in said)


@pytest.mark.parametrize("kind", KINDS)
def test_what_mxnet_takes_is_read(kind):
    """Whatever MXNet can read, of any operator, means what it means of the one below."""
    reader = KINDS[kind]
    spellings = {**READERS[reader], **NONE}
    taken = set()
    assert ATTRIBUTES[kind]
    for name, attribute in ATTRIBUTES[kind]:
        for text, meaning in spellings.items():
            if takes(name, attribute, text):
                taken.add(text)
                node = Attributes(name, {attribute: text})
                found = getattr(node, reader)(attribute, LEFT_OUT)
                assert found == meaning, (name, attribute, text)
    assert len(taken) > len(spellings) / 2


@pytest.mark.parametrize("reader", READERS)
def test_what_nobody_means_is_refused(reader):
    for text in NEITHER[reader]:
        with pytest.raises(NetworkError, match="some_attribute="):
            getattr(Attributes("net", {"some_attribute": text}), reader)("some_attribute", None)


def test_words_are_taken_as_they_are_written():
    for name, attribute, words in ATTRIBUTES["words"]:
        for word in {*words} - {"None"}:
            assert Attributes(name, {attribute: word}).text(attribute, "") == word
            if word.swapcase() not in words:
                assert not takes(name, attribute, word.swapcase()), (name, attribute, word)


# -- what the spellings mean, by what MXNet does ---------------------------------------------------

X = np.arange(3 * 4 * 5 * 5, dtype=np.float32).reshape(3, 4, 5, 5) / 100


def run(name, attrs, *arrays):
    names = [f"in{number}" for number in range(len(arrays))]
    nodes = [{"op": "null", "name": one, "inputs": []} for one in names]
    reads = [[number, 0, 0] for number in range(len(arrays))]
    nodes.append({"op": name, "name": "out", "attrs": attrs, "inputs": reads})
    described = {
        "nodes": nodes,
        "arg_nodes": [*range(len(arrays))],
        "heads": [[len(arrays), 0, 0]],
        "attrs": {"mxnet_version": ["int", 10901]},
    }
    symbol = mx.sym.load_json(json.dumps(described))
    given = {one: mx.nd.array(array) for one, array in zip(names, arrays)}
    return symbol.bind(mx.cpu(), given).forward()[0].asnumpy()


PROBES = {
    "flag": [
        ("Pooling", "global_pool", {"kernel": "(2, 2)"}),
        ("mean", "keepdims", {"axis": "1"}),
        ("mean", "exclude", {"axis": "1"}),
        ("SliceChannel", "squeeze_axis", {"num_outputs": "3", "axis": "0"}),
    ],
    "whole": [
        ("softmax", "axis", {}),
        ("argmax", "axis", {}),
        ("expand_dims", "axis", {}),
        ("repeat", "repeats", {"axis": "0"}),
    ],
    "number": [
        ("clip", "a_min", {"a_max": "100"}),
        ("_maximum_scalar", "scalar", {}),
        ("softmax", "temperature", {}),
        ("LeakyReLU", "slope", {}),
    ],
    "numbers": [
        ("Pooling", "kernel", {"pool_type": "sum"}),
        ("Pooling", "stride", {"kernel": "(1, 1)"}),
        ("mean", "axis", {}),
        ("slice", "begin", {"end": "(3, 3)"}),
        ("tile", "reps", {}),
    ],
}
PLAIN = {
    "flag": str,
    "whole": str,
    "number": lambda value: repr(float(value)),
    "numbers": lambda value: f"({', '.join(map(str, value))}{',' * (len(value) == 1)})",
}
"""How MXNet's own Python writes a value today."""


@pytest.mark.parametrize("reader", READERS)
def test_every_spelling_does_what_the_plain_one_does(reader):
    ran = set()
    for name, attribute, others in PROBES[reader]:
        for text, meaning in READERS[reader].items():
            try:
                found = run(name, {**others, attribute: text}, X)
            except mx.MXNetError:
                continue  # not a spelling of this type, or not a value for this operator
            plain = run(name, {**others, attribute: PLAIN[reader](meaning)}, X)
            np.testing.assert_array_equal(found, plain)
            ran.add(text)
    assert len(ran) > 0.8 * len(READERS[reader])


# -- files of old ----------------------------------------------------------------------------------


def net_of_old():
    """A net, as JSON that MXNet 0.8 wrote, and what today's Python calls the same."""
    y = mx.sym.Convolution(mx.sym.var("data"), kernel=(3, 3), num_filter=4, name="conv")
    y = mx.sym.BatchNorm(y, fix_gamma=False, eps=1e-3, name="bn")
    y = mx.sym.Activation(y, act_type="relu", name="relu")
    y = mx.sym.BatchNorm(y, fix_gamma=True, eps=2e-5, name="fixed")
    y = mx.sym.Pooling(y, global_pool=True, kernel=(1, 1), pool_type="avg", name="pool")
    y = mx.sym.FullyConnected(mx.sym.Flatten(y, name="flat"), num_hidden=3, name="fc")
    today = mx.sym.SoftmaxOutput(y, name="softmax")
    described = json.loads(today.tojson(remove_amp_cast=False))
    kept = [
        number
        for number, one in enumerate(described["nodes"])
        if not one["name"].endswith(("moving_mean", "moving_var"))
    ]
    place = {number: at for at, number in enumerate(kept)}
    nodes = []
    for number in kept:
        one = described["nodes"][number]
        inputs = [[place[entry[0]], entry[1]] for entry in one["inputs"] if entry[0] in place]
        nodes.append(
            {
                "op": one["op"],
                "param": one.get("attrs", {}) if one["op"] != "null" else {},
                "name": one["name"],
                "inputs": inputs,
                "backward_source_id": -1,
                "attr": {"lr_mult": "0.5", "ctx_group": "dev1"},
            }
        )
    heads = [[place[described["heads"][0][0]], 0]]
    variables = [at for at, one in enumerate(nodes) if one["op"] == "null"]
    return today, {"nodes": nodes, "arg_nodes": variables, "heads": heads}


@pytest.mark.parametrize("way", ["file", "symbol"])
def test_a_net_of_old_without_its_states(tmp_path, way):
    today, old = net_of_old()
    shape = (2, 3, 6, 6)
    rng = np.random.RandomState(0)
    shapes, _, of_states = today.infer_shape(data=shape)
    arguments = {
        name: mx.nd.array(rng.normal(size=one))
        for name, one in zip(today.list_arguments(), shapes)
        if name not in ("data", "softmax_label")
    }
    states = {
        name: mx.nd.array(rng.uniform(0.5, 2, size=one))
        for name, one in zip(today.list_auxiliary_states(), of_states)
    }
    if way == "file":
        (tmp_path / "old-symbol.json").write_text(json.dumps(old))
        saved = {f"arg:{name}": one for name, one in arguments.items()}
        saved.update({f"aux:{name}": one for name, one in states.items()})
        mx.nd.save(str(tmp_path / "old-0003.params"), saved)
        net = gm.load(tmp_path / "old")
    else:
        net = (mx.sym.load_json(json.dumps(old)), arguments, states)
    x = rng.normal(size=shape).astype(np.float32)
    scores = today.get_internals()["fc_output"]
    copies = {name: one.copy() for name, one in arguments.items()}
    bound = scores.bind(mx.cpu(), {**copies, "data": mx.nd.array(x)}, aux_states=states)
    found = gm.saliency(net, x, target=1)
    expected = bound.forward(is_train=False)[0].asnumpy()
    np.testing.assert_allclose(found.score, expected[:, 1], rtol=1e-5)
    same = gm.saliency((today, arguments, states), x, target=1)
    np.testing.assert_array_equal(found.values, same.values)
