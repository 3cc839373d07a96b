"""What is explained: every kind of target, and every one that is refused."""

from __future__ import annotations

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import NetworkError, TargetError
from gradcam_mx.targets import heads

nn = mx.gluon.nn
OUTPUT = np.array([[1, 5, 3, -2], [4, 0, -1, 2], [0, -3, 2, 7]], np.float32)


@pytest.fixture
def output(ctx):
    return mx.nd.array(OUTPUT, ctx=ctx)


def head(target, output):
    return heads.head(target, [output])


def one_hot(*ids, classes=4):
    return np.eye(classes, dtype=np.float32)[list(ids)]


def check(found, ctx, gradient, score, target):
    (gradient_found,) = found.gradients
    assert gradient_found.context == ctx
    assert gradient_found.dtype == np.float32
    np.testing.assert_array_equal(gradient_found.asnumpy(), gradient)
    assert found.score.dtype == np.float32
    np.testing.assert_allclose(found.score, score, rtol=1e-6)
    assert found.target == target


# ------------------------------------------------------------------------------------------ classes


def test_none_is_each_samples_top_class(ctx, output):
    check(head(None, output), ctx, one_hot(1, 0, 3), [5, 4, 7], [1, 0, 3])


@pytest.mark.parametrize("target", [2, np.int64(2), np.uint8(2)], ids=lambda t: type(t).__name__)
def test_one_id_is_for_all_samples(ctx, output, target):
    found = head(target, output)
    check(found, ctx, one_hot(2, 2, 2), [3, -1, 2], [2, 2, 2])
    # they go into JSON, which takes no numpy integers
    assert all(type(one) is int for one in found.target)


@pytest.mark.parametrize(
    "make",
    [
        list,
        tuple,
        np.array,
        lambda ids: np.array(ids, np.uint8),
        lambda ids: mx.nd.array(ids, dtype="int32"),
        lambda ids: [np.int64(one) for one in ids],
    ],
    ids=["list", "tuple", "array", "uint8", "NDArray", "list of numpy integers"],
)
def test_ids_are_one_a_sample(ctx, output, make):
    found = head(make([3, 0, 1]), output)
    check(found, ctx, one_hot(3, 0, 1), [-2, 4, -3], [3, 0, 1])
    assert all(type(one) is int for one in found.target)


@pytest.mark.parametrize("shape", [(3, 4, 1), (3, 4, 1, 1)])
def test_classes_with_trailing_ones(ctx, shape):
    """A net that ends in a 1×1 map of scores, one channel a class."""
    output = mx.nd.array(OUTPUT.reshape(shape), ctx=ctx)
    check(head(None, output), ctx, one_hot(1, 0, 3).reshape(shape), [5, 4, 7], [1, 0, 3])
    check(head([3, 0, 1], output), ctx, one_hot(3, 0, 1).reshape(shape), [-2, 4, -3], [3, 0, 1])


def test_one_value_is_explained_itself(ctx):
    output = mx.nd.array([[3], [-1]], ctx=ctx)
    check(head(None, output), ctx, [[1], [1]], [3, -1], "output")


@pytest.mark.parametrize("target", [4, -1, [0, 4, 1], np.array([0, 1, -1])])
def test_ids_out_of_range_are_refused(output, target):
    wrong = 4 if "4" in str(target) else -1
    with pytest.raises(TargetError, match=rf"class id {wrong} is out of range: .* 4 classes"):
        head(target, output)


@pytest.mark.parametrize(
    "target",
    [
        [1, 2],
        [],
        [[1], [2], [3]],
        [1.0, 2.0, 3.0],
        ["cat", "dog", "cat"],
        [True, False, True],
        np.array([True, False, True]),
        np.array([1, 2]),
    ],
    ids=str,
)
def test_ids_that_are_not_one_a_sample_are_refused(output, target):
    with pytest.raises(TargetError, match="expected 3 class ids, one a sample; got "):
        head(target, output)


@pytest.mark.parametrize("target", [True, np.bool_(True), 1.0, {1, 2}, ...], ids=repr)
def test_other_things_are_refused(output, target):
    with pytest.raises(TargetError, match=r"a target is None, a class id, a sequence.*got "):
        head(target, output)


