"""The ready-made targets, each against its definition.

A definition is written twice, for one sample in float64 numpy with plain loops: the value, and the
derivative worked out by hand, which central differences of the value confirm. The instance is then
called on an output that is recorded, and used on a net y = W x, whose saliency is exactly
Wᵀ ∂S/∂y.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

import numpy as np
import pytest

import gradcam_mx as gm
from gradcam_mx._mxnet import mx
from gradcam_mx.errors import TargetError

nn = mx.gluon.nn
N, K = 3, 4
VECTOR, MAP, SCENE = (K,), (K, 1, 1), (K, 2, 3)


def close(found, expected):
    """Equal but for float32.

    One rounding is 6e-8 of a number. Values here are sums of up to 24 products and a handful of
    operations more, so some 1e-6 of the largest term at worst; a term is about as large as the
    largest value (nothing cancels everywhere at once). 1e-5 leaves room for other processors, and
    a wrong sign, class, position or factor changes far more.
    """
    found = found.asnumpy() if isinstance(found, mx.nd.NDArray) else found
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def random(*shape, seed=0):
    """Float32 numbers in float64, so that the net and the derivation start from the same."""
    return np.random.RandomState(seed).randn(*shape).astype(np.float32).astype(np.float64)


def given(per_sample, rows):
    """What to pass for these samples: one thing if all three share it, else one for each."""
    first = per_sample[0]
    return first if all(one is first for one in per_sample) else [per_sample[n] for n in rows]


# ------------------------------------------------------------ the definitions, one sample at a time


@dataclass(frozen=True)
class Case:
    """A target with its definition: S(y, n) of sample n's output y, and its derivative."""

    title: str
    shape: tuple[int, ...]
    target: Callable[[list[int]], Any]
    value: Callable[[np.ndarray, int], float]
    gradient: Callable[[np.ndarray, int], np.ndarray]
    shared: bool

    def __str__(self):
        return f"{self.title} {self.shape}"

    @property
    def name(self):
        return self.title.split()[0]

    def values(self, outputs):
        return np.array([self.value(np.array(y), n) for n, y in enumerate(outputs)])

    def gradients(self, outputs):
        return np.array([self.gradient(np.array(y), n) for n, y in enumerate(outputs)])


def unit(y, index):
    """The derivative of y[index]: one there and zero elsewhere."""
    gradient = np.zeros_like(y)
    gradient.flat[index] = 1
    return gradient


def softmax(y):
    return np.exp(y) / np.exp(y).sum()


def sigmoid(y):
    return 1 / (1 + np.exp(-y.item()))


def cosine(y, r):
    return (y * r).sum() / np.sqrt((y * y).sum() * (r * r).sum())


def cosine_gradient(y, r):
    """∂/∂y_i of y·r (y·y)^(-½) / |r|: r_i (y·y)^(-½) / |r| - y·r (y·y)^(-3/2) y_i / |r|."""
    length, other = np.sqrt((y * y).sum()), np.sqrt((r * r).sum())
    return r / (length * other) - (y * r).sum() * y / (length**3 * other)


def inside(mask):
    return [(h, w) for h in range(mask.shape[0]) for w in range(mask.shape[1]) if mask[h, w]]


def segment(y, c, mask):
    return sum(y[c, h, w] for h, w in inside(mask)) / len(inside(mask))


def segment_gradient(y, c, mask):
    gradient = np.zeros_like(y)
    for h, w in inside(mask):
        gradient[c, h, w] = 1 / len(inside(mask))
    return gradient


def class_cases(ids, others, shape):
    kind = "the same" if ids[0] is ids[1] else "one a sample"
    shared = ids[0] is ids[1] and others[0] is others[1]

    def chance_gradient(y, n):
        """∂p_c/∂y_j = p_c (δ_cj - p_j)."""
        p = softmax(y)
        return p.flat[ids[n]] * (unit(y, ids[n]) - p)

    yield Case(
        f"ClassScore {kind}",
        shape,
        lambda rows: gm.targets.ClassScore(given(ids, rows)),
        lambda y, n: y.flat[ids[n]],
        lambda y, n: unit(y, ids[n]),
        shared,
    )
    yield Case(
        f"Probability {kind}",
        shape,
        lambda rows: gm.targets.Probability(given(ids, rows)),
        lambda y, n: softmax(y).flat[ids[n]],
        chance_gradient,
        shared,
    )
    yield Case(
        f"ScoreDifference {kind}",
        shape,
        lambda rows: gm.targets.ScoreDifference(given(ids, rows), given(others, rows)),
        lambda y, n: y.flat[ids[n]] - y.flat[others[n]],
        lambda y, n: unit(y, ids[n]) - unit(y, others[n]),
        shared,
    )


