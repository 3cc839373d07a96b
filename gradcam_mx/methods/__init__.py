"""The methods: one file a family, each method a formula; `METHODS` lists them by name."""

from __future__ import annotations

from importlib import import_module

from .. import _names
from .activation_maps import activation_map
from .functions import method
from .needs import Needs
from .perturbing import perturbation
from .plan import Explained, Plan
from .register import METHODS, Method, Result, methods_kept
from .together import explain

for _file, _methods in _names.METHODS_OF.items():
    _module = import_module(f"{__name__}.{_file}")
    globals().update({name: getattr(_module, name) for name in _methods})

__all__ = [
    "METHODS",
    "Explained",
    "Method",
    "Needs",
    "Plan",
    "Result",
    "activation_map",
    "explain",
    "method",
    "methods_kept",
    "perturbation",
]
__all__.extend(_names.METHODS)


def __dir__() -> list[str]:
    return sorted(__all__)