@pytest.mark.parametrize("shape", [(3, 4, 2, 1), (3, 2, 2)])
@pytest.mark.parametrize("target", [None, 0, [0, 0, 0]], ids=str)
def test_classes_of_an_output_without_classes_are_refused(ctx, shape, target):
    with pytest.raises(TargetError) as caught:
        head(target, mx.nd.ones(shape, ctx=ctx))
    assert f"output has shape {shape}" in str(caught.value)
    assert "pass an array of that shape, or a function" in str(caught.value)


# ------------------------------------------------------------------------------------------- arrays


@pytest.mark.parametrize(
    "make",
    [np.array, lambda a: np.array(a, np.float16), mx.nd.array],
    ids=["float64", "float16", "NDArray"],
)
def test_an_array_is_multiplied_with_the_output(ctx, output, make):
    weights = [[1, 2, 0, 0], [0, 0, -1, 0.5], [0, 0, 0, 0]]
    check(head(make(np.array(weights)), output), ctx, weights, [11, 2, 0], "array")


def test_an_array_for_one_sample_is_for_all(ctx, output):
    check(head(np.array([1.0, 0, 0, 2]), output), ctx, [[1, 0, 0, 2]] * 3, [-3, 8, 14], "array")


def test_an_array_on_another_context_is_moved(ctx, output):
    other = mx.cpu(1 - ctx.device_id)
    weights = mx.nd.array([1, 0, 0, 2], ctx=other)
    check(head(weights, output), ctx, [[1, 0, 0, 2]] * 3, [-3, 8, 14], "array")
    assert weights.context == other


def test_an_array_for_an_output_of_any_rank(ctx):
    numbers = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    weights = np.ones((3, 2, 2))
    check(
        head(weights, mx.nd.array(numbers, ctx=ctx)),
        ctx,
        np.ones(numbers.shape),
        [66, 210],
        "array",
    )