def label_cases(sets, shape):
    yield Case(
        f"MultiLabel {'the same' if sets[0] is sets[1] else 'one a sample'}",
        shape,
        lambda rows: gm.targets.MultiLabel(given(sets, rows)),
        lambda y, n: sum(y.flat[c] for c in sets[n]),
        lambda y, n: sum(unit(y, c) for c in sets[n]),
        sets[0] is sets[1],
    )


def one_value_cases(ids, shape):
    kind = "of one value, " + ("the same" if ids[0] is ids[1] else "one a sample")
    sign = {1: 1.0, 0: -1.0}
    yield Case(
        f"Binary {kind}",
        shape,
        lambda rows: gm.targets.Binary(given(ids, rows)),
        lambda y, n: sign[ids[n]] * y.item(),
        lambda y, n: np.full_like(y, sign[ids[n]]),
        ids[0] is ids[1],
    )
    yield Case(
        f"Probability {kind}",
        shape,
        lambda rows: gm.targets.Probability(given(ids, rows)),
        lambda y, n: sigmoid(y) if ids[n] == 1 else 1 - sigmoid(y),
        lambda y, n: np.full_like(y, sign[ids[n]] * sigmoid(y) * (1 - sigmoid(y))),
        ids[0] is ids[1],
    )


def regression_cases(shape):
    yield Case(
        "Regression",
        shape,
        lambda rows: gm.targets.Regression(),
        lambda y, n: y.sum(),
        lambda y, n: np.ones_like(y),
        True,
    )
    whole = random(N, *shape, seed=1)
    yield Case(
        "Regression weights for the whole output",
        shape,
        lambda rows: gm.targets.Regression(weights=whole[rows]),
        lambda y, n: (whole[n] * y).sum(),
        lambda y, n: whole[n],
        False,
    )
    if shape:
        yield Case(
            "Regression weights for one sample",
            shape,
            lambda rows: gm.targets.Regression(whole[0]),
            lambda y, n: (whole[0] * y).sum(),
            lambda y, n: whole[0],
            True,
        )


def cosine_cases():
    references = random(N, K, seed=2)
    yield Case(
        "CosineSimilarity the same",
        VECTOR,
        lambda rows: gm.targets.CosineSimilarity(references[0]),
        lambda y, n: cosine(y, references[0]),
        lambda y, n: cosine_gradient(y, references[0]),
        True,
    )
    yield Case(
        "CosineSimilarity one a sample",
        VECTOR,
        lambda rows: gm.targets.CosineSimilarity(references[rows]),
        lambda y, n: cosine(y, references[n]),
        lambda y, n: cosine_gradient(y, references[n]),
        False,
    )


def segmentation_cases(ids):
    kind = "the same" if ids[0] is ids[1] else "one a sample"
    everywhere = np.ones(SCENE[1:], bool)
    masks = np.array([[[1, 0, 0], [0, 1, 1]], [[0, 0, 0], [0, 0, 1]], [[1, 1, 1], [0, 1, 1]]], bool)
    for title, mask, per_sample in (
        ("no mask", lambda rows: None, [everywhere] * N),
        ("one mask", lambda rows: masks[0], [masks[0]] * N),
        ("a mask a sample", lambda rows: masks[rows], masks),
    ):
        yield Case(
            f"Segmentation {kind}, {title}",
            SCENE,
            lambda rows, mask=mask: gm.targets.Segmentation(given(ids, rows), mask(rows)),
            lambda y, n, masks=per_sample: segment(y, ids[n], masks[n]),
            lambda y, n, masks=per_sample: segment_gradient(y, ids[n], masks[n]),
            ids[0] is ids[1] and "a mask" not in title,
        )


CASES = [
    *(
        case
        for shape in (VECTOR, MAP)
        for ids, others in (([2] * N, [1] * N), ([2, 0, 3], [1, 3, 0]), ([2, 0, 3], [1] * N))
        for case in class_cases(ids, others, shape)
    ),
    *(
        case
        for shape in (VECTOR, MAP)
        for sets in ([[0, 3]] * N, [[1], [0, 2, 3], [3, 1]])
        for case in label_cases(sets, shape)
    ),
    *(
        case
        for shape in ((1,), ())
        for ids in ([1] * N, [0] * N, [1, 0, 1])
        for case in one_value_cases(ids, shape)
    ),
    *(case for shape in (VECTOR, (1,), (), SCENE) for case in regression_cases(shape)),
    *cosine_cases(),
    *(case for ids in ([2] * N, [2, 0, 3]) for case in segmentation_cases(ids)),
]
each_case = pytest.mark.parametrize("case", CASES, ids=str)


@each_case
def test_the_derivations_agree_with_central_differences(case):
    outputs, step = random(N, *case.shape), 1e-5
    for n, (y, gradient) in enumerate(zip(outputs, case.gradients(outputs))):
        for i in range(y.size):
            moved = step * unit(np.array(y), i)
            slope = (case.value(y + moved, n) - case.value(y - moved, n)) / (2 * step)
            # a difference of float64: step² from the curvature, 1e-16 / step from rounding
            assert slope == pytest.approx(gradient.flat[i], abs=1e-8)


