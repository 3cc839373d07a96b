"""Composites by their names, and a relevance rule from what a caller asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Mapping, Union

import numpy as np

from ...errors import RuleError
from ...support.arrays import is_whole
from .composites import CONTRAST, Composite, OfNode, Relevance
from .layer_rules import AlphaBeta, Epsilon, Excitation, Flat, Gamma, LayerRule, ZBox, ZPlus
from .shares import EPSILON

Asked = Union[str, Composite, Mapping[str, LayerRule], OfNode]
"""A composite: by its name, as made, a mapping layer → rule, or a function node → rule."""


def _epsilon(epsilon: float, **_: Any) -> Composite:
    return Composite(Epsilon(epsilon), Epsilon(epsilon))


def _epsilon_plus(epsilon: float, **_: Any) -> Composite:
    return Composite(ZPlus(epsilon), Epsilon(epsilon))


def _epsilon_plus_flat(epsilon: float, **_: Any) -> Composite:
    return Composite(ZPlus(epsilon), Epsilon(epsilon), first=Flat(epsilon))


def _epsilon_alpha2_beta1(epsilon: float, **_: Any) -> Composite:
    return Composite(AlphaBeta(2.0, 1.0, epsilon), Epsilon(epsilon))


def _epsilon_alpha2_beta1_flat(epsilon: float, **_: Any) -> Composite:
    return Composite(AlphaBeta(2.0, 1.0, epsilon), Epsilon(epsilon), first=Flat(epsilon))


def _epsilon_gamma_box(epsilon: float, gamma: float, low: Any, high: Any) -> Composite:
    return Composite(Gamma(gamma, epsilon), Epsilon(epsilon), first=ZBox(low, high, epsilon))


COMPOSITES: Mapping[str, Callable[..., Composite]] = {
    "epsilon": _epsilon,
    "epsilon_plus": _epsilon_plus,
    "epsilon_plus_flat": _epsilon_plus_flat,
    "epsilon_alpha2_beta1": _epsilon_alpha2_beta1,
    "epsilon_alpha2_beta1_flat": _epsilon_alpha2_beta1_flat,
    "epsilon_gamma_box": _epsilon_gamma_box,
}
"""The usual ones (Montavon et al. 2019, doi:10.1007/978-3-030-28954-6_10; Kohlbrenner et al. 2020,
arXiv:1910.09840)."""


def relevance_rule(
    composite: Asked,
    *,
    epsilon: float = EPSILON,
    gamma: float = 0.25,
    low: Any = None,
    high: Any = None,
    fallback: str | None = None,
    contrastive: bool = False,
    conditions: Mapping[str, Any] | None = None,
) -> Relevance:
    """The rule that a caller asks for.

    Args:
        composite: which rule stands at which layer.
        epsilon: of all denominators.
        gamma: of "epsilon_gamma_box".
        low: the lowest the input can be, for its first layer; as prepared for the net.
        high: the highest.
        fallback: "gradient" for operators that nothing is known of.
        contrastive: whether the class is explained against all others; the last layers have z⁺
            then, where nothing else is asked for.
        conditions: layer → the channels that relevance may pass there.

    Raises:
        RuleError: there is no such composite.
    """
    usual = _epsilon(epsilon)
    of_nodes: OfNode | None = None
    of_layers: tuple[tuple[str, LayerRule], ...] = ()
    if isinstance(composite, str):
        if composite not in COMPOSITES:
            raise RuleError(
                f"there is no composite {composite!r}; there are {', '.join(COMPOSITES)}"
            )
        usual = COMPOSITES[composite](epsilon=epsilon, gamma=gamma, low=low, high=high)
    elif isinstance(composite, Composite):
        usual = composite
    elif isinstance(composite, Mapping):
        of_layers = tuple(composite.items())
        wrong = [one for _, one in of_layers if not isinstance(one, LayerRule)]
        if wrong:
            raise RuleError(f"a mapping gives a rule for each layer; it gives {wrong[0]!r}")
    elif callable(composite):
        of_nodes = composite
    else:
        raise RuleError(
            f"composite={composite!r}; expected a name ({', '.join(COMPOSITES)}), a mapping "
            "layer → rule, or a function node → rule"
        )
    if contrastive and usual.last is None:
        # what begins at the others is no part of their scores: ε would divide by one near zero
        usual = replace(usual, last=ZPlus(epsilon))
    return Relevance(
        usual,
        of_nodes,
        of_layers,
        epsilon,
        fallback,
        start_with=CONTRAST if contrastive else "score",
        conditions=conditions_of(conditions),
    )


def conditions_of(given: Mapping[str, Any] | None) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Conditions as a rule holds them.

    Args:
        given: layer → a channel, or several.

    Raises:
        RuleError: they are something else.
    """
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise RuleError(f"conditions={given!r}; expected a mapping layer → channels")
    found = []
    for layer, channels in given.items():
        each = [channels] if is_whole(channels) else channels
        is_list = isinstance(each, (list, tuple, np.ndarray, range))
        if not is_list or not len(each) or not all(map(is_whole, each)):
            raise RuleError(
                f"conditions at {layer!r} are {channels!r}; expected a channel, or a list of them"
            )
        found.append((str(layer), tuple(int(one) for one in each)))
    return tuple(found)


def excitation_rule(contrastive: bool, fallback: str | None = None) -> Relevance:
    """The rule of excitation backprop.

    Args:
        contrastive: whether the last layer is contrasted with its opposite.
        fallback: "gradient" for operators that nothing is known of.
    """
    usual = Composite(Excitation(), Excitation(), last=Excitation(contrastive))
    return Relevance(
        usual,
        epsilon=0.0,
        fallback=fallback,
        start_with="one",
        excites_only=True,
        name="excitation backprop",
    )
