"""A net as a list of steps, which becomes a Symbol, a Gluon block or files.

One recipe is written down in several ways, and the reference is made of it in another (`plain`),
so that what is explained and what it is compared with share the recipe alone.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradcam_mx._mxnet import mx

Ref = "tuple[str, int]"
"""A value: the name of a step or of a variable, and which of its outputs."""


@dataclass
class Step:
    """One operator: its inputs are data first, then parameters, in MXNet's order."""

    op: str
    name: str
    inputs: list
    attrs: dict = field(default_factory=dict)
    body: list | None = None
    """The steps of a loop's body, which reads "item" and "state"; its last step is both results."""


@dataclass
class Recipe:
    """A net, its parameters and one batch for it."""

    seed: int
    dtype: str = "float32"
    form: str = "symbol"
    """How it is handed over: symbol, spelled, files, block or hybridized."""
    inputs: dict = field(default_factory=dict)
    """name → array (float64, or whole numbers), in the order of the call."""
    steps: list = field(default_factory=list)
    parameters: dict = field(default_factory=dict)
    auxiliary: set = field(default_factory=set)
    labels: dict = field(default_factory=dict)
    """name → shape of what only a loss head reads."""
    heads: list = field(default_factory=list)
    """The outputs of the net."""
    explained: list = field(default_factory=list)
    """For each head the value that is explained: in front of a softmax, sigmoid or loss."""
    chosen: int = 0
    """Which output is explained."""
    channels_last: bool = False
    """Whether the (first) input is (N, H, W, C)."""
    samples_at: int = 0
    """Which axis of the explained output holds the samples; -1: they are folded in axis 0."""
    kinds: set = field(default_factory=set)
    layers: list = field(default_factory=list)
    """Names of the steps whose output is a map (N, C, *positions); (N, H, W, C) if the input is."""

    def number(self, name: str) -> np.ndarray:
        """A parameter or float input as the net has it: rounded to the net's type, in float64."""
        return rounded(self.parameters.get(name, self.inputs.get(name)), self.type_of(name))

    def type_of(self, name: str) -> str:
        """The type of a parameter or input: batch norm has no float16 parameters in MXNet."""
        narrow = self.dtype == "float16" and name.startswith("batchnorm")
        return "float32" if narrow else self.dtype

    def copy(self) -> Recipe:
        """A copy to be changed."""
        return copy.deepcopy(self)

    def pruned(self) -> Recipe:
        """Without the steps, parameters and layers that no head needs."""
        new = self.copy()
        wanted = {ref[0] for ref in (*new.heads, *new.explained)}
        kept: list[Step] = []
        for step in reversed(new.steps):
            if step.name in wanted:
                kept.append(step)
                wanted |= set(read_by(step))
        new.steps = kept[::-1]
        new.parameters = {name: v for name, v in new.parameters.items() if name in wanted}
        new.auxiliary &= wanted
        new.labels = {name: v for name, v in new.labels.items() if name in wanted}
        new.layers = [name for name in new.layers if name in wanted]
        return new

    def __str__(self) -> str:
        """The net as a list to be read, a line a step."""
        lines = [
            f"{self.form} {self.dtype} kinds={sorted(self.kinds)}",
            *(
                f"  {name} = input{value.shape} {value.dtype}"
                for name, value in self.inputs.items()
            ),
        ]
        for step in self.steps:
            lines += described(step, self.parameters, "  ")
        lines.append(f"  outputs {self.heads}, explained {self.explained[self.chosen]}")
        return "\n".join(lines)


def described(step: Step, parameters: dict, indent: str) -> list[str]:
    """A step, and the steps of its body, as lines to be read."""
    read = ", ".join(
        f"{name}{parameters[name].shape}" if name in parameters else f"{name}[{at}]" if at else name
        for name, at in step.inputs
    )
    attrs = ", ".join(f"{key}={value!r}" for key, value in step.attrs.items())
    lines = [f"{indent}{step.name} = {step.op}({read}{'; ' if attrs else ''}{attrs})"]
    for inner in step.body or ():
        lines += described(inner, parameters, indent + "    ")
    return lines


def read_by(step: Step) -> list[str]:
    """The names of all that a step reads, in its body too."""
    return [ref[0] for ref in step.inputs] + [
        name for inner in step.body or () for name in read_by(inner)
    ]


def rounded(value: np.ndarray, dtype: str) -> np.ndarray:
    """A float array as numbers that `dtype` has, in float64; whole numbers stay."""
    return value if value.dtype.kind == "i" else value.astype(dtype).astype(np.float64)


def operator(space: Any, name: str) -> Any:
    """An operator by its name, wherever MXNet keeps it."""
    for place in (space, space.contrib, space._internal):
        if hasattr(place, name):
            return getattr(place, name)
    raise AttributeError(name)


