"""Every method once more: plain numpy in float64, from the papers; no code of the package.

Values and gradients of three toy nets come from the naive interpreter in `reference`. Where a
formula divides, or takes a singular vector, it is asserted here that the numbers at hand are well
conditioned: a comparison with float32 would otherwise compare noise.
"""

from __future__ import annotations

import functools
import json

import numpy as np
from reference import Reference
from test_formulas import bilinear_by_loops

from gradcam_mx._mxnet import mx

nn = mx.gluon.nn
TIE = 1e-6
ILL = (
    "the numbers of this toy net are ill conditioned for the formula, so that noise would be "
    "compared: `PYTHONPATH=tests python tests/methods/naive.py` finds seeds for NETS that suit "
    "all formulas of MAPS"
)


# ---------------------------------------------------------------------------------------- toy nets


def pooled_net():
    """conv-relu-maxpool-conv-relu-globalavgpool-dense."""
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(4, 3, padding=1, in_channels=3),
        nn.Activation("relu"),
        nn.MaxPool2D(2),
        nn.Conv2D(6, 3, padding=1, in_channels=4),
        nn.Activation("relu"),
        nn.GlobalAvgPool2D(),
        nn.Dense(5, in_units=6),
    )
    return net


class Residual(mx.gluon.HybridBlock):
    """A branch around the layer `body`, whose values have both signs."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.stem = nn.Conv2D(4, 3, strides=2, padding=1, in_channels=3)
            self.body = nn.Conv2D(4, 3, padding=1, in_channels=4)
            self.last = nn.Conv2D(6, 3, padding=1, in_channels=4)
            self.end = nn.Activation("relu")
            self.pool = nn.GlobalAvgPool2D()
            self.classify = nn.Dense(5, in_units=6)

    def hybrid_forward(self, F, x):
        x = F.relu(self.stem(x))
        return self.classify(self.pool(self.end(self.last(self.body(x) + x))))


def flat_net():
    """conv-relu-flatten-dense."""
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(6, 3, strides=2, in_channels=3),
        nn.Activation("relu"),
        nn.Flatten(),
        nn.Dense(5, in_units=6 * 4 * 5),
    )
    return net


NETS = {
    # builder, a seed, the layer, what is pooled, the convolution whose first channel is made flat,
    # and its bias; with these seeds all is well conditioned and no sample's map is empty
    "pooled": (pooled_net, 5, "4", "4", "3", -1.0),
    "residual": (Residual, 82, "body", "end", None, 0.0),
    "flat": (flat_net, 4, "1", None, "0", 0.5),
}
SIZE = (9, 12)
CLASSES = [0, 3, 2]


def child(net, path):
    for name in path.split("."):
        net = net._children[name]
    return net


class Toy:
    """A net with random weights and a batch of 3 for it; scores and gradients in float64.

    The first channel of a convolution has zero weights: behind the rectifier it is zero everywhere,
    or constant, as the bias says. Formulas divide by its sum or its range.
    """

    def __init__(self, name, ctx, seed=None):
        build, chosen, self.layer, self.pooled, flat, bias = NETS[name]
        seed = chosen if seed is None else seed
        mx.random.seed(seed)
        rng = np.random.RandomState(seed)
        with mx.name.NameManager():
            self.net = build()
        self.net.initialize(mx.init.Xavier(magnitude=3), ctx=ctx)
        for parameter in self.net.collect_params().values():
            if parameter.name.endswith("bias"):
                parameter.set_data(mx.nd.array(rng.normal(0, 0.2, parameter.shape)))
        if flat:
            convolution = child(self.net, flat)
            for parameter, value in ((convolution.weight, 0), (convolution.bias, bias)):
                numbers = parameter.data(ctx).asnumpy()
                numbers[0] = value
                parameter.set_data(mx.nd.array(numbers))
        self.x = mx.nd.array(rng.randn(3, 3, *SIZE) + 0.1, ctx=ctx)
        self.math = Maths(self.net, ctx, self.layer, CLASSES)
        self.numbers = self.x.asnumpy().astype(np.float64)


@functools.lru_cache(maxsize=None)
def double(name, device):
    """A toy net that computes in float64, and its input."""
    toy = Toy(name, mx.cpu(device))
    toy.net.cast("float64")
    toy.x = toy.x.astype("float64")
    return toy


class Maths:
    """A traceable net in float64: scores of the given classes, values and gradients."""

    def __init__(self, net, ctx, layer, classes):
        params = {p.name: p.data(ctx).asnumpy() for p in net.collect_params().values()}
        with mx.name.NameManager():
            graph = json.loads(net(mx.sym.var("data")).tojson())
        self.classes = np.array(classes)
        self.node = f"{child(net, layer).name}_fwd"
        self.whole = Reference(json.dumps(graph), params)
        for entry in graph["nodes"]:
            if entry["name"] == self.node:  # the same net with the layer's value given
                entry.update(op="null", inputs=[])
                entry.pop("attrs", None)
        self.cut = Reference(json.dumps(graph), params)

    def _forward(self, x, value=None):
        if value is None:
            return self.whole, self.whole.forward(x)
        return self.cut, self.cut.forward({"data": x, self.node: value})

    def score(self, x, value=None):
        """(N,): of each sample; with another value of the layer, the rest of the net as at x."""
        output = self._forward(x, value)[1]
        return output[np.arange(len(output)), self.classes]

    def layer(self, x):
        self.whole.forward(x)
        return self.whole.value(self.node)

    def gradient(self, x, value=None, of="layer", rule="plain"):
        reference, output = self._forward(x, value)
        assert not any(reference.near_ties(TIE).values()), ILL
        head = np.zeros_like(output)
        head[np.arange(len(head)), self.classes] = 1
        return reference.backward(head, rule)[{"layer": self.node, "input": "data"}[of]]


# ------------------------------------------------------- maps: (C, h, w) to be summed over channels


def ratio(numerator, denominator, scale):
    """0 where the denominator is; never a denominator that is only nearly 0."""
    if denominator == 0:
        return 0.0
    assert abs(denominator) > 1e-2 * scale, ILL
    return numerator / denominator


def times(weights, a):
    return np.stack([w * one for w, one in zip(weights, a)])


def grad_cam(a, g):
    """Selvaraju et al. 2017, equations 1 and 2."""
    return times([one.mean() for one in g], a)


def grad_cam_pp(a, g):
    """Chattopadhay et al. 2018, equations 5 and 19 for the score exp(S), whose derivatives are
    powers of the first one: α = g² / (2 g² + Σ A g³)."""
    weights = []
    for c in range(len(a)):
        total, weight = 0.0, 0.0
        for i in range(a.shape[1]):
            for j in range(a.shape[2]):
                total += a[c, i, j]
        for i in range(a.shape[1]):
            for j in range(a.shape[2]):
                slope = g[c, i, j]
                if slope > 0:
                    below = 2 * slope**2 + total * slope**3
                    weight += ratio(slope**2, below, 2 * slope**2) * slope
        weights.append(weight)
    return times(weights, a)


def xgrad_cam(a, g):
    """Fu et al. 2020, equation 9."""
    return times(
        [ratio((one * slope).sum(), one.sum(), np.abs(one).sum()) for one, slope in zip(a, g)], a
    )


def hires_cam(a, g):
    """Draelos & Carin 2020, equation 4."""
    return a * g


def layer_cam(a, g):
    """Jiang et al. 2021, equations 4 and 5."""
    return np.where(g > 0, g, 0) * a


def eigen_cam(a, g):
    """Muhammad & Yeasin 2020; see `projected`."""
    return a


def projected(parts):
    """The positions × channels projected on the first right singular vector of that matrix.

    It is the eigenvector of MᵀM of largest eigenvalue. Its sign is that with which the result goes
    along with the sum over the channels.
    """
    matrix = parts.reshape(len(parts), -1).T
    squares, vectors = np.linalg.eigh(matrix.T @ matrix)
    assert squares[-1] > 1.2 * squares[-2], ILL
    result = matrix @ vectors[:, -1]
    total = matrix.sum(axis=1)
    along = ((result - result.mean()) * (total - total.mean())).sum()
    assert abs(along) > 1e-3 * np.linalg.norm(result) * np.linalg.norm(total), ILL
    return (np.sign(along) * result).reshape(parts.shape[1:])


OF_GRADIENT = {
    "grad_cam": grad_cam,
    "grad_cam_pp": grad_cam_pp,
    "xgrad_cam": xgrad_cam,
    "hires_cam": hires_cam,
    "layer_cam": layer_cam,
    "eigen_cam": eigen_cam,
    "eigen_grad_cam": hires_cam,  # A·g, to be projected
}
PROJECTED = ("eigen_cam", "eigen_grad_cam")


def score_cam(math, x):
    """Wang et al. 2020, algorithm 1; the softmax does not change if a constant is subtracted."""
    a = math.layer(x)
    scores = np.zeros(a.shape[:2])
    for c in range(a.shape[1]):
        masks = []
        for n in range(len(x)):
            mask = bilinear_by_loops(a[n, c], *x.shape[2:])
            flat = a[n, c].min() == a[n, c].max()  # upsampled, it would be so but for rounding
            assert flat or np.ptp(mask) > 1e-2 * mask.max(), ILL
            masks.append(0 * mask if flat else (mask - mask.min()) / np.ptp(mask))
        scores[:, c] = math.score(x * np.stack(masks)[:, None])
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert weights.max() < 0.9, ILL  # otherwise it is one channel, whatever the others' scores
    return np.stack([times(w, one) for w, one in zip(weights, a)])


def ablation_cam(math, x):
    """Desai & Ramaswamy 2020, equation 3, with |y|, and with none where y is 0."""
    a, y = math.layer(x), math.score(x)
    parts = np.zeros(a.shape)
    for c in range(a.shape[1]):
        without = a.copy()
        without[:, c] = 0
        drop = y - math.score(x, without)
        for n in range(len(x)):
            parts[n, c] = ratio(drop[n], abs(y[n]), np.abs(drop).max()) * a[n, c]
    return parts


OF_SCORES = {"score_cam": score_cam, "ablation_cam": ablation_cam}
MAPS = [*OF_GRADIENT, *OF_SCORES]


def map_before_relu(name, math, x, eigen):
    if name in OF_SCORES:
        parts = OF_SCORES[name](math, x)
    else:
        a, g = math.layer(x), math.gradient(x)
        parts = np.stack([OF_GRADIENT[name](*one) for one in zip(a, g)])
    if eigen or name in PROJECTED:
        return np.stack([projected(one) for one in parts])
    return parts.sum(axis=1)


OPTIONS = {
    "as it is": {},
    "without relu": {"relu": False},
    "eigen": {"eigen_smooth": True},
    "augmented": {"augment_smooth": True},
    "both, without relu": {"augment_smooth": True, "eigen_smooth": True, "relu": False},
}


def cam(name, math, x, relu=True, augment_smooth=False, eigen_smooth=False):
    """(N, h, w): a method's map with the options that all of them have."""
    if augment_smooth:
        maps = []
        for factor in (0.9, 1.0, 1.1):
            maps.append(map_before_relu(name, math, factor * x, eigen_smooth))
            mirrored = map_before_relu(name, math, factor * x[..., ::-1], eigen_smooth)
            maps.append(mirrored[..., ::-1])
        result = sum(maps) / 6
    else:
        result = map_before_relu(name, math, x, eigen_smooth)
    return np.where(result > 0, result, 0) if relu else result


