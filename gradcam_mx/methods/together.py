"""Several methods on one run of a net."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Iterable, Mapping

from ..engine.inputs import Input
from ..engine.wanted import InputChoice
from ..graph.outputs import OutputChoice
from ..graph.trace import Net
from ..support.boundary import told
from ..support.labels import Names
from ..targets.heads import Targets
from .plan import Plan


@told
def explain(
    net: Net,
    x: Input,
    methods: str | Iterable[str],
    target: Targets = None,
    layer: Any = None,
    *,
    output: OutputChoice = None,
    input: InputChoice = None,
    fuse: str | None = None,
    names: Names | None = None,
    options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Any:
    """Several methods on one run of the net: name → Explanation; of one name, the Explanation.

    They share the forward pass, and each backward pass that two of them need.

    Args:
        net: a Block, a Graph, or (symbol, arg_params, aux_params).
        x: (N, C, H, W), preprocessed; not modified. A tuple for a net of several inputs.
        methods: names out of `METHODS`, in a list, which gives a dictionary; or one name.
        target: what is explained; each sample's top class by default. With several targets
            (`gm.targets.Several`, `Top`) each method gives a list of explanations.
        layer: for the methods that explain a layer; by default the last before the global pool.
            With a list of layers these methods give a list of explanations. Methods that can
            explain a layer as well as the input explain the input.
        output: which of several outputs is explained, by number or name; or "probability".
        input: which of several inputs attributions are made for, by number or name; for methods
            that attribute to inputs by gradients, a list of them or "all" gives lists.
        fuse: "mean", "max" or "product" joins the maps of several layers at the input's size.
        names: of the classes: a list, a function from ids, or the path of a text file; `target` may
            ask by them. By default those that the net has as its `class_names`.
        options: name of a method → its own options.

    Raises:
        MethodError: there is no such method, or a method has no such option; `fuse` without a list
            of layers.
        LayerError, TargetError, InputError, NetworkError, RuleError: what they say.

    Example:
        >>> found = gm.explain(net, x, ["grad_cam", "saliency"])     # doctest: +SKIP
        >>> found["grad_cam"].layer                                  # doctest: +SKIP
        'features.7'
        >>> gm.explain(net, x, "saliency", "tabby").target           # doctest: +SKIP
        [281]
    """
    chosen = [methods] if isinstance(methods, str) else list(methods)
    plan = Plan(chosen, layer, output=output, input=input, fuse=fuse, options=options, names=names)
    found = plan.run(net, x, target).explanations
    return found[methods] if isinstance(methods, str) else found