# ------------------------------------------------------------------------------ called on an output


def called(target, ctx, *outputs):
    """The value of an instance called with these, and the gradient at each of them."""
    arrays = [mx.nd.array(one, ctx=ctx, dtype="float32") for one in outputs]
    for array in arrays:
        array.attach_grad()
    with mx.autograd.record():
        value = target(*arrays)
    assert value.context == ctx
    value.backward()
    return [value, *(array.grad for array in arrays)]


@each_case
def test_value_and_gradient(ctx, case):
    outputs = random(N, *case.shape)
    value, gradient = called(case.target([0, 1, 2]), ctx, outputs)
    close(value, case.values(outputs))
    close(gradient, case.gradients(outputs))


@each_case
def test_a_batch_is_its_samples_one_by_one(ctx, case):
    outputs = random(N, *case.shape)
    batch = called(case.target([0, 1, 2]), ctx, outputs)
    singles = zip(*(called(case.target([n]), ctx, outputs[n : n + 1]) for n in range(N)))
    for found, expected in zip(batch, singles):
        close(found, np.concatenate([one.asnumpy() for one in expected]))


@pytest.mark.parametrize("case", [case for case in CASES if case.shared], ids=str)
def test_an_instance_serves_again(ctx, case):
    """On another context and for another number of samples: it keeps nothing of a call."""
    target, outputs = case.target([0, 1, 2]), random(N, *case.shape)
    called(target, mx.cpu(1 - ctx.device_id), outputs)
    value, gradient = called(target, ctx, outputs[:2])
    close(value, case.values(outputs[:2]))
    close(gradient, case.gradients(outputs[:2]))


@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        ([[1000.0, 0], [-1000, 0]], 0, [1, 0]),
        ([[1000.0], [-1000]], 1, [1, 0]),
        ([1000.0, -1000], 0, [0, 1]),
    ],
    ids=["softmax", "sigmoid of a column", "sigmoid of a vector"],
)
def test_probabilities_of_huge_scores_are_finite(ctx, output, target, expected):
    value, gradient = called(gm.targets.Probability(target), ctx, output)
    np.testing.assert_array_equal(value.asnumpy(), expected)
    np.testing.assert_array_equal(gradient.asnumpy(), np.zeros_like(output))


# --------------------------------------------------------------------------------- with a whole net


class Linear(mx.gluon.HybridBlock):
    """y = W x in any shape, and what may come after."""

    def __init__(self, shape, end=None):
        super().__init__()
        self.shape, self.end = shape, end
        with self.name_scope():
            self.dense = nn.Dense(int(np.prod(shape)), use_bias=False, in_units=12)

    def hybrid_forward(self, F, x):
        y = F.reshape(self.dense(x), shape=(-1, *self.shape))
        return self.end(F, y) if self.end else y


def linear(ctx, shape, end=None):
    """The net, an input, and in float64 the weights and the output that follows from both."""
    net, weight, x = Linear(shape, end), random(int(np.prod(shape)), 12, seed=7), random(N, 12)
    net.initialize(ctx=ctx)
    net.dense.weight.set_data(mx.nd.array(weight / 2))
    image = mx.nd.array(x.reshape(N, 3, 2, 2), ctx=ctx)
    return net, image, weight / 2, (x @ weight.T / 2).reshape(N, *shape)


def check_saliency(found, score, gradient, weight):
    close(found.score, score)
    close(found.values.reshape(N, -1), np.reshape(gradient, (N, -1)) @ weight)


@each_case
def test_saliency_is_the_derivative_times_the_weights(ctx, case):
    net, x, weight, outputs = linear(ctx, case.shape)
    found = gm.saliency(net, x, target=case.target([0, 1, 2]))
    check_saliency(found, case.values(outputs), case.gradients(outputs), weight)
    if case.name == "ClassScore":
        assert found.target == [int(np.argmax(one)) for one in case.gradients(outputs)]
    else:
        assert isinstance(found.target, str)
        assert case.name in found.target


@pytest.mark.parametrize("method", ["grad_cam", "guided_backprop", "guided_grad_cam", "saliency"])
@pytest.mark.parametrize(
    ("target", "function"),
    [
        (lambda: gm.targets.ScoreDifference(1, 2), lambda y: y[:, 1] - y[:, 2]),
        (
            lambda: gm.targets.Probability([1, 0, 3]),
            lambda y: mx.nd.pick(mx.nd.softmax(y), mx.nd.array([1, 0, 3], ctx=y.context)),
        ),
    ],
    ids=["ScoreDifference", "Probability"],
)
def test_every_method_takes_them(ctx, method, target, function):
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(5, 3, activation="relu", in_channels=3),
        nn.GlobalAvgPool2D(),
        nn.Dense(K, in_units=5),
    )
    mx.random.seed(0)
    net.initialize(mx.init.Normal(1), ctx=ctx)
    x = mx.nd.array(random(N, 3, 6, 6), ctx=ctx)
    found, expected = (getattr(gm, method)(net, x, target=one) for one in (target(), function))
    assert np.abs(expected.values).max() > 0
    close(found.values, expected.values)
    close(found.score, expected.score)


