"""The table of operators says of each what MXNet says of it, and what MXNet does."""

from __future__ import annotations

import json

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.graph.attributes import Attributes
from gradcam_mx.graph.kinds import Channels, Fault, Kind, Positions
from gradcam_mx.graph.operators import OPERATORS, operator

GPU_ONLY = {"CuDNNBatchNorm"}
"""Operators that a build without CUDA does not have."""
WITH_BODIES = {"_foreach", "_while_loop", "_cond"}
"""Operators that MXNet does not make without graphs of their own."""
NAMES = sorted(OPERATORS.keys() - GPU_ONLY)
ATTRIBUTES = {
    Positions.WINDOW: {"kernel", "stride", "pad", "dilate", "num_group"},
    Positions.TRANSPOSED_WINDOW: {
        *("kernel", "stride", "pad", "dilate", "num_group", "target_shape")
    },
    Positions.POOLED: {"kernel", "stride", "pad", "global_pool", "pooling_convention"},
    Positions.ENLARGED: {"sample_type", "scale"},
    Positions.INTERPOLATED: {"align_corners"},
    Positions.REDUCED: {"axis"},
    Positions.JOINED: {"dim"},
    Positions.BY_MODE: {"mode"},
    Positions.ALONG_AXIS: {"axis"},
    Channels.AT_AXIS: {"axis"},
    Kind.TRANSPOSITION: {"axes"},
    Kind.POOLING: {"pool_type"},
    Fault.FIXED_GAMMA: {"fix_gamma"},
    Fault.MISALIGNED_PARTS: {"dim"},
    Fault.FULL_AVERAGE: {"pool_type", "pooling_convention", "count_include_pad", "global_pool"},
}
"""What the table says of an operator → the attributes that are read for it."""
X = np.random.RandomState(0).normal(size=(2, 3, 4, 4)).astype(np.float32)
POSITIVE = 1 + X**2


class Asked(Attributes):
    """Attributes that keep which of them were asked for."""

    seen: set

    def _read(self, attribute, *how):
        self.seen.add(attribute)
        return super()._read(attribute, *how)


def asked(**attrs):
    found = Asked("asked", attrs)
    object.__setattr__(found, "seen", set())
    return found


def declared(name):
    """What MXNet says of an operator: its inputs, and its attributes with their types."""
    arguments = mx.operator.get_operator_arguments(name)
    types = dict(zip(arguments.names, arguments.types))
    inputs = [one for one, kind in types.items() if kind.startswith("NDArray-or-Symbol")]
    return inputs, {one: kind for one, kind in types.items() if one not in inputs}


def required(name):
    """Some attributes with which MXNet makes the operator."""
    given = {
        "Activation": {"act_type": "relu"},
        "Cast": {"dtype": "float64"},
        "Pooling": {"kernel": "(1, 1)"},
        "Reshape": {"shape": "(0, -1)"},
        "UpSampling": {"sample_type": "nearest"},
        "amp_cast": {"dtype": "float32"},
        "clip": {"a_min": "-1", "a_max": "1"},
        "slice": {"begin": "(0, 1)", "end": "(2, 2)"},
        "slice_axis": {"axis": "1", "begin": "1", "end": "2"},
        "_np_reshape": {"newshape": "(6, 16)"},
        "_npx_reshape": {"newshape": "(6, 16)"},
    }.get(name, {})
    kinds = {one: kind for one, kind in declared(name)[1].items() if "required" in kind}
    words = {one: kind.split("'")[1] for one, kind in kinds.items() if kind.startswith("{")}
    shapes = {one: "(1, 1)" for one, kind in kinds.items() if kind.startswith("Shape")}
    return {**dict.fromkeys(kinds, "1"), **words, **shapes, **given}


def symbol(name, inputs, **attrs):
    """A symbol of one operator, from its JSON."""
    names = [f"in{number}" for number in range(inputs)]
    nodes = [{"op": "null", "name": one, "inputs": []} for one in names]
    reads = [[number, 0, 0] for number in range(inputs)]
    nodes.append({"op": name, "name": "out", "attrs": {**required(name), **attrs}, "inputs": reads})
    described = {
        "nodes": nodes,
        "arg_nodes": [*range(inputs)],
        "heads": [[inputs, 0, 0]],
        "attrs": {"mxnet_version": ["int", 10901]},
    }
    return mx.sym.load_json(json.dumps(described))


