"""What did the network look at? Explanations of convolutional networks on Apache MXNet / Gluon.

Names are imported when they are first asked for: what needs no network, such as the command line's
help, does not wait for mxnet. Type checkers read them in `__init__.pyi`, which `make stubs` writes.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from ._mxnet_first import register
from ._names import HOMES, MODULES
from ._version import __version__

register()  # mxnet can be imported from here on

__all__ = ["__version__"]
__all__.extend((*HOMES, *MODULES))


def __getattr__(name: str) -> Any:
    """A submodule, or what is public, imported when it is first asked for."""
    if name in HOMES:
        found = getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
        globals()[name] = found
        return found
    if importlib.util.find_spec(f"{__name__}.{name}"):
        return importlib.import_module(f"{__name__}.{name}")
    elsewhere = importlib.import_module(f"{__name__}.support.elsewhere")
    return elsewhere.refusal(__name__, "gm", __all__)(name)


def __dir__() -> list[str]:
    return sorted(__all__)