# ------------------------------------------------------------------------------ one target a sample


def squares(y):
    return (y**2).sum(axis=1)


def test_a_list_is_one_target_a_sample(ctx):
    net, x, weight, y = linear(ctx, VECTOR)
    found = gm.saliency(net, x, target=[3, gm.targets.ScoreDifference(1, 2), squares])
    score = [y[0, 3], y[1, 1] - y[1, 2], (y[2] ** 2).sum()]
    check_saliency(found, score, [unit(y[0], 3), unit(y[1], 1) - unit(y[1], 2), 2 * y[2]], weight)
    assert [type(one) for one in found.target] == [str] * N
    for name, part in zip(found.target, ("3", "ScoreDifference", "squares")):
        assert part in name


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_a_list_gives_each_sample_its_own(ctx, order):
    make = [
        lambda: gm.targets.Probability(1),
        lambda: gm.targets.MultiLabel([0, 3]),
        lambda: gm.targets.CosineSimilarity(np.arange(1.0, 1 + K)),
    ]
    net, x, _, _ = linear(ctx, VECTOR)
    found = gm.saliency(net, x, target=[make[i]() for i in order])
    for n, i in enumerate(order):
        alone = gm.saliency(net, x[n : n + 1], target=make[i]())
        close(found.values[n : n + 1], alone.values)
        close(found.score[n : n + 1], alone.score)


@pytest.mark.parametrize("length", [1, 2, 4])
def test_a_list_of_another_length_is_refused(ctx, length):
    net, x, _, _ = linear(ctx, VECTOR)
    targets = [3, gm.targets.ScoreDifference(1, 2), squares, 1][-length:]
    with pytest.raises(TargetError):
        gm.saliency(net, x, target=targets)


BROKEN = {
    "whole output": lambda y: y,
    "column": lambda y: y.sum(axis=1, keepdims=True),
    "no array": lambda y: 1.0,
    "NaN": lambda y: mx.nd.log(-mx.nd.abs(y) - 1).sum(axis=1),
    "infinity": lambda y: (mx.nd.abs(y) / (y - y)).sum(axis=1),
    "constant": lambda y: mx.nd.ones(y.shape[:1], ctx=y.context),
    "detached": lambda y: y.detach().sum(axis=1),
}


@pytest.mark.parametrize("listed", [False, True], ids=["alone", "in a list"])
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_functions_that_explain_nothing_are_refused(ctx, broken, listed):
    net, x, _, _ = linear(ctx, VECTOR)
    target = [0, broken, gm.targets.ClassScore(1)] if listed else broken
    with pytest.raises(TargetError):
        gm.saliency(net, x, target=target)


def test_an_error_in_a_list_is_an_error(ctx):
    net, x, _, _ = linear(ctx, VECTOR)
    with pytest.raises(TargetError, match="out of range"):
        gm.saliency(net, x, target=[0, gm.targets.ScoreDifference(0, K), squares])
    with pytest.raises(TargetError, match="out of range"):
        gm.saliency(net, x, target=[0, K, squares])


# ------------------------------------------------------------------------------- nets of one output


ENDS = {
    "sigmoid": lambda F, y: F.sigmoid(y),
    "Activation": lambda F, y: F.Activation(y, act_type="sigmoid"),
}
one_value = pytest.mark.parametrize("shape", [(1,), ()], ids=["column", "vector"])
each_end = pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)


@one_value
def test_none_is_the_one_value_itself(ctx, shape):
    net, x, weight, y = linear(ctx, shape)
    assert y.min() < 0 < y.max()
    check_saliency(gm.saliency(net, x), y.ravel(), np.ones(N), weight)


@one_value
@pytest.mark.parametrize("target", [0, 1, 2, [1, 0, 1]], ids=str)
def test_a_class_of_one_value_is_refused(ctx, shape, target):
    net, x, _, _ = linear(ctx, shape)
    with pytest.raises(TargetError, match=r"gm\.targets\.Binary"):
        gm.saliency(net, x, target=target)


def check_logit(found, y, weight, ids):
    sign = 2.0 * np.array(ids) - 1
    check_saliency(found, sign * y.ravel(), sign, weight)
    assert found.target == list(ids)


@one_value
@each_end
@pytest.mark.parametrize(
    ("target", "ids"),
    [(1, [1, 1, 1]), (0, [0, 0, 0]), ([1, 0, 0], [1, 0, 0]), (None, None)],
    ids=str,
)
def test_a_final_sigmoid_has_classes_of_its_logit(ctx, shape, end, target, ids):
    net, x, weight, y = linear(ctx, shape, end)
    assert y.min() < 0 < y.max()
    check_logit(
        gm.saliency(net, x, target=target), y, weight, ids or [int(one > 0) for one in y.ravel()]
    )