def run(name, *arrays, states=(), train=False, head=None, **attrs):
    """What an operator makes of arrays; with `head`, the gradients at them."""
    made = symbol(name, len(arrays) + len(states), **attrs)
    given = [mx.nd.array(one, dtype="float32") for one in arrays]
    gradients = [mx.nd.zeros_like(one) for one in given]
    run_by = made.bind(
        mx.cpu(),
        dict(zip(made.list_arguments(), given)),
        dict(zip(made.list_arguments(), gradients)),
        aux_states=dict(zip(made.list_auxiliary_states(), map(mx.nd.array, states))),
    )
    output = run_by.forward(is_train=train or head is not None)[0]
    if head is None:
        return output.asnumpy()
    run_by.backward(mx.nd.full(output.shape, head, dtype=output.dtype))
    return [one.asnumpy() for one in gradients]


def canonical(name):
    """What MXNet writes for an operator that it also knows by this name."""
    for inputs in range(1, 4):
        try:
            attrs = {} if name not in ("add_n", "_npx_pooling") else {"num_args": "1"}
            attrs = {"kernel": "(1, 1)"} if name == "_npx_pooling" else attrs
            made = symbol(name, inputs, **attrs)
        except mx.MXNetError:
            continue
        return json.loads(made.tojson(remove_amp_cast=False))["nodes"][-1]["op"]
    raise AssertionError(f"MXNet does not make a {name}")


# -- what MXNet says ------------------------------------------------------------------------------


def test_every_operator_is_one_of_mxnets():
    assert not set(NAMES) - set(mx.operator.get_all_registered_operators())


@pytest.mark.parametrize("name", sorted({*NAMES} - WITH_BODIES))
def test_names_of_one_operator_have_one_entry(name):
    assert operator(name) is operator(canonical(name))


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_those_that_mxnet_declares(name):
    known = operator(name)
    inputs, _ = declared(name)
    if name == "BatchNorm_v1":  # it does not declare its states
        inputs += ["moving_mean", "moving_var"]
        assert len(mx.sym.BatchNorm_v1(mx.sym.var("x")).list_auxiliary_states()) == 2
    usual = {"weight", "bias", "gamma", "beta", "moving_mean", "moving_var", "parameters"}
    slots = [slot for slot, one in enumerate(inputs) if one in usual]
    assert list(known.parameters) == ([] if known.fused_with_relu else slots)


# MXNet refuses to run the gradients of Embedding's numbers, and of a batch_take altogether.
TAKERS = [
    name
    for name in NAMES
    if operator(name).indices and name not in ("Embedding", "_npx_embedding", "batch_take")
]


def test_mxnet_has_no_gradient_of_the_numbers_of_an_embedding():
    assert operator("Embedding").indices == (0,)
    with pytest.raises(mx.MXNetError, match="data gradient"):
        run("Embedding", [1, 0], np.ones((3, 2)), head=1, input_dim="3", output_dim="2")


@pytest.mark.parametrize("name", TAKERS)
def test_numbers_of_things_are_inputs_without_a_gradient(name):
    inputs, _ = declared(name)
    assert max(operator(name).indices) < len(inputs)
    arrays = {
        "one_hot": ([1, 0],),
        "take": (X[0, 0], [1, 0]),
        "batch_take": (X[0, 0], [1, 0, 1, 2]),
        "pick": (X[0, 0], [1, 0, 1, 2]),
        "gather_nd": (X[0, 0], [[1, 0]]),
        "SequenceMask": (X[0], [1, 2, 1, 3]),
        "ROIPooling": (X, [[0, 0, 0, 3, 3]]),
        "_contrib_ROIAlign": (X, [[0, 0, 0, 3, 3]]),
        "_npi_copysign": (X, X + 1),
        "where": ([1, 0], [3, 4], [5, 6]),
        "_npi_where": ([1, 0], [3, 4], [5, 6]),
    }[name]
    attrs = {"use_sequence_length": "True"} if name == "SequenceMask" else {}
    if name in ("ROIPooling", "_contrib_ROIAlign"):
        attrs = {"pooled_size": "(2, 2)", "spatial_scale": "1"}
    gradients = run(name, *arrays, head=1, **attrs)
    for slot, gradient in enumerate(gradients):
        assert gradient.any() == (slot not in operator(name).indices)


@pytest.mark.parametrize("name", NAMES)
def test_every_attribute_that_is_read_is_one_that_mxnet_declares(name):
    known = operator(name)
    _, attributes = declared(name)
    for act_type in (None, "rrelu", "selu"):
        node = asked(**({"act_type": act_type} if act_type else {}))
        for question in (
            *(known.activation, known.probabilities, known.stops_gradient),
            *(known.is_passed_over, known.drop_in),
        ):
            question(node)
        assert set(known.at_inference(node)) | node.seen <= set(attributes)
    for fact in (known.kind, known.positions, known.channels, *known.faults):
        assert ATTRIBUTES.get(fact, set()) <= set(attributes)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_taken_for_a_missing_attribute_is_what_mxnet_takes(name):
    """An operator that says nothing is what the same is that says all that MXNet would take."""
    said = {}
    for one, kind in declared(name)[1].items():
        if "default=" in kind:
            text = kind.split("default=")[1].strip("'")
            said[one] = "()" if text == "[]" else text
    silent, spoken = asked(), asked(**said)
    known = operator(name)
    for question in (
        *(known.activation, known.probabilities, known.stops_gradient),
        *(known.is_passed_over, known.drop_in, known.at_inference),
    ):
        assert question(silent) == question(spoken)


