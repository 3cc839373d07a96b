"""What is public: the names that the reference must have, and the page that each belongs to."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any, Iterator, NamedTuple

import gradcam_mx as gm
from gradcam_mx._names import HOMES


class Name(NamedTuple):
    """A public name, such as gradcam_mx.targets.Unit."""

    path: str
    value: Any
    page: str
    """The room, or the public module, under which people look for it."""

    @property
    def is_of_gluon(self) -> bool:
        """Passed on as it is: MXNet documents it."""
        return (getattr(self.value, "__module__", None) or "").startswith("mxnet")


def public_names() -> dict[str, Name]:
    """All public names, by path. A thing with several names has the one that people write."""
    chosen = set()
    found: dict[str, Name] = {}
    modules = list(_public_modules())
    # gm.Conv2D is documented as gm.nn.Conv2D, but methods.saliency as gm.saliency
    ordered = [one for one in modules if _last(one) in gm.__all__]
    ordered += [gm, *(one for one in modules if one not in ordered)]
    for module in ordered:
        for name in _exported(module):
            value = getattr(module, name)
            if isinstance(value, ModuleType) or (name, id(value)) in chosen:
                continue
            chosen.add((name, id(value)))
            page = HOMES[name].split(".")[0] if module is gm else _last(module)
            found[f"{module.__name__}.{name}"] = Name(f"{module.__name__}.{name}", value, page)
    return found


def aliases(names: dict[str, Name]) -> dict[str, str]:
    """The names in `gradcam_mx` itself that are documented under another: alias → path."""
    by_value = {(path.rpartition(".")[2], id(one.value)): path for path, one in names.items()}
    return {
        f"gradcam_mx.{name}": by_value[name, id(getattr(gm, name))]
        for name in _exported(gm)
        if f"gradcam_mx.{name}" not in names and (name, id(getattr(gm, name))) in by_value
    }


def _public_modules() -> Iterator[ModuleType]:
    """Those directly under `gradcam_mx` that say what they export, and the errors."""
    for one in pkgutil.iter_modules(gm.__path__):
        if not one.name.startswith("_"):
            module = importlib.import_module(f"gradcam_mx.{one.name}")
            if hasattr(module, "__all__") or one.name in gm.__all__:
                yield module
    if "zoo" not in {one.name for one in pkgutil.iter_modules(gm.__path__)}:
        yield gm.zoo  # installed as a link to another folder


def _exported(module: ModuleType) -> list[str]:
    names = getattr(module, "__all__", None)
    if names is None:
        names = [
            name
            for name, value in vars(module).items()
            if inspect.isclass(value) and value.__module__ == module.__name__
        ]
    return [name for name in names if not name.startswith("_")]


def _last(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]
