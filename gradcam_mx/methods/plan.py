"""The plan of an explanation: which methods, with which options, of which layers.

Whoever explains makes a plan, and nobody else puts a run together: the public functions, `explain`,
batches of photos, snapshots of a training, comparisons.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

import numpy as np

from ..engine.check import NO_DERIVATIVE, check_finite
from ..engine.inputs import Input
from ..engine.wanted import Check, InputChoice
from ..explanation.explanation import Explanation
from ..graph.outputs import OutputChoice
from ..graph.trace import Net
from ..picture import ShownDict, ShownList
from ..support.labels import Names
from ..targets.given import gives_list
from ..targets.heads import Targets
from . import fusion, inputs
from .options import Options, check_of_shape, checked
from .recorded import Recorded
from .register import Found, Method, Result, find_method
from .run import recorded_for
from .view import View, first_map


class Explained(NamedTuple):
    """What a plan found for one input, and the run that it found it on."""

    found: Mapping[str, Sequence[Found]]
    """Name of a method → for each target what it found."""
    run: View
    """Scores, probabilities, maps: what the net said."""
    of_several: bool
    """Whether several targets were asked for."""

    @property
    def explanations(self) -> dict[str, Any]:
        """Name → explanation; a list of them for several layers or targets, of lists for several
        of both."""
        return ShownDict(
            (name, ShownList(each) if self.of_several else each[0])
            for name, each in self.found.items()
        )

    def first(self, name: str) -> Explanation:
        """What a method found for the first target and layer.

        Args:
            name: of the method.
        """
        found = self.found[name][0]
        return found[0] if isinstance(found, list) else found


class Plan:
    """These methods, with these options, of these layers: for any net, input and target.

    Everything that can be told without an input is checked when it is made, once for all inputs.

    Args:
        methods: names out of `METHODS`, or methods themselves.
        layer: for the methods that explain a layer; by default the last before the global pool.
            With a list of layers these methods give a list of explanations.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, by number or name; several of
            them, or "all", give a list with an explanation for each.
        fuse: "mean", "max" or "product" joins the maps of a list of layers.
        options: name of a method → its own options.
        inside: whether methods that can explain a layer as well as the input explain the layer.
        names: those of the classes, as targets ask for them; by default the net's own.
        checks: what looks at the shape of an input before anything is computed, besides those of
            the methods.

    Raises:
        MethodError: there is no such method, option or fusion, or nothing that `fuse` could join.

    Example:
        >>> import mxnet as mx
        >>> from gradcam_mx.methods import Plan
        >>> net = mx.gluon.model_zoo.vision.resnet18_v1()
        >>> net.initialize()
        >>> plan = Plan(["grad_cam", "saliency"], "features.7")
        >>> found = [plan.run(net, mx.nd.random.normal(shape=(1, 3, 64, 64))) for _ in range(2)]
        >>> found[1].explanations["grad_cam"].layer, found[1].run.output.shape
        ('features.7', (1, 1000))
    """

    def __init__(
        self,
        methods: Iterable[str | Method],
        layer: Any = None,
        *,
        output: OutputChoice = None,
        input: InputChoice = None,
        fuse: str | None = None,
        options: Options = MappingProxyType({}),
        inside: bool = False,
        names: Names | None = None,
        checks: Sequence[Check] = (),
    ) -> None:
        chosen = [find_method(one) if isinstance(one, str) else one for one in methods]
        if inside:
            chosen = [_of_a_layer(one) for one in chosen]
        self._options = checked(chosen, options)
        chosen = [_with_options(one, self._options[one.name]) for one in chosen]
        self.methods = tuple({one.name: one for one in chosen}.values())
        """Each of the methods once, with what it needs here."""
        fusion.check(fuse, layer, self.methods)
        inputs.check(input, self.methods)
        self.checks = (
            *checks,
            *(
                each
                for one in self.methods
                for each in check_of_shape(one, self._options[one.name])
            ),
        )
        """What looks at the shape of an input before anything is computed."""
        self._layer, self._output, self._input, self._fuse = layer, output, input, fuse
        self._names = names

    @property
    def layers(self) -> list[Any]:
        """The layers that are explained, as they were named; none if no method needs one."""
        if not any(one.needs.layer for one in self.methods):
            return []
        return list(self._layer) if self._has_a_list else [self._layer]

    def apart(self) -> dict[str, Plan]:
        """Name of a method → the plan of that method alone."""
        return {
            one.name: Plan(
                [one],
                self._layer,
                output=self._output,
                input=self._input,
                fuse=self._fuse if one.needs.layer else None,
                options={one.name: self._options[one.name]},
                names=self._names,
            )
            for one in self.methods
        }

    def run(self, net: Net, x: Input, target: Targets = None) -> Explained:
        """Explain an input.

        Args:
            net: a Block, a Graph, or (symbol, arg_params, aux_params).
            x: (N, C, H, W), preprocessed; not modified. A tuple for a net of several inputs.
            target: what is explained; each sample's top class by default.

        Raises:
            LayerError, TargetError, InputError, NetworkError, RuleError, MethodError: what they
                say, before anything changes.
        """
        return self.explain(self.record(net, x, target), target)

    def start(self, net: Net, x: Input, target: Targets = None) -> View:
        """What the methods would draw on, each thing to be computed when it is asked for.

        Args:
            net: a Block, a Graph, or (symbol, arg_params, aux_params).
            x: (N, C, H, W), preprocessed; not modified. A tuple for a net of several inputs.
            target: what is explained; each sample's top class by default.
        """
        return self.view(self.record(net, x, target), target)

    def record(
        self, net: Net, x: Input, target: Targets = None, also: Sequence[OutputChoice] = ()
    ) -> Recorded:
        """Run the net once, for `explain`.

        Args:
            net: a Block, a Graph, or (symbol, arg_params, aux_params).
            x: (N, C, H, W), preprocessed; not modified. A tuple for a net of several inputs.
            target: what is explained, or another target that reads the same outputs.
            also: outputs whose values are read too, though they are not explained.
        """
        return recorded_for(
            net,
            x,
            target,
            self._layer,
            [one.needs for one in self.methods],
            output=self._output,
            input=self._input,
            checks=self.checks,
            also=also,
            names=self._names,
        )

    def explain(self, recorded: Recorded, target: Targets = None) -> Explained:
        """Explain the input of a net that `record` ran.

        Args:
            recorded: what `record` gave.
            target: what is explained.
        """
        run = self.view(recorded, target)
        views = run.for_each_target(recorded.targets(target))
        found = {one.name: self._found(one, run, views) for one in self.methods}
        return Explained(found, run, gives_list(target))

    @property
    def _has_a_list(self) -> bool:
        return isinstance(self._layer, (list, tuple))

    def view(self, recorded: Recorded, target: Targets = None) -> View:
        """What the methods draw on, of a net that `record` ran.

        Args:
            recorded: what `record` gave.
            target: what is explained.
        """
        heads = recorded.heads(recorded.targets(target))
        return View(recorded, heads, first_map(recorded), {})

    def _found(self, method: Method, run: View, views: Sequence[View]) -> list[Found]:
        """What a method finds for each target."""
        if not method.needs.perturbs:
            return [self._of_target(method, view) for view in views]
        results = method.formula(run, **self._options[method.name])
        return [self._explanation(method, view.at(None), one) for view, one in zip(views, results)]

    def _of_target(self, method: Method, view: View) -> Found:
        is_of_layer = method.needs.layer and not (method.needs.does_without and not view.maps)
        if not is_of_layer:
            explained = self._computed(method, view.at(None))
            return inputs.apart(explained, view) if inputs.are_several(self._input) else explained
        maps = [view.pooled()[0]] if method.needs.pooled else view.maps
        found = [self._computed(method, view.at(one)) for one in maps]
        if not self._has_a_list:
            return found[0]
        return ShownList(found) if self._fuse is None else fusion.fused(found, self._fuse)

    def _computed(self, method: Method, view: View) -> Explanation:
        values = method.formula(view, **self._options[method.name])
        return self._explanation(method, view, values)

    def _explanation(self, method: Method, view: View, found: Any) -> Explanation:
        result = found if isinstance(found, Result) else Result(found, {})
        otherwise = f"all that the net gives are numbers. Of gradients: {NO_DERIVATIVE}"
        check_finite([result.values], view.origin, f"what {method.name} finds", otherwise)
        changes = (one for one in method.needs.rules if not (one.is_plain or one.needs_graph))
        rule = next(changes, None)
        return Explanation(
            np.ascontiguousarray(result.values, dtype=np.float32),
            method.name,
            view.target,
            view.score.astype(view.precision),
            view.input_size,
            layer=view.map.name if view.map else None,
            options=dict(self._options[method.name]),
            rule_report=view.report(rule) if rule else None,
            output=view.output_name,
            input=view.input_name,
            details={**result.details, **({} if view.rows is None else {"rows": view.rows})},
            signed=result.signed,
            title=method.title,
            of_values=method.needs.inside,
            class_names=view.class_names,
            centres=view.centres,
            geometry=view.geometry,
        )


def _of_a_layer(method: Method) -> Method:
    """A method as it is where it explains a layer, if it can."""
    needs = method.needs
    return replace(method, needs=replace(needs, layer=needs.layer or needs.inside))


def _with_options(method: Method, options: Mapping[str, Any]) -> Method:
    """A method as it is with options that were given."""
    return replace(method, needs=method.needs.with_options({**method.options, **options}))