# ------------------------------------------------------------------------------------------- paths


def points_and_weights(quadrature, steps):
    """Of the integral from 0 to 1."""
    n = steps
    if quadrature == "left":
        return [k / n for k in range(n)], [1 / n] * n
    if quadrature == "right":
        return [(k + 1) / n for k in range(n)], [1 / n] * n
    if quadrature == "midpoint":
        return [(k + 0.5) / n for k in range(n)], [1 / n] * n
    if quadrature == "trapezoid":
        weights = [1 / (n - 1)] * n
        weights[0] = weights[-1] = 0.5 / (n - 1)
        return [k / (n - 1) for k in range(n)], weights
    assert quadrature == "gauss-legendre"
    # the roots of the Legendre polynomial P_n, and 2 / ((1 - r²) P_n'(r)²), moved from [-1, 1]
    polynomial = np.polynomial.Legendre.basis(n)
    roots = np.sort(polynomial.roots().real)
    slopes = polynomial.deriv()(roots)
    return list((roots + 1) / 2), list(1 / ((1 - roots**2) * slopes**2))


def along(math, x, start, end, t, at_layer):
    """(end - start) times the gradient at a point between the two."""
    point = start + t * (end - start)
    if at_layer:
        return (end - start) * math.gradient(x, point)
    return (end - start) * math.gradient(point, of="input")


def integrated_gradients(math, x, b, at_layer, quadrature, steps):
    """Sundararajan et al. 2017, equation 1: values, S(x) - S(b), what is missing of it."""
    start, end = (math.layer(b), math.layer(x)) if at_layer else (b, x)
    values = np.zeros(end.shape)
    for t, weight in zip(*points_and_weights(quadrature, steps)):
        values += weight * along(math, x, start, end, t, at_layer)
    difference = math.score(x) - (math.score(x, start) if at_layer else math.score(b))
    return values, difference, difference - values.reshape(len(x), -1).sum(axis=1)


# ------------------------------------------------------------------------------------------- seeds


def suits(toy):
    """Whether all maps of a toy net, with all options, are well conditioned, and none is empty."""
    try:
        return all(
            cam(name, toy.math, toy.numbers, **options).any(axis=(1, 2)).all()
            for name in MAPS
            for options in OPTIONS.values()
        )
    except AssertionError:
        return False


if __name__ == "__main__":
    for net in NETS:
        seeds = (seed for seed in range(10000) if suits(Toy(net, mx.cpu(), seed)))
        print(net, next(seeds))