@each_end
@pytest.mark.parametrize("target", [2, -1, [0, 1, 2]], ids=str)
def test_a_final_sigmoid_has_two_classes(ctx, end, target):
    net, x, _, _ = linear(ctx, (1,), end)
    with pytest.raises(TargetError, match="out of range"):
        gm.saliency(net, x, target=target)


def test_a_sigmoid_inside_is_not_the_end(ctx):
    net, x, weight, y = linear(ctx, (1,), lambda F, y: 3 * F.sigmoid(y))
    p = 1 / (1 + np.exp(-y))
    check_saliency(gm.saliency(net, x), 3 * p.ravel(), 3 * p * (1 - p), weight)
    with pytest.raises(TargetError, match=r"gm\.targets\.Binary"):
        gm.saliency(net, x, target=1)


@pytest.mark.parametrize(("target", "ids"), [(None, None), (1, [1] * N), (0, [0] * N)], ids=str)
def test_logistic_regression_output(ctx, target, ids):
    _, x, weight, y = linear(ctx, (1,))
    symbol = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=1, no_bias=True, name="dense")
    symbol = mx.sym.LogisticRegressionOutput(symbol, name="chance")
    net = (symbol, {"dense_weight": mx.nd.array(weight, ctx=ctx)}, {})
    check_logit(
        gm.saliency(net, x, target=target), y, weight, ids or [int(one > 0) for one in y.ravel()]
    )


# ---------------------------------------------------------------------------------------- detection


BOX = (1.0, 2.0, 7.0, 6.0)
CANDIDATES = 8