# -- what MXNet does ------------------------------------------------------------------------------

STOPS = [name for name in NAMES if operator(name).stops_gradient(asked())]
ALONG_AN_AXIS = {"_npi_argmax", "_npi_argmin", "_npi_std", "_npi_var"}
REFUSED = {
    "_contrib_RROIAlign": {"pooled_size": "(2, 2)", "spatial_scale": "1"},
    "_image_resize": {"size": "(2, 2)"},
    "argmax_channel": {},
}
"""MXNet raises where their gradient is asked for → the attributes with which they run."""
ANCHORS = np.linspace(0, 1, 864).reshape(1, 24, 6, 6)
WITHOUT_INPUTS = {
    "_contrib_box_decode": (np.ones((1, 2, 4)), np.ones((1, 2, 4))),
    "_contrib_box_iou": (np.ones((2, 4)), np.ones((2, 4))),
    "one_hot": ([1, 0],),
    "_contrib_MultiBoxDetection": (np.full((1, 2, 3), 0.5), np.ones((1, 12)), np.ones((1, 3, 4))),
    "_contrib_MultiBoxTarget": (np.ones((1, 3, 4)), np.ones((1, 2, 5)), np.ones((1, 2, 3))),
    "_contrib_Proposal": (ANCHORS, np.repeat(ANCHORS, 2, axis=1), [[96, 96, 1]]),
    "_contrib_MultiProposal": (ANCHORS, np.repeat(ANCHORS, 2, axis=1), [[96, 96, 1]]),
    "_image_resize": (np.ones((4, 4, 3)),),
    "_npi_eigh": (np.eye(3),),
    "_npi_eigvalsh": (np.eye(3),),
    "_contrib_RROIAlign": (X, np.ones((1, 6))),
    "argmax_channel": (X[0, 0],),
    "_npi_percentile": (X, [50]),
}


@pytest.mark.parametrize("name", STOPS)
def test_no_gradient_gets_past_what_stops_it(name):
    arrays = WITHOUT_INPUTS.get(name) or [X] * len(declared(name)[0])
    attrs = {"axis": "1"} if name in ALONG_AN_AXIS else {}
    if name in REFUSED:
        attrs = REFUSED[name]
        with pytest.raises(mx.MXNetError):
            run(name, *arrays, head=1, **attrs)
        return
    assert not any(one.any() for one in run(name, *arrays, head=1, **attrs))


@pytest.mark.parametrize("ret_typ", ["indices", "mask", "value", "both"])
def test_a_gradient_gets_past_the_values_of_topk(ret_typ):
    stops = operator("topk").stops_gradient(Attributes("topk", {"ret_typ": ret_typ}))
    assert stops == (ret_typ in ("indices", "mask"))
    if ret_typ == "value":
        assert run("topk", X, head=1, ret_typ=ret_typ)[0].any()


ELEMENTWISE = [
    name
    for name in NAMES
    if operator(name).positions is Positions.SAME and len(declared(name)[0]) == 1
]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_each_element_comes_from_the_same_one(name):
    changed = POSITIVE.copy()
    changed[1, 2, 3, 0] += 0.5
    attrs = {"scalar": "2"} if "scalar" in declared(name)[1] else {}
    attrs.update({"num_args": "1"} if name == "add_n" else {})
    before, after = run(name, POSITIVE, **attrs), run(name, changed, **attrs)
    differs = before != after
    differs[1, 2, 3, 0] = False
    assert before.shape == X.shape
    assert not differs.any()


MOVED = [
    name
    for name in NAMES
    if operator(name).positions is Positions.MOVED
    and declared(name)[0] == ["data"]
    and set(required(name)) >= {one for one, kind in declared(name)[1].items() if "requ" in kind}
]


@pytest.mark.parametrize("name", MOVED)
def test_each_element_is_one_of_the_inputs(name):
    attrs = {
        "Pad": {"mode": "edge", "pad_width": "(0, 0, 0, 0, 1, 1, 1, 1)"},
        "SliceChannel": {"num_outputs": "3"},
        "broadcast_to": {"shape": "(2, 3, 4, 4)"},
        "depth_to_space": {"block_size": "1"},
        "space_to_depth": {"block_size": "2"},
        "reverse": {"axis": "2"},
        "tile": {"reps": "(1, 1, 2, 1)"},
    }.get(name, {})
    assert set(run(name, X, **attrs).ravel()) <= set(X.ravel())


