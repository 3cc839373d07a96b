"""What a net really says: its own operators forward in float64, and differences of that.

Nothing here knows a backward pass, and nothing is shared with the package.
"""

from __future__ import annotations

import json
from typing import Any, Callable

import numpy as np
from finite_differences import directional, widened

from gradcam_mx._mxnet import mx

from .recipe import Recipe, symbol

ROUNDING = 3e-7
"""By how much a value in float32 is off, about: five times its last digit, for sums of many."""

STEPS = (1e-6, 1e-7, 1e-8, 1e-9, 1e-5, 1e-4)
"""Of differences: over a larger one a kink of a hundredth would pass for the curvature."""


class Bound:
    """A Symbol with its values, run at inference: `run(values)` gives its outputs.

    Args:
        net: the Symbol.
        values: name → array, for all that it reads.
        dtype: of every float.
    """

    def __init__(self, net: Any, values: dict, dtype: str) -> None:
        self._dtype, self._names = dtype, net.list_inputs()
        self._arrays = {name: mx.nd.array(values[name], dtype=dtype) for name in self._names}
        self._run = mx.nd.CachedOp(net, [])

    def run(self, values: dict, count: int | None = None) -> list[np.ndarray]:
        """The outputs, or the first `count` of them, with some values changed."""
        given = {
            name: mx.nd.array(value, dtype=self._dtype)
            for name, value in values.items()
            if name in self._arrays
        }
        arrays = {**self._arrays, **given}
        with mx.autograd.pause(train_mode=False):
            outs = self._run(*(arrays[name] for name in self._names))
        outs = outs if isinstance(outs, (list, tuple)) else [outs]
        return [out.asnumpy().astype(np.float64) for out in outs[:count]]


class Truth:
    """The explained scores of a recipe, in float64.

    Args:
        recipe: of the net.
        layer: a step that can be moved ("probe"), if any.
        disturbed: a generator; every value in the net is off by about float32's rounding with it,
            always in the same way.
    """

    def __init__(
        self, recipe: Recipe, layer: str = "", disturbed: np.random.RandomState | None = None
    ) -> None:
        self.recipe, self.layer = recipe, layer
        heads = [recipe.explained[recipe.chosen]]
        if layer:
            heads.append((layer, 0))
        net = symbol(recipe, heads, plain=True, probe=layer, noisy=disturbed is not None)
        self.x = {name: recipe.number(name) for name in recipe.inputs}
        values = {**self.x, **{name: recipe.number(name) for name in recipe.parameters}}
        if layer or disturbed is not None:
            names = net.list_arguments()
            known = {name: value.shape for name, value in self.x.items() if name in names}
            shapes = dict(zip(names, net.infer_shape(**known)[0]))
            if layer:
                values["probe"] = np.zeros(shapes["probe"])
            for name in [name for name in shapes if name.startswith("noise_")]:
                values[name] = 1 + ROUNDING * disturbed.normal(size=shapes[name])
        self._bound = Bound(wide(net), values, "float64")
        self.scores, *value = self._bound.run({})
        self.value = value[0] if layer else None

    def at(self, **changed: np.ndarray) -> np.ndarray:
        """The explained output with an input changed, or `probe` added to the layer."""
        return self._bound.run(changed, 1)[0]

    def scores_of(
        self, name: str, changed: np.ndarray, scalars: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """(N,) the scalars with other numbers at an input, or added to the layer ("probe").

        Where samples touch, each is changed beside the others as they are.
        """
        if not self._touch:
            return scalars(self.at(**{name: changed}))
        each = range(self._samples)
        return np.array(
            [scalars(self.at(**{name: self._beside(name, changed, n)}))[n] for n in each]
        )

    @property
    def _touch(self) -> bool:
        """Whether what a sample gives depends on the others."""
        return "rows" in self.recipe.kinds

    @property
    def _samples(self) -> int:
        return next(iter(self.x.values())).shape[0]

    def _as_is(self, name: str) -> np.ndarray:
        return np.zeros_like(self.value) if name == "probe" else self.x[name]

    def _beside(self, name: str, changed: np.ndarray, sample: int) -> np.ndarray:
        """One sample changed, the others as they are."""
        found = self._as_is(name).copy()
        found[sample] = changed[sample]
        return found

    def slope(
        self,
        name: str,
        direction: np.ndarray,
        scalars: Callable[[np.ndarray], np.ndarray],
        at: np.ndarray | None = None,
    ) -> float:
        """d/dh of the scalars' sum along a direction of an input, or of the layer ("probe").

        Where samples touch, it is the sum of what each does to its own scalar.

        Raises:
            ArithmeticError: there is a kink in the way.
        """
        at = self._as_is(name) if at is None else at
        moved = _Moved(self, name)
        if not self._touch:
            if not np.any(direction):
                return 0.0
            return directional(
                moved,
                [at],
                0,
                direction,
                lambda outputs: float(np.sum(scalars(outputs[0]))),
                steps=STEPS,
            )
        total = 0.0
        for n in range(self._samples):
            own = np.zeros_like(direction)
            own[n] = direction[n]
            if np.any(own):
                here = self._beside(name, at, n)
                total += directional(
                    moved,
                    [here],
                    0,
                    own,
                    lambda outputs, n=n: float(scalars(outputs[0])[n]),
                    steps=STEPS,
                )
        return total


class _Moved:
    """What `directional` differentiates."""

    def __init__(self, truth: Truth, name: str) -> None:
        self._truth, self._name = truth, name

    def forward(self, value: np.ndarray) -> list[np.ndarray]:
        return [self._truth.at(**{self._name: value})]


def wide(net: Any) -> Any:
    """The Symbol with float64 wherever it says a narrower float."""
    graph = json.loads(net.tojson(remove_amp_cast=False))
    for node in graph["nodes"]:  # `widened` reads tuples as JSON does
        for key, value in node.get("attrs", {}).items():
            node["attrs"][key] = value.replace(",)", ")")
    return mx.sym.load_json(json.dumps(widened(graph)))


def own_forward(recipe: Recipe, net: Any) -> np.ndarray:
    """The chosen output of the untouched Symbol, in the net's own type (float32 for float16, which
    few operators know on a CPU).

    Raises:
        mx.MXNetError: the net does not run.
    """
    values = {name: recipe.number(name) for name in (*recipe.inputs, *recipe.parameters)}
    values.update({name: np.zeros(shape) for name, shape in recipe.labels.items()})
    dtype = "float32" if recipe.dtype == "float16" else recipe.dtype
    arrays = {name: mx.nd.array(value, dtype=dtype) for name, value in values.items()}
    given = [{n: arrays[n] for n in names} for names in named(net)]
    bound = net.bind(mx.cpu(), given[0], aux_states=given[1], grad_req="null")
    outs = bound.forward(is_train=False)
    return outs[recipe.chosen].asnumpy().astype(np.float64)


def named(net: Any) -> tuple[list[str], list[str]]:
    """The names of a Symbol's arguments, and of its auxiliary states."""
    return net.list_arguments(), net.list_auxiliary_states()
