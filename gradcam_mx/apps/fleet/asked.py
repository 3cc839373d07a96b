"""What is asked of every sample of a data set, and the hashes that tell whether it changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Mapping

import numpy as np

from ... import zoo
from ..._mxnet import mx
from ..._version import __version__
from ...graph.digest import Digest
from ...graph.graph import Graph
from ...methods import METHODS, Plan
from ...methods.options import Options
from ...metrics import METRICS
from ...support.devices import checked_context
from ..provenance import encoded
from .identity import identity, source_of

LABEL = "label"
"""The target that is each sample's true class."""


@dataclass(frozen=True)
class Asked:
    """What is asked of every sample; it goes to other processes as it is."""

    graph: Graph
    net: Digest
    """The hashes of the network."""
    input_shape: tuple[int, ...]
    """Of one sample, (C, H, W)."""
    methods: tuple[str, ...]
    preprocess: zoo.Preprocess | None = None
    """How photos are prepared; None if the samples are ready for the net."""
    options: Options = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    metric_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    target: Any = None
    """What is explained; None for the top class, "label" for the true one."""
    layer: str | None = None
    output: int | str | None = None
    full: frozenset[str] = frozenset()
    """The methods of which all values are kept."""
    top: int = 5
    """How many classes are kept of what the net says."""
    batch_size: int = 8
    """How many samples run in one call of the net, where that changes nothing."""
    bits: int | None = None
    """How many bits the numbers have in photos of 16 bits; None for all."""
    gpu: int | None = None
    """The number of the GPU that the net is brought to; None for where its parameters are."""
    modules: tuple[str, ...] = ()
    """Those whose import registers the methods and measures of somebody's own."""

    def __getstate__(self) -> dict[str, Any]:
        # what was made of the fields is made anew where it goes, but for the hashes: all that work
        # for a run have the same
        _ = self.digest
        kept = {name: vars(self)[name] for name in (*(one.name for one in fields(self)), "_hashes")}
        return {**kept, "graph": _of_arrays(self.graph)}

    @cached_property
    def placed(self) -> Graph:
        """The network, where it computes."""
        return self.graph if self.gpu is None else self.graph.on(checked_context(mx.gpu(self.gpu)))

    @cached_property
    def plan(self) -> Plan:
        """How samples are explained."""
        return Plan(self.methods, self.layer, output=self.output, options=self.options)

    def plan_of(self, methods: tuple[str, ...]) -> Plan:
        """How samples are explained by some of the methods.

        Args:
            methods: their names.
        """
        options = {name: self.options[name] for name in methods if name in self.options}
        return Plan(methods, self.layer, output=self.output, options=options)

    @cached_property
    def in_a_call(self) -> int:
        """How many samples run in one call: one, unless each is explained as it is alone."""
        are_alone = any(METHODS[name].is_alone for name in self.methods)
        return 1 if are_alone or self.metrics else self.batch_size

    @cached_property
    def options_of_metrics(self) -> dict[str, dict[str, Any]]:
        """Name of a measure → its options; no bars are drawn."""
        return {
            name: {
                **({"progress": False} if "progress" in METRICS[name].options else {}),
                **self.metric_options.get(name, {}),
            }
            for name in self.metrics
        }

    # -- hashes ------------------------------------------------------------------------------------

    @cached_property
    def digest(self) -> str:
        """Of all that results depend on besides the samples."""
        parts = [self._of_prediction, *(self._of_method(one) for one in self.methods)]
        return hashlib.sha256("".join(parts).encode()).hexdigest()

    def key(self, sha256: str, label: int | None, method: str | None = None) -> str:
        """Of all that a result of one sample depends on.

        Args:
            sha256: of the sample as it is stored.
            label: its true class, if that is known.
            method: the one whose map it is; None for what the net says.
        """
        of = self._of_prediction if method is None else self._of_method(method)
        explained = label if self.target == LABEL and method is not None else None
        return hashlib.sha256(f"{of}{sha256}{explained}".encode()).hexdigest()[:32]

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return {}

    @property
    def _of_prediction(self) -> str:
        return self._kept(
            "",
            {
                "version": __version__,
                "net": list(self.net),
                "preprocess": identity(self.preprocess),
                "bits": self.bits,
                "shape": list(self.input_shape),
                "target": identity(self.target),
                "output": self.output,
                "top": self.top,
            },
        )

    def _of_method(self, method: str) -> str:
        return self._kept(
            method,
            {
                "of": self._of_prediction,
                "method": method,
                "options": identity(self.options.get(method, {})),
                "code": self._code_of(METHODS[method].formula),
                "layer": self.layer if METHODS[method].needs.layer else None,
                "metrics": {
                    one: [identity(options), self._code_of(METRICS[one].formula)]
                    for one, options in self.options_of_metrics.items()
                },
                "is_full": method in self.full,
            },
        )

    def _code_of(self, formula: Any) -> str | None:
        """What tells the code of somebody's own method or measure from what it was before; that of
        the package is another one in another version."""
        module = formula.__module__
        return source_of(module) if module in self.modules else None

    def _kept(self, name: str, about: Mapping[str, Any]) -> str:
        if name not in self._hashes:
            text = json.dumps(about, sort_keys=True)
            self._hashes[name] = hashlib.sha256(text.encode()).hexdigest()
        return self._hashes[name]


def _of_arrays(graph: Graph) -> Graph:
    """The network with arrays for Gluon's parameters: those are unpickled on the first CPU while
    they say that they are on another, and have room for gradients with them."""
    contexts = graph.parameters.contexts()
    return graph.on(contexts[0]) if contexts else graph


def told(target: Any) -> Any:
    """A target as JSON holds it: an object by what it says of itself.

    Args:
        target: of any kind.
    """
    if isinstance(target, np.ndarray) or hasattr(target, "asnumpy"):
        return encoded(target)
    if target is None or isinstance(target, (bool, int, float, str)):
        return target
    if isinstance(target, np.generic):
        return target.item()
    return repr(target)