@pytest.mark.parametrize(
    "name", [name for name in NAMES if operator(name).keeps_scores or operator(name).keeps_features]
)
def test_scores_and_features_stay_what_they_are(name):
    turned = operator(name).kind is Kind.TRANSPOSITION
    found = run(name, X, **({"axes": "(0, 1, 2, 3)"} if turned else {}))
    np.testing.assert_array_equal(found.ravel(), X.ravel())


@pytest.mark.parametrize("name", ["BatchNorm", "_contrib_SyncBatchNorm"])
def test_a_frozen_normalisation_does_in_training_what_it_does_at_inference(name):
    rng = np.random.RandomState(1)
    gamma, beta, mean, variance = rng.uniform(0.5, 1.5, (4, 3))
    attrs = {"fix_gamma": "False", "key": "some"} if "Sync" in name else {"fix_gamma": "False"}
    arrays, states = (X, gamma, beta), (mean, variance)
    expected = run(name, *arrays, states=states, **attrs)
    frozen = {**attrs, **operator(name).at_inference(Attributes("norm", attrs))}
    found = run(name, *arrays, states=states, train=True, **frozen)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert not np.allclose(run(name, *arrays, states=states, train=True, **attrs), expected)


def test_a_frozen_rrelu_does_in_training_what_it_does_at_inference():
    attrs = {"act_type": "rrelu", "lower_bound": "1e-1", "upper_bound": "0.5"}
    frozen = {**attrs, **operator("LeakyReLU").at_inference(Attributes("rrelu", attrs))}
    expected = run("LeakyReLU", X, **attrs)
    np.testing.assert_allclose(run("LeakyReLU", X, train=True, **frozen), expected, rtol=1e-5)
    np.testing.assert_allclose(expected[X < 0], 0.3 * X[X < 0], rtol=1e-5)


HEADS = [
    name
    for name in NAMES
    if operator(name).kind is Kind.LOSS_HEAD and name != "IdentityAttachKLSparseReg"
]


@pytest.mark.parametrize("name", HEADS)
def test_a_loss_head_ignores_the_gradient_that_comes_to_it(name):
    scores = np.abs(X[:, :, 0, 0]) / 3
    arrays = {"SoftmaxOutput": [scores, [1, 0]], "SVMOutput": [scores, [1, 0]]}.get(
        name, [scores] * len(declared(name)[0])
    )
    once, five = (run(name, *arrays, head=head) for head in (1, 5))
    np.testing.assert_array_equal(once[0], five[0])


def test_a_penalty_adds_to_the_gradient_that_comes_to_it():
    odds = np.full((2, 3), 0.5)
    (found,) = run("IdentityAttachKLSparseReg", odds, states=[np.full(3, 0.5)], head=1)
    assert operator("IdentityAttachKLSparseReg").kind is Kind.LOSS_HEAD
    assert (np.abs(found - 1) > 1e-4).all()


@pytest.mark.parametrize(
    ("name", "attrs"),
    [
        ("softmax", {}),
        ("softmax", {"axis": "1"}),
        ("log_softmax", {"axis": "1"}),
        ("SoftmaxActivation", {}),
        ("sigmoid", {}),
        ("Activation", {"act_type": "sigmoid"}),
    ],
)
def test_probabilities_are_made_as_the_table_says(name, attrs):
    scores = X[:, :, 0, 0]
    made, powers = operator(name).probabilities(Attributes("link", attrs)), np.exp(scores)
    is_softmax = made.kind == "softmax"
    expected = powers / (powers.sum(made.axis, keepdims=True) if is_softmax else 1 + powers)
    expected = np.log(expected) if made.is_log else expected
    np.testing.assert_allclose(run(name, scores, **attrs), expected, rtol=1e-5)


def test_what_makes_no_probabilities_of_the_scores():
    for name, attrs in (
        ("softmax", {"temperature": "2"}),
        ("log_softmax", {"temperature": "2"}),
        ("softmax", {"use_length": "True"}),
        ("Activation", {"act_type": "relu"}),
        ("Convolution", {}),
    ):
        assert operator(name).probabilities(Attributes("link", attrs)) is None


@pytest.mark.parametrize("name", NAMES)
def test_the_layer_to_take_instead_is_one_of_ours(name):
    for act_type in ("leaky", "selu"):
        layer = operator(name).drop_in(Attributes("node", {"act_type": act_type}))
        assert layer is None or hasattr(gm.nn, layer)


def test_operators_that_are_not_in_the_table():
    assert operator("elemwise_add").positions is Positions.SAME
    assert operator("_power_scalar").positions is Positions.SAME
    unknown = operator("Custom")
    assert unknown.positions is Positions.ANY
    assert not unknown.stops_gradient(asked())
    assert unknown.kind is None