def iou(a, b):
    width, height = (max(0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    area = sum((one[2] - one[0]) * (one[3] - one[1]) for one in (a, b))
    return width * height / (area - width * height)


def best(ids, boxes, box, class_id=None):
    """The number of the detection that overlaps `box` most, among those that count."""
    found = [
        (iou(box, one), b)
        for b, one in enumerate(boxes)
        if ids[b] >= 0 and class_id in (None, ids[b])
    ]
    return max(found)[1]


def detections():
    """ids, scores, boxes: in each sample the box that fits best of all is suppressed."""
    rng = np.random.RandomState(1)
    shift = rng.uniform(-1, 1, (N, CANDIDATES, 4))
    boxes = (np.array(BOX) + shift).astype(np.float32).astype(np.float64)
    ids = rng.randint(0, 2, (N, CANDIDATES)).astype(float)
    for n in range(N):
        ids[n, best(ids[n], boxes[n], BOX)] = -1
    return ids[..., None], random(N, CANDIDATES, 1), boxes


@pytest.mark.parametrize("class_ids", [[None] * N, [0] * N, [1] * N, [1, 0, 1]], ids=str)
def test_detection_by_box(ctx, class_ids):
    outputs = detections()
    chosen = [
        best(ids[:, 0], boxes, BOX, c) for ids, boxes, c in zip(outputs[0], outputs[2], class_ids)
    ]
    assert len(set(chosen)) > 1
    check_detection(
        gm.targets.Detection(box=BOX, class_id=given(class_ids, range(N)), min_iou=0.2),
        ctx,
        outputs,
        chosen,
    )


def check_detection(target, ctx, outputs, chosen):
    value, at_ids, at_scores, at_boxes = called(target, ctx, *outputs)
    close(value, [scores[b, 0] for scores, b in zip(outputs[1], chosen)])
    close(at_scores, [unit(scores, b) for scores, b in zip(outputs[1], chosen)])
    assert not at_ids.asnumpy().any()
    assert not at_boxes.asnumpy().any()


def test_detection_by_index(ctx):
    ids, scores, boxes = detections()
    index = next(b for b in range(CANDIDATES) if (ids[:, b] >= 0).all())
    check_detection(gm.targets.Detection(index=index), ctx, (ids, scores, boxes), [index] * N)


@pytest.mark.parametrize("samples", [[0], [1], [2]])
def test_detection_in_a_batch_is_as_alone(ctx, samples):
    ids, scores, boxes = (one[samples] for one in detections())
    check_detection(
        gm.targets.Detection(box=BOX, min_iou=0.2),
        ctx,
        (ids, scores, boxes),
        [best(ids[0, :, 0], boxes[0], BOX)],
    )


# by hand, with (0, 0, 4, 4): 16/16, 9/23, 8/16, 0, and 0 for the box without an area
FEW = np.array([[0, 0, 4, 4], [1, 1, 5, 5], [0, 0, 4, 2], [6, 6, 9, 9], [2, 2, 2, 2]], float)


def few(*ids):
    return np.array(ids, float)[None, :, None], random(1, 5, 1), FEW[None]


@pytest.mark.parametrize(
    ("ids", "options", "chosen"),
    [
        ((0, 0, 0, 0, 0), {}, 0),
        ((-1, 0, 0, 0, 0), {}, 2),
        ((0, 1, 2, 2, 2), {"class_id": 2}, 2),
        ((-1, 0, -1, 0, 0), {"min_iou": 9 / 23 - 1e-3}, 1),
        ((1, 0, 1, 0, 0), {"class_id": 0, "min_iou": 0.3}, 1),
    ],
    ids=["best", "suppressed, then IoU = min_iou", "class", "min_iou", "class and min_iou"],
)
def test_overlaps_by_hand(ctx, ids, options, chosen):
    check_detection(gm.targets.Detection(box=(0, 0, 4, 4), **options), ctx, few(*ids), [chosen])


@pytest.mark.parametrize(
    ("ids", "options"),
    [
        ((-1, 0, 0, 0, 0), {"box": (0, 0, 4, 4), "min_iou": 0.501}),
        ((-1, 0, -1, 0, 0), {"box": (0, 0, 4, 4)}),
        ((0, 1, 1, 1, 1), {"box": (0, 0, 4, 4), "class_id": 1, "min_iou": 0.6}),
        ((0, 0, 0, 0, 0), {"box": (0, 0, 4, 4), "class_id": 3}),
        ((0, 0, 0, 0, 0), {"box": (20, 20, 24, 24)}),
        ((-1, -1, -1, -1, -1), {"box": (0, 0, 4, 4)}),
        ((0, 0, 0, 0, 0), {"box": (0, 0, 0, 4)}),
        ((0, 0, 0, 0, 0), {"box": (4, 4, 0, 0)}),
        ((0, 0, 0, 0, 0), {"box": (0, 0, np.nan, 4)}),
        ((0, 0, 0, 0, 0), {"box": (0, 0, 4)}),
        ((0, 0, 0, 0, 0), {"index": 5}),
        ((0, 0, 0, 0, 0), {"index": -1}),
        ((0, -1, 0, 0, 0), {"index": 1}),
    ],
    ids=str,
)
def test_detections_that_are_not_there_are_refused(ctx, ids, options):
    outputs = [mx.nd.array(one, ctx=ctx) for one in few(*ids)]
    with pytest.raises(TargetError):
        gm.targets.Detection(**options)(*outputs)


@pytest.mark.parametrize(
    "shapes",
    [
        [(1, 5), (1, 5), (1, 5, 4)],
        [(1, 5, 1), (1, 5, 2), (1, 5, 4)],
        [(1, 5, 1), (1, 5, 1), (1, 5)],
        [(1, 5, 1), (1, 5, 1), (1, 5, 3)],
        [(1, 5, 1), (1, 4, 1), (1, 5, 4)],
    ],
    ids=str,
)
@pytest.mark.parametrize("options", [{"index": 0}, {"box": (0, 0, 1, 1), "min_iou": 0}], ids=str)
def test_outputs_that_are_no_detections_are_refused(ctx, shapes, options):
    with pytest.raises(TargetError):
        gm.targets.Detection(**options)(*(mx.nd.ones(shape, ctx=ctx) for shape in shapes))


def test_one_sample_without_the_detection_is_refused(ctx):
    ids, scores, boxes = detections()
    ids[1] = -1
    outputs = [mx.nd.array(one, ctx=ctx) for one in (ids, scores, boxes)]
    for options in ({"box": BOX, "min_iou": 0.2}, {"index": 0}):
        with pytest.raises(TargetError):
            gm.targets.Detection(**options)(*outputs)


@pytest.mark.parametrize("options", [{}, {"index": 0, "box": BOX}, {"class_id": 1}], ids=str)
def test_detection_is_by_either_index_or_box(options):
    with pytest.raises(TargetError):
        gm.targets.Detection(**options)


class Detector(mx.gluon.HybridBlock):
    """ids that are constant, scores and boxes that move with x, and the features: in any order."""

    def __init__(self, order):
        super().__init__()
        self.order = order
        with self.name_scope():
            for name, units in (("ids", 5), ("scores", 5), ("boxes", 20)):
                setattr(self, name, nn.Dense(units, in_units=12))

    def hybrid_forward(self, F, x):
        found = [
            F.reshape(layer(x), shape=(-1, 5, last))
            for layer, last in ((self.ids, 1), (self.scores, 1), (self.boxes, 4))
        ]
        return tuple([*found, F.Flatten(x)][i] for i in self.order)


def detector(ctx, order, ids):
    net, weight, bias = Detector(order), random(5, 12, seed=4), random(5, seed=5)
    net.initialize(ctx=ctx)
    boxes_weight = random(20, 12, seed=6) / 50
    for layer, numbers, offset in (
        (net.ids, np.zeros((5, 12)), ids),
        (net.scores, weight, bias),
        (net.boxes, boxes_weight, FEW.ravel()),
    ):
        layer.weight.set_data(mx.nd.array(numbers))
        layer.bias.set_data(mx.nd.array(offset))
    x = random(N, 12)
    return (
        net,
        mx.nd.array(x.reshape(N, 3, 2, 2), ctx=ctx),
        weight,
        x @ weight.T + bias,
        (x @ boxes_weight.T).reshape(N, 5, 4) + FEW,
    )


@pytest.mark.parametrize(
    ("order", "outputs"),
    [
        ((0, 1, 2), (0, 1, 2)),
        ((0, 1, 2, 3), (0, 1, 2)),
        ((3, 1, 2, 0), (3, 1, 2)),
        ((2, 0, 3, 1), (1, 3, 0)),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "options",
    [
        {"index": 3},
        {"box": (1, 1, 5, 5)},
        {"box": (0, 0, 4, 4), "min_iou": 0.3},
        {"box": (1, 1, 5, 5), "class_id": 2, "min_iou": 0.1},
        {"box": (1, 1, 5, 5), "class_id": [2, 1, 1], "min_iou": 0.1},
    ],
    ids=str,
)
def test_saliency_of_a_detection(ctx, order, outputs, options):
    ids = [-1, 1, 2, 1, 2]
    net, x, weight, scores, boxes = detector(ctx, order, ids)
    # by hand: box 1 (2 with class 2) for (1, 1, 5, 5); box 2 for (0, 0, 4, 4), as 0 is suppressed
    classes = np.broadcast_to(options.get("class_id"), N)
    chosen = (
        [options["index"]] * N
        if "index" in options
        else [best(ids, boxes[n], options["box"], classes[n]) for n in range(N)]
    )
    found = gm.saliency(net, x, target=gm.targets.Detection(outputs=outputs, **options))
    gradient = [unit(np.zeros(5), b) for b in chosen]
    check_saliency(found, scores[[0, 1, 2], chosen], gradient, weight)
    assert "Detection" in found.target


def test_a_detection_a_sample(ctx):
    net, x, weight, scores, _ = detector(ctx, (0, 1, 2), [0] * 5)
    found = gm.saliency(net, x, target=[gm.targets.Detection(index=b) for b in (4, 0, 2)])
    check_saliency(found, scores[[0, 1, 2], [4, 0, 2]], np.eye(5)[[4, 0, 2]], weight)
    assert ["Detection" in one for one in found.target] == [True] * N


@pytest.mark.parametrize(
    "options",
    [
        {"index": 0},
        {"index": 5},
        {"box": (20, 20, 24, 24)},
        {"index": 1, "outputs": (0, 1, 4)},
        {"index": 1, "outputs": (2, 1, 0)},
    ],
    ids=str,
)
def test_detections_that_a_net_does_not_make_are_refused(ctx, options):
    net, x, _, _, _ = detector(ctx, (0, 1, 2), [-1, 1, 2, 1, 2])
    with pytest.raises(TargetError):
        gm.saliency(net, x, target=gm.targets.Detection(**options))


def test_a_net_of_one_output_has_no_detections(ctx):
    net, x, _, _ = linear(ctx, VECTOR)
    with pytest.raises(TargetError):
        gm.saliency(net, x, target=gm.targets.Detection(index=0))


# ---------------------------------------------------------------------- what does not fit an output


def on_an_output(make, ctx, shape):
    make()(mx.nd.array(random(N, *shape), ctx=ctx))


def on_a_net(make, ctx, shape):
    net, x, _, _ = linear(ctx, shape)
    gm.saliency(net, x, target=make())


used = pytest.mark.parametrize("use", [on_an_output, on_a_net])


@used
@pytest.mark.parametrize(
    ("shape", "name", "arguments"),
    [
        (VECTOR, "ClassScore", (4,)),
        (VECTOR, "ClassScore", (-1,)),
        (MAP, "ClassScore", (4,)),
        (VECTOR, "ClassScore", ([0, 4, 1],)),
        (VECTOR, "Probability", (4,)),
        (VECTOR, "Probability", ([0, -1, 1],)),
        ((1,), "Probability", (2,)),
        ((), "Probability", (-1,)),
        (VECTOR, "ScoreDifference", (4, 0)),
        (VECTOR, "ScoreDifference", (0, 4)),
        (VECTOR, "ScoreDifference", (0, [1, 2, -1])),
        ((1,), "Binary", (2,)),
        ((), "Binary", (-1,)),
        ((1,), "Binary", ([0, 1, 2],)),
        (VECTOR, "MultiLabel", ([0, 4],)),
        (VECTOR, "MultiLabel", ([[0], [1, -1], [2]],)),
        (SCENE, "Segmentation", (4,)),
        (SCENE, "Segmentation", ([0, 1, -1],)),
    ],
    ids=str,
)
def test_classes_that_are_not_there_are_refused(ctx, use, shape, name, arguments):
    with pytest.raises(TargetError, match="out of range"):
        use(lambda: getattr(gm.targets, name)(*arguments), ctx, shape)


def spoilt(shape, value):
    numbers = np.ones(shape)
    numbers.flat[1] = value
    return numbers


FULL = np.ones(SCENE[1:], bool)
MISFITS = {
    "of two ids": [
        (VECTOR, "ClassScore", [0, 1]),
        (VECTOR, "Probability", [0, 1]),
        (VECTOR, "ScoreDifference", [0, 1], 2),
        (VECTOR, "ScoreDifference", 2, [0, 1]),
        ((1,), "Binary", [0, 1]),
        (VECTOR, "MultiLabel", [[0], [1]]),
        (SCENE, "Segmentation", [0, 1]),
    ],
    "of no labels": [(VECTOR, "MultiLabel", []), (VECTOR, "MultiLabel", [[0], [], [1]])],
    "of another rank": [
        ((), "ClassScore", 0),
        (SCENE, "ClassScore", 0),
        (SCENE, "Probability", 0),
        ((), "ScoreDifference", 0, 0),
        (SCENE, "ScoreDifference", 0, 1),
        ((), "MultiLabel", [0]),
        (SCENE, "MultiLabel", [0]),
        (VECTOR, "Binary", 1),
        (SCENE, "Binary", 1),
        (VECTOR, "Segmentation", 1),
        ((), "Segmentation", 0),
        ((), "CosineSimilarity", np.ones(3)),
        (SCENE, "CosineSimilarity", np.ones(K)),
    ],
    "with a mask": [
        (SCENE, "Segmentation", 1, mask)
        for mask in (FULL.T, FULL[0], np.stack([FULL] * 2), ~FULL, np.stack([FULL, ~FULL, FULL]))
    ],
    "with a reference": [
        (VECTOR, "CosineSimilarity", reference)
        for reference in (
            np.ones(3),
            np.ones((2, K)),
            np.ones((N, K, 1)),
            np.zeros(K),
            np.diag([1, 0, 1, 1])[:N],
            np.diag([1, 1, 0, 1])[:N],
            spoilt(K, np.nan),
            spoilt((N, K), np.inf),
        )
    ],
    "with weights": [
        (VECTOR, "Regression", weights)
        for weights in (
            np.ones(3),
            np.ones((K, N)),
            np.ones((2, K)),
            spoilt(K, np.nan),
            spoilt((N, K), -np.inf),
        )
    ],
}


@used
@pytest.mark.parametrize(
    ("shape", "name", "arguments"),
    [
        pytest.param(shape, name, arguments, id=f"{name} {kind} {i}")
        for kind, misfits in MISFITS.items()
        for i, (shape, name, *arguments) in enumerate(misfits)
    ],
)
def test_what_does_not_fit_the_output_is_refused(ctx, use, shape, name, arguments):
    with pytest.raises(TargetError):
        use(lambda: getattr(gm.targets, name)(*arguments), ctx, shape)


# -------------------------------------------------------------------- detections in changed inputs


class Boxes(mx.gluon.HybridBlock):
    """Two detections, of the left and the right half's brightness; the brighter one comes first,
    and a dark one is gone."""

    def hybrid_forward(self, F, x):
        halves = F.concat(
            *(
                F.slice_axis(x, axis=3, begin=at, end=at + 4).mean(axis=(1, 2, 3)).reshape((-1, 1))
                for at in (0, 4)
            ),
            dim=1,
        )
        order = F.argsort(halves, axis=1, is_ascend=False)
        scores = F.sort(halves, axis=1, is_ascend=False)
        left = order * 4
        boxes = F.stack(left, F.zeros_like(left), left + 4, F.ones_like(left) * 8, axis=2)
        ids = F.where(scores > 0.1, F.zeros_like(scores), -F.ones_like(scores))
        return ids.expand_dims(2), scores.expand_dims(2), boxes


@pytest.mark.parametrize("options", [{"index": 0}, {"box": (4, 0, 8, 8)}], ids=str)
def test_a_detection_is_followed_when_parts_are_hidden(ctx, options):
    """The right half is brighter. With it hidden the left comes first, and its own score is 0."""
    x = np.full((2, 1, 8, 8), 0.5, np.float32)
    x[..., 4:] = 0.75
    net, halves = Boxes(), np.repeat([0, 1], 4)[None] * np.ones((8, 1), int)
    target = gm.targets.Detection(**options)
    found = gm.feature_ablation(net, mx.nd.array(x, ctx=ctx), target, segments=halves)
    np.testing.assert_allclose(found.details["segment_values"], [[0, 0.75]] * 2, rtol=1e-6)
    both = gm.feature_ablation(
        net,
        mx.nd.array(x, ctx=ctx),
        gm.targets.Several([target, [target, gm.targets.Detection(box=(0, 0, 4, 8))]]),
        segments=halves,
    )
    np.testing.assert_allclose(both[1].details["segment_values"], [[0, 0.75], [0.5, 0]], rtol=1e-6)
