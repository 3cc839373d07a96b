"""Whether a net can be explained, and what of it can be trusted: proved, on demand."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Iterator, Mapping

import numpy as np

from ..engine.differences import ROUNDINGS
from ..engine.inputs import Input, as_tuple
from ..engine.rules import DECONVNET, GUIDED, PLAIN, RuleReport
from ..engine.wanted import InputChoice
from ..errors import GradCamError, LayerError, NetworkError
from ..graph.layers import Map
from ..graph.outputs import OutputChoice
from ..graph.own import rounding
from ..graph.sealed import Sealed
from ..graph.trace import Net, trace
from ..methods.needs import Needs
from ..methods.register import METHODS
from ..methods.run import Run
from ..methods.view import View
from ..support import html
from ..support.arrays import numbers_of
from ..support.boundary import told
from ..targets.heads import Targets
from . import check_relevance
from .finding import Finding

DIRECTIONS = 10
CLOSE = 1e-3
"""How far a finite difference may be from the derivative, as a share of the largest; beside it
comes what rounding and kinks do to the difference."""


SIGNS = {True: "yes", False: "NO", None: "not known"}
"""How it is said whether a finding holds."""


@dataclass(frozen=True, repr=False)
class Checked:
    """What `check` found; true if nothing is wrong, and printed as a short report.

    Args:
        findings: what was looked at, and what came of it.
        rules: what the guided rules do at the net's activations; empty where they cannot act.
        methods: which methods explain the net, in words.
    """

    findings: tuple[Finding, ...]
    rules: tuple[RuleReport, ...]
    methods: str

    def __bool__(self) -> bool:
        return all(finding.holds is not False for finding in self.findings)

    def __str__(self) -> str:
        width = max(len(finding.what) for finding in self.findings)
        lines = [
            f"{finding.what:{width}}  {SIGNS[finding.holds]:9}  {finding.said}"
            for finding in self.findings
        ]
        return "\n".join([*lines, *self.below()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [(one.what, SIGNS[one.holds], one.said) for one in self.findings]
        below = "".join(map(html.line, self.below()))
        return html.table(("what was looked at", "holds", "what was found"), rows) + below

    def below(self) -> list[str]:
        """What is said of the rules, and of the methods, below the findings."""
        said = [
            f"{report.rule} rule: changes {_counted(report.changed)}, "
            f"leaves alone {_counted(report.left_alone)}"
            + (f", does not see {_counted(report.not_seen)}" if report.not_seen else "")
            for report in self.rules
        ]
        return [*said, self.methods]


def _counted(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "none"


@told
def check(
    net: Net,
    x: Input,
    target: Targets = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    relevance: bool = False,
) -> Checked:
    """Prove, for a net and an input, what an explanation of it rests on.

    1. What the engine records is what the net itself says, by a way that shares nothing with the
       engine: the Block called as it is, or the untouched Symbol.
    2. Inputs that run together give what they give alone.
    3. Gradients at the input and at the layer are derivatives: for ten random directions d,

           <∂S/∂x, d> = (S(x + h d) - S(x - h d)) / 2h,

       in double precision where the net allows.

    Of a black box, which has no gradients, it is whether it gives the same for the same input, and
    numbers that are finite, in place of 1 and 3.

    4. With `relevance`: what LRP-ε loses on its way through the net, operator by operator, is what
       biases and stabilisers take; and DeepLIFT adds up to the difference of the scores.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        x: (N, C, H, W), preprocessed; not modified.
        target: what is explained; each sample's top class by default.
        layer: the layer whose gradient is checked; by default that of activation maps.
        output: which of several outputs is explained.
        input: which of several inputs attributions are made for.
        relevance: whether to look at relevance too.

    Returns:
        A report that is true if nothing is wrong.

    Raises:
        GradCamError: the net cannot be run on this input at all.

    Example:
        >>> import gradcam_mx as gm, mxnet as mx
        >>> net = gm.nn.HybridSequential()
        >>> net.add(gm.nn.Conv2D(4, 3, activation="relu"), gm.nn.Flatten(), gm.nn.Dense(3))
        >>> net.initialize()
        >>> bool(gm.check(net, mx.nd.random.normal(shape=(1, 3, 8, 8))))
        True
    """
    asked = _Asked(net, x, target, {"output": output, "input": input})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        plain = asked.run(Needs(perturbs=True))
        if asked.is_sealed:
            found = (_forward(plain), _finite(plain), _rows(plain), _NO_GRADIENTS)
            return Checked(found, (), _methods([_NO_GRADIENTS]))
        gradients = [
            _gradient("input", asked, Needs(rules=frozenset({PLAIN})), None),
            _gradient("layer", asked, Needs(layer=True, inside=layer is not None), layer),
        ]
        more = check_relevance.findings(asked.run) if relevance else ()
        return Checked(
            (_forward(plain), _rows(plain), *gradients, *more), _rules(asked), _methods(gradients)
        )


@dataclass(frozen=True)
class _Asked:
    """The net and what is explained of it."""

    net: Net
    x: Input
    target: Targets
    which: Mapping[str, Any]

    def run(self, needs: Needs, layer: Any = None) -> Run:
        """The net, run for a method with such needs."""
        return Run(self.net, self.x, self.target, layer, [needs], **self.which)

    @property
    def is_sealed(self) -> bool:
        """Whether it is a black box."""
        try:
            return isinstance(trace(self.net, len(as_tuple(self.x))), Sealed)
        except NetworkError:  # it runs through its drop-in layers
            return False

    @cached_property
    def in_double(self) -> tuple[_Asked, str]:
        """The same in double precision, as far as the net is a graph; and the coarsest type that
        it computes in."""
        graph = trace(self.net, len(as_tuple(self.x))).in_double()
        arrays = tuple(numbers_of(array).astype("float64") for array in as_tuple(self.x))
        x = arrays if isinstance(self.x, tuple) else arrays[0]
        return replace(self, net=graph, x=x), graph.own.coarsest

    def run_in_double(self, needs: Needs, layer: Any) -> tuple[Run, str]:
        """The net, run in double precision where that is possible; and the type it computes in."""
        try:
            doubled, dtype = self.in_double
            return doubled.run(needs, layer), dtype
        except GradCamError:
            return self.run(needs, layer), "float32"


def _forward(run: View) -> Finding:
    what, proof = "what is explained is what the net says", run.proof
    if proof is None:
        return Finding(what, True, "it runs as it is, through its drop-in layers")
    return Finding(what, True if proof.by else None, proof.said or f"{proof.by} gives the same")


def _finite(run: View) -> Finding:
    holds = bool(np.isfinite(run.output).all())
    said = f"all {run.output.size} numbers" if holds else "some are infinite"
    return Finding("what it gives is finite", holds, said)


_NO_GRADIENTS = Finding(
    "gradients are derivatives", None, "there are none: nothing is known of it but what it gives"
)


def _rows(run: View) -> Finding:
    """Whether variants that run in one chunk give what each gives alone."""
    x = run.x
    draws = np.random.RandomState(0)
    variants = [x * share + draws.normal(scale=0.1 * x.std(), size=x.shape) for share in (0.9, 0)]
    variants = [one.astype(x.dtype) for one in (*variants, x)]

    def scores(batch_size: int, *values: np.ndarray) -> list[np.ndarray]:
        given = [list(one) for one in values]
        return [one[:, 0] for one in run.perturbed(given, batch_size=batch_size, progress=False)]

    alone = np.stack([scores(len(x), one)[0] for one in variants])
    together = np.stack(scores(len(x) * len(variants), *variants))
    gap = abs(alone - together).max() / max(abs(alone).max(), 1e-30)
    holds = bool(gap <= ROUNDINGS * rounding("float32"))
    said = "they give what they give alone" if holds else f"they differ by {gap:.2g} of the score"
    if holds and not run.shares_calls:
        said = "none does: they would, or the net takes so many samples and no other number"
    return Finding("inputs that run together do not touch each other", holds, said)


def _methods(gradients: list[Finding]) -> str:
    if all(finding.holds for finding in gradients):
        return "All methods explain it."
    named = ", ".join(name for name, one in METHODS.items() if one.needs.perturbs)
    return (
        f"Methods that change the input explain it: {named}. Do not trust those that need the "
        "gradients that are not right or not there."
    )


# -- gradients -------------------------------------------------------------------------------------


def _rules(asked: _Asked) -> tuple[RuleReport, ...]:
    rules = (GUIDED, DECONVNET)
    try:
        run = asked.run(Needs(rules=frozenset(rules)))
    except GradCamError:  # they act nowhere
        return ()
    return tuple(map(run.report, rules))


def _gradient(where: str, asked: _Asked, needs: Needs, layer: Any) -> Finding:
    what = f"the gradient at the {where} is the derivative"
    try:
        run, dtype = asked.run_in_double(needs, layer)
        if needs.layer:
            return _against_differences(what, run, run.layer_map, run.layer_gradient, dtype)
        return _against_differences(what, run, run.input_map, run.input_gradient(), dtype)
    except LayerError as error:
        return Finding(what, None, str(error))
    except GradCamError as error:
        return Finding(what, False, str(error))


def _against_differences(
    what: str, run: View, where: Map, gradient: np.ndarray, dtype: str
) -> Finding:
    """Hold a gradient against central differences in random directions."""
    value = run.value(where)
    # so small that few rectifiers change sides, and large beside rounding
    step = rounding(dtype) ** (1 / 2 if dtype == "float64" else 1 / 3)
    draws = np.random.RandomState(0)
    # zeros stay: behind a rectifier they are ties of a max pooling, where there is no derivative
    directions = [
        draws.normal(scale=value.std() or 1, size=value.shape) * (value != 0)
        for _ in range(DIRECTIONS)
    ]
    scores = np.array(list(run.scores_at(where, _moved(value, directions, step), progress=False)))
    start, ahead, behind = scores[0], scores[1::2], scores[2::2]
    differences = (ahead - behind) / (2 * step)
    exact = np.array(
        [(gradient * one).reshape(len(gradient), -1).sum(axis=1) for one in directions]
    )
    noise = 8 * rounding(dtype) * abs(scores).max() / step
    # a rectifier that changes sides within a step shows in the slopes on both sides of it
    kinks = abs(ahead - 2 * start + behind).max() / step
    error, largest = abs(differences - exact).max(), abs(differences).max()
    if error <= CLOSE * largest + noise + kinks:
        share = error / max(largest, noise, 1e-300)
        return Finding(what, True, f"in {DIRECTIONS} random directions, to {share:.1g} ({dtype})")
    place = np.unravel_index(np.argmax(abs(differences - exact)), exact.shape)
    said = (
        f"in a random direction the score rises by {differences[place]:.4g}, the gradient says "
        f"{exact[place]:.4g}"
    )
    return Finding(what, False, said)


def _moved(value: np.ndarray, directions: list[np.ndarray], step: float) -> Iterator[np.ndarray]:
    yield value
    for direction in directions:
        yield (value + step * direction).astype(value.dtype)
        yield (value - step * direction).astype(value.dtype)