def applied(
    space: Any,
    steps: list,
    values: dict,
    plain: bool = False,
    probe: str = "",
    noisy: bool = False,
) -> None:
    """Run steps in mx.sym or mx.nd; `values` maps references to values and is filled.

    Args:
        space: mx.sym or mx.nd.
        steps: to run in turn.
        values: reference → value.
        plain: for the reference: channels last through transposes, since MXNet cannot run them.
        probe: a step, to whose output the variable "probe" is added.
        noisy: whether every value is multiplied by a variable, "noise_…".
    """
    for step in steps:
        read = [values[tuple(ref)] for ref in step.inputs]
        if step.body is not None:
            out = loop(space, step, read, values, plain)
        elif plain and step.attrs.get("layout") == "NHWC":
            out = channels_first(space, step, read)
        elif plain and step.op == "LeakyReLU" and step.attrs["act_type"] == "rrelu":
            slope = (step.attrs["lower_bound"] + step.attrs["upper_bound"]) / 2
            out = space.LeakyReLU(*read, act_type="leaky", slope=slope, name=step.name)
        elif plain and step.op == "BatchNorm_v1":  # which has no float64
            out = space.BatchNorm(*read, name=step.name, **step.attrs)
        else:
            if step.op == "BatchNorm_v1":
                read = read[:3]  # it takes no names for its statistics, and makes those we have
            out = operator(space, step.op)(*read, name=step.name, **step.attrs)
        outs = list(out) if isinstance(out, (list, tuple)) or len(out_names(out)) > 1 else [out]
        if noisy:
            outs = [
                mx.sym.elemwise_mul(one, mx.sym.var(f"noise_{step.name}_{at}"))
                for at, one in enumerate(outs)
            ]
        if step.name == probe:
            outs[0] = outs[0] + values[("probe", 0)]
        values.update({(step.name, at): value for at, value in enumerate(outs)})


def out_names(out: Any) -> list[str]:
    """The names of a Symbol's outputs; one for an array."""
    return out.list_outputs() if isinstance(out, mx.sym.Symbol) else [""]


def loop(space: Any, step: Step, read: list, values: dict, plain: bool) -> Any:
    """`foreach` over the first input, with the second as state."""

    def body(item: Any, state: Any) -> Any:
        inner = {**values, ("item", 0): item, ("state", 0): state}
        applied(space, step.body, inner, plain)
        last = inner[(step.body[-1].name, 0)]
        return last, last

    outs, state = space.contrib.foreach(body, read[0], read[1])
    return [outs, state]


def channels_first(space: Any, step: Step, read: list) -> Any:
    """A convolution or pooling of (N, H, W, C) by one of (N, C, H, W)."""
    attrs = {key: value for key, value in step.attrs.items() if key != "layout"}
    first = [space.transpose(read[0], axes=(0, 3, 1, 2))]
    if step.op == "Convolution":
        first.append(space.transpose(read[1], axes=(0, 3, 1, 2)))
        first += read[2:]
    out = operator(space, step.op)(*first, **attrs)
    return space.transpose(out, axes=(0, 2, 3, 1), name=step.name)


def symbol(
    recipe: Recipe, heads: list, plain: bool = False, probe: str = "", noisy: bool = False
) -> Any:
    """The Symbol of some values of a recipe."""
    names = [*recipe.inputs, *recipe.parameters, *recipe.labels, "probe"]
    values = {(name, 0): mx.sym.var(name) for name in names}
    with mx.name.NameManager():
        applied(mx.sym, recipe.steps, values, plain, probe, noisy)
    found = [values[tuple(ref)] for ref in heads]
    return found[0] if len(found) == 1 else mx.sym.Group(found)


class Made(mx.gluon.HybridBlock):
    """A recipe as a Gluon block."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(prefix="")
        self._recipe = recipe
        for name, value in recipe.parameters.items():
            own = self.params.get(
                name,
                shape=value.shape,
                dtype=recipe.type_of(name),
                grad_req="null" if name in recipe.auxiliary else "write",
                differentiable=name not in recipe.auxiliary,
            )
            setattr(self, name, own)
        self.initialize()
        for name, value in recipe.parameters.items():
            getattr(self, name).set_data(mx.nd.array(value, dtype=recipe.type_of(name)))

    def hybrid_forward(self, F: Any, x: Any, *more: Any, **parameters: Any) -> Any:
        """The steps, in F."""
        given = dict(zip(self._recipe.inputs, (x, *more)))
        values = {(name, 0): value for name, value in {**given, **parameters}.items()}
        applied(F, self._recipe.steps, values)
        found = [values[tuple(ref)] for ref in self._recipe.heads]
        return found[0] if len(found) == 1 else found