@pytest.mark.parametrize("shape", [(5,), (4, 3), (1, 4), (3, 4, 1)])
def test_arrays_of_another_shape_are_refused(output, shape):
    with pytest.raises(TargetError) as caught:
        head(np.zeros(shape), output)
    assert f"shape {shape}; expected the output's, (3, 4), or one sample's, (4,)" in str(
        caught.value
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_arrays_that_are_not_finite_are_refused(output, value):
    with pytest.raises(TargetError, match="array holds NaN or infinity"):
        head(np.array([0, 0, value, 0]), output)


# ---------------------------------------------------------------------------------------- functions


def squares(output):
    return (output**2).sum(axis=1)


def test_a_function_of_the_output(ctx, output):
    check(head(squares, output), ctx, 2 * OUTPUT, (OUTPUT**2).sum(axis=1), "squares")


def test_a_lambda_and_an_object_have_names_too(ctx, output):
    assert head(lambda y: y[:, 1] - y[:, 0], output).target == "<lambda>"

    class Margin:
        def __call__(self, y):
            return y[:, 1] - y[:, 0]

    check(head(Margin(), output), ctx, [[-1, 1, 0, 0]] * 3, [4, -4, -3], "Margin")


def test_a_function_sees_the_output_and_leaves_it_alone(ctx, output):
    seen = []

    def probability(y):
        seen.append(y)
        return mx.nd.softmax(y)[:, 0]

    found = head(probability, output)
    chances = np.exp(OUTPUT) / np.exp(OUTPUT).sum(axis=1, keepdims=True)
    expected = chances[:, :1] * (one_hot(0, 0, 0) - chances)
    np.testing.assert_allclose(found.gradients[0].asnumpy(), expected, atol=1e-7)
    assert seen[0].context == ctx
    np.testing.assert_array_equal(seen[0].asnumpy(), OUTPUT)
    assert output.grad is None


@pytest.mark.parametrize(
    ("target", "got"),
    [
        (lambda y: y, r"shape \(3, 4\)"),
        (lambda y: y.sum(), r"shape \(1,\)"),
        (lambda y: y.sum(axis=1, keepdims=True), r"shape \(3, 1\)"),
        (lambda y: y.asnumpy().sum(axis=1), "ndarray"),
        (lambda y: None, "NoneType"),
        (lambda y: 1.0, "float"),
    ],
    ids=["the output", "one scalar", "a column", "numpy", "nothing", "a number"],
)
def test_functions_that_give_something_else_are_refused(output, target, got):
    expected = rf"'<lambda>' has to return .* shape \(3,\); it returned {got}"
    with pytest.raises(TargetError, match=expected):
        head(target, output)


@pytest.mark.parametrize(
    "target",
    [
        lambda y: mx.nd.ones(3, ctx=y.context),
        lambda y: mx.nd.array(y.asnumpy().sum(axis=1), ctx=y.context),
        lambda y: y.detach().sum(axis=1),
    ],
    ids=["constant", "through numpy", "detached"],
)
def test_functions_that_do_not_depend_on_the_output_are_refused(output, target):
    with pytest.raises(TargetError, match="'<lambda>' does not depend on the output"):
        head(target, output)


@pytest.mark.parametrize(
    "target",
    [lambda y: mx.nd.log(y).sum(axis=1), lambda y: (y / (y - y)).sum(axis=1)],
    ids=["NaN", "infinity"],
)
def test_functions_that_give_nan_or_infinity_are_refused(output, target):
    with pytest.raises(TargetError, match="'<lambda>' returned NaN or infinity"):
        head(target, output)


def test_functions_whose_derivative_is_nan_are_refused(output):
    """The score is a finite 0 and its derivative 0/0: without an error the explanation is NaN."""
    with pytest.raises(TargetError, match="'<lambda>'"):
        head(lambda y: mx.nd.sqrt(y - y).sum(axis=1), output)
    with pytest.raises(TargetError, match="'<lambda>'"):
        head(lambda y: mx.nd.sqrt(y * 0).sum(axis=1), output)


def test_an_error_in_a_function_is_the_callers(output):
    def broken(y):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        head(broken, output)


# --------------------------------------------------------------------------------- with a whole net


def linear_net(ctx):
    """Scores are W x, so that the gradient at the input is the head gradient times W."""
    net = nn.HybridSequential()
    net.add(nn.Flatten(), nn.Dense(4, use_bias=False, in_units=12))
    net.initialize(mx.init.Normal(1), ctx=ctx)
    weight = net[1].weight.data(ctx).asnumpy()
    x = np.random.RandomState(0).randn(3, 3, 2, 2).astype(np.float32)
    return net, mx.nd.array(x, ctx=ctx), weight, x.reshape(3, 12) @ weight.T


def test_explanations_follow_the_target(ctx):
    net, x, weight, scores = linear_net(ctx)
    per_sample = gm.saliency(net, x, [2, 0, 1])
    np.testing.assert_array_equal(per_sample.values.reshape(3, 12), weight[[2, 0, 1]])
    np.testing.assert_allclose(per_sample.score, scores[[0, 1, 2], [2, 0, 1]], rtol=1e-5, atol=1e-5)
    direction = np.array([1.0, -1, 0, 2])
    array = gm.saliency(net, x, direction)
    np.testing.assert_allclose(
        array.values.reshape(3, 12), [direction @ weight] * 3, rtol=1e-5, atol=1e-6
    )
    assert array.target == "array"
    function = gm.saliency(net, x, squares)
    np.testing.assert_allclose(
        function.values.reshape(3, 12), 2 * scores @ weight, rtol=1e-5, atol=1e-5
    )
    assert function.target == "squares"
    np.testing.assert_allclose(function.score, (scores**2).sum(axis=1), rtol=1e-5)


def test_parameters_that_are_nan_are_reported(ctx):
    net, x, weight, _ = linear_net(ctx)
    weight[2, 5] = np.nan
    net[1].weight.set_data(mx.nd.array(weight))
    for target in (None, 0, np.ones(4), squares):
        with pytest.raises(NetworkError, match="output is NaN for sample 0: its parameters hold"):
            gm.saliency(net, x, target)


def test_the_sample_whose_output_is_nan_is_named(ctx):
    numbers = OUTPUT.copy()
    numbers[1, 2] = np.nan
    with pytest.raises(NetworkError, match="NaN for sample 1"):
        head(None, mx.nd.array(numbers, ctx=ctx))
