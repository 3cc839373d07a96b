"""A net, run once for methods that need that of it."""

from __future__ import annotations

from functools import partial
from typing import Any, Iterable, Sequence

from ..engine.failures import failures_told
from ..engine.inputs import Input
from ..engine.rules import Rule
from ..engine.several_inputs import record
from ..engine.wanted import Check, InputChoice, Wanted
from ..graph.outputs import OutputChoice
from ..graph.trace import Net
from ..support.labels import Names
from ..targets.given import Asked
from ..targets.heads import Targets
from ..targets.names import ClassNames
from . import black_boxes
from .needs import Needs
from .recorded import Recorded, say_which_output
from .view import View, first_map


class Run(View):
    """One net, one input, one target, and the gradients that come back.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        x: (N, C, H, W), preprocessed; not modified.
        target: what is explained; each sample's top class by default.
        layer: a layer, or a list of them; explained are those only if some method needs one.
        needs: of the methods that will be computed.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, by number or name; or several.
        checks: of their options, before anything is computed.
    """

    def __init__(
        self,
        net: Net,
        x: Input,
        target: Targets = None,
        layer: Any = None,
        needs: Iterable[Needs] = (),
        *,
        output: OutputChoice = None,
        input: InputChoice = None,
        checks: Sequence[Check] = (),
    ) -> None:
        recorded = recorded_for(
            net, x, target, layer, list(needs), output=output, input=input, checks=checks
        )
        heads_found = recorded.heads(recorded.targets(target))
        super().__init__(recorded, heads_found, first_map(recorded), {})


def recorded_for(
    net: Net,
    x: Input,
    target: Targets,
    layer: Any,
    needs: Sequence[Needs],
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    checks: Sequence[Check] = (),
    also: Sequence[OutputChoice] = (),
    names: Names | None = None,
) -> Recorded:
    """The net, run once for methods that need that of it; the arguments are those of a `Run`.

    Args:
        also: outputs whose values are read too, though they are not explained.
        names: those of the classes; by default the net's own.
    """
    needs = black_boxes.fitting(net, needs, layer)
    asked = list(layer) if isinstance(layer, (list, tuple)) else [layer]
    rules: frozenset[Rule] = frozenset().union(*(need.rules for need in needs))
    layers = asked if any(need.layer for need in needs) else ()
    targets = Asked(target, output)
    only_forward = bool(needs) and all(need.is_forward_only for need in needs)
    part = None
    if targets.is_mixed and (layers or not only_forward):
        # this run gives the values; those of its parts, which read the same outputs, the gradients
        # and the default layers
        part = partial(recorded_for, net, x, layer=layer, needs=needs, input=input, names=names)
        layers, rules = (), frozenset()
    with failures_told("forward"):
        differentiates = any(need.layer and need.gradient for need in needs)
        # what is attributed to each value of a layer needs no positions there
        maps = any(need.layer and not need.inside for need in needs)
        wanted = Wanted(layers, rules, targets.reads, input, checks, also, differentiates, maps)
        recording = record(net, x, wanted)
        targets.check(recording.outputs)
    called = ClassNames.of(net, names)
    recorded = Recorded(
        recording, asked, recording.maps, rules, output, not only_forward, part, called
    )
    recorded.given = x
    if targets.takes_first_output:
        say_which_output(recording.output_names)
    return recorded
