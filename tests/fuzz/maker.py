"""A random recipe from a seed: how steps are added, and which pieces are chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

from gradcam_mx._mxnet import mx

from .recipe import Recipe, Step, applied

MOST = 6000
"""Numbers in a value: more would take time and find nothing."""

CHANNELS = (3, 4, 5, 8, 12, 16, 24)


class Unfit(Exception):
    """The piece does not fit here; another one is tried."""


@dataclass
class Value:
    """A value in the net that is being made."""

    ref: tuple
    shape: tuple

    @property
    def rank(self) -> int:
        """How many axes there are behind samples and channels."""
        return len(self.shape) - 2

    @property
    def channels(self) -> int:
        """The length of axis 1."""
        return self.shape[1]

    @property
    def size(self) -> tuple:
        """The lengths of the axes behind the channels."""
        return self.shape[2:]


@dataclass
class Piece:
    """A few operators that go together."""

    make: Callable[..., Value]
    kind: str
    ranks: tuple
    weight: float


PIECES: list[Piece] = []


def piece(kind: str = "plain", ranks: tuple = (1, 2, 3), weight: float = 1.0) -> Callable:
    """Register a function (maker, value) → value among the pieces.

    Args:
        kind: the switch that it belongs to.
        ranks: of the maps that it takes.
        weight: how often it is chosen.
    """

    def register(make: Callable) -> Callable:
        PIECES.append(Piece(make, kind, ranks, weight))
        return make

    return register


class Maker:
    """What a recipe is made with.

    Args:
        seed: everything follows from it.
        kinds: the switches that are on.
    """

    def __init__(self, seed: int, kinds: frozenset) -> None:
        self.rng = np.random.RandomState(seed)
        self.kinds = kinds
        self.recipe = Recipe(seed)
        self.batch = int(self.rng.choice([1, 2, 3], p=[0.3, 0.5, 0.2]))

    def chance(self, share: float) -> bool:
        """True in this share of the cases."""
        return bool(self.rng.rand() < share)

    def pick(self, choices: Any) -> Any:
        """One of several."""
        choices = list(choices)
        return choices[self.rng.randint(len(choices))]

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high."""
        return int(self.rng.randint(low, high + 1))

    def input(self, name: str, shape: tuple, below: int = 0) -> Value:
        """An input: normal numbers, or whole ones from 0 to `below` - 1."""
        numbers = self.rng.randint(0, below, shape) if below else self.rng.normal(size=shape)
        self.recipe.inputs[name] = numbers
        return Value((name, 0), shape)

    def parameter(self, name: str, shape: tuple, auxiliary: bool = False) -> str:
        """A parameter with numbers that its name calls for."""
        rng, ends = self.rng, name.endswith
        if ends("gamma"):
            numbers = rng.uniform(0.5, 1.5, shape)
        elif ends("moving_var"):
            numbers = rng.uniform(0.4, 2.0, shape)
        elif ends("weight"):
            numbers = rng.normal(size=shape) * (1.6 / max(1, np.prod(shape[1:]))) ** 0.5
        else:
            numbers = rng.normal(size=shape) * 0.3
        self.recipe.parameters[name] = numbers
        if auxiliary:
            self.recipe.auxiliary.add(name)
        return name

    def add(self, op: str, *read: Value, weights: list | None = None, **attrs: Any) -> Value:
        """A step; the first of its outputs."""
        return self.several(op, *read, weights=weights, **attrs)[0]

    def several(self, op: str, *read: Value, weights: list | None = None, **attrs: Any) -> list:
        """A step, all its outputs; parameters are made, or are those of another step.

        Raises:
            Unfit: MXNet does not take it for these shapes.
        """
        name = f"{op.strip('_').lower()}{len(self.recipe.steps)}"
        here = [f"in{at}" for at in range(len(read))]
        step = Step(op, name, [(given, 0) for given in here], attrs)
        values = {(given, 0): mx.sym.var(given) for given in here}
        try:
            applied(mx.sym, [step], values)
            outs = [value for ref, value in values.items() if ref[0] == name]
            made = mx.sym.Group(outs)
            shapes = made._infer_shape_impl(False, **{g: v.shape for g, v in zip(here, read)})
        except (mx.MXNetError, ValueError, TypeError) as error:
            raise Unfit(op) from error
        if None in shapes or any(0 in s or np.prod(s) > MOST for s in shapes[1]) or not shapes[1]:
            raise Unfit(op)
        known = dict(zip(made.list_arguments(), shapes[0]))
        known.update(zip(made.list_auxiliary_states(), shapes[2]))
        wanted = [given for given in made.list_inputs() if given not in here]
        if weights is not None:
            if [self.recipe.parameters[w].shape for w in weights] != [known[w] for w in wanted]:
                raise Unfit("the weights have other shapes")
        else:
            auxiliary = made.list_auxiliary_states()
            weights = [self.parameter(w, known[w], w in auxiliary) for w in wanted]
        step.inputs = [value.ref for value in read] + [(weight, 0) for weight in weights]
        self.recipe.steps.append(step)
        return [Value((name, at), shape) for at, shape in enumerate(shapes[1])]

    def weights_of(self, value: Value) -> list:
        """The names of the parameters of the step that gave a value."""
        (step,) = (step for step in self.recipe.steps if step.name == value.ref[0])
        return [name for name, _ in step.inputs if name in self.recipe.parameters]

    def use(self, kind: str) -> None:
        """Note that a switch is used.

        Raises:
            Unfit: it is off.
        """
        if kind not in self.kinds:
            raise Unfit(kind)
        self.recipe.kinds.add(kind)

    def reduction(self, *choices: str) -> str:
        """One of several reductions; those whose gradient MXNet gets wrong have switches."""
        switch = {"max": "ties", "min": "ties", "prod": "prod"}
        on = [name for name in choices if switch.get(name, "plain") in self.kinds]
        chosen = self.pick(on)
        self.recipe.kinds.add(switch.get(chosen, "plain"))
        return chosen

    def layer(self, value: Value) -> Value:
        """Note that a value is a map that can be asked for."""
        samples = value.shape[0] == self.batch
        (op,) = (step.op for step in self.recipe.steps if step.name == value.ref[0])
        if op == "Dropout":  # inference has none, so it is no layer
            return value
        if samples and value.rank >= 1 and np.prod(value.size) > 1 and value.ref[1] == 0:
            self.recipe.layers.append(value.ref[0])
        return value

    def grow(self, value: Value, pieces: int) -> Value:
        """Some pieces after a value, each of any that fits."""
        for _ in range(pieces):
            value = self.one(value)
        return value

    def one(self, value: Value) -> Value:
        """One piece after a value; the value itself if none of ten fits."""
        fit = [p for p in PIECES if value.rank in p.ranks and p.kind in self.kinds]
        odds = np.array([p.weight for p in fit])
        for _ in range(10):
            chosen = fit[self.rng.choice(len(fit), p=odds / odds.sum())]
            before = self.recipe.copy()
            try:
                made = chosen.make(self, value)
                if made.rank < 1 or np.prod(made.size) < 2:
                    raise Unfit("too small")
            except Unfit:
                self.recipe = before
                continue
            self.recipe.kinds.add(chosen.kind)
            return self.layer(made)
        return value
