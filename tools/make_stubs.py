"""Write the stubs: what type checkers and editors see of the package's names and of the methods.

The package finds its names when they are first asked for; gradcam_mx/__init__.pyi imports them. A
decorator makes a method of a formula, so its parameters exist at run time alone.
gradcam_mx/methods/__init__.pyi spells them out, read off the live signatures: one overload for each
form of a call, which says what comes of it, and the docstring. Run `make stubs` after a change of a
method's name, options or docstring.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import json
import sys
import textwrap
from functools import lru_cache
from importlib.util import resolve_name
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Callable, Iterable, Mapping, NamedTuple

from gradcam_mx import __all__ as public
from gradcam_mx import methods
from gradcam_mx._names import HOMES, MODULES

PACKAGE = Path(__file__).resolve().parent.parent / "gradcam_mx"
NAMES_HEADING = '"""The names of the package for type checkers. Written by tools/make_stubs.py."""'
HEADING = '"""The methods as type checkers and editors see them. Written by tools/make_stubs.py."""'

ONE, SEVERAL = "Target", "Several | Top"
LAYERS = "list[Any] | tuple[Any, ...]"

WITHOUT_ARGUMENTS = {"guided_backprop": "AbstractContextManager[RuleReport]"}
"""What a method gives that is called without arguments, where that is allowed."""

IMPORTS = {
    "AbstractContextManager": "contextlib",
    "Any": "typing",
    "overload": "typing",
    "Explanation": "gradcam_mx.explanation.explanation",
    "RuleReport": "gradcam_mx.engine.rules",
    "Several": "gradcam_mx.targets",
    "Target": "gradcam_mx.targets.heads",
    "Top": "gradcam_mx.targets",
}
"""Where the names come from that no signature holds."""


class Gives(NamedTuple):
    """What a call gives."""

    one: str
    """For one target, and one layer or none."""
    layers: str
    targets: str
    both: str
    """For several layers and targets."""


OF_METHOD = Gives(
    one="Explanation",
    layers="list[Explanation]",
    targets="list[Explanation]",
    both="list[list[Explanation]]",
)
OF_EXPLAIN = Gives(
    one="dict[str, Explanation]",
    # a method that explains no layer gives no list
    layers="dict[str, Any]",
    targets="dict[str, list[Explanation]]",
    both="dict[str, list[Any]]",
)


class Form(NamedTuple):
    """A form of a call: the types of some parameters, and what it gives."""

    types: dict[str, str]
    gives: str


def forms(names: list[str], gives: Gives) -> list[Form]:
    """The forms that a call with parameters of those names has; the first that fits counts.

    Arrays of MXNet have no type, so several targets would pass for one: they come first.
    """
    if "layer" not in names:
        return [Form({"target": SEVERAL}, gives.targets), Form({"target": ONE}, gives.one)]
    unfused = {"fuse": "None"} if "fuse" in names else {}
    return [
        Form({"target": SEVERAL, "layer": LAYERS, **unfused}, gives.both),
        Form({"target": SEVERAL, "layer": "Any"}, gives.targets),
        Form({"target": ONE, "layer": "str | None"}, gives.one),
        Form({"target": ONE, "layer": LAYERS, **unfused}, gives.layers),
        # a Block, which has no type; or several layers whose maps are joined
        Form({"target": ONE, "layer": "Any"}, gives.one),
    ]


class Stub:
    """The text of the stub, and the imports that it needs."""

    def __init__(self) -> None:
        self._imports: dict[str, set[str]] = {}
        self._texts: list[str] = []

    def add(
        self,
        function: Callable[..., Any],
        gives: Gives,
        types: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Write a function down, with an overload for each form of a call.

        Args:
            function: it.
            gives: what its calls give.
            types: of parameters, where they are not those of the signature.
        """
        name, signature = function.__name__, inspect.signature(function)
        if name in WITHOUT_ARGUMENTS:
            self._overload(f"def {name}()", WITHOUT_ARGUMENTS[name], " ...")
        made = forms(list(signature.parameters), gives)
        for form in made:
            # editors show the documentation of the last
            body = f"\n{_docstring(function)}" if form is made[-1] else " ..."
            spelled = self._parameters(function, {**types, **form.types})
            parameters = "".join(f"    {one},\n" for one in spelled)
            overlaps = "  # type: ignore[overload-overlap]" if types.get("methods") == "str" else ""
            self._overload(f"def {name}({overlaps}\n{parameters})", form.gives, body)

    def use(self, name: str, module: str) -> None:
        """Import a name."""
        self._imports.setdefault(module, set()).add(name)

    def text(self) -> str:
        """The whole file."""
        parts = [HEADING, _imports(self._imports), _all(sorted(methods.__all__)), *self._texts]
        return "\n\n".join(parts) + "\n"

    def _overload(self, call: str, gives: str, body: str) -> None:
        self._import_names_of(f"overload[{gives}]", [])
        self._texts.append(f"@overload\n{call} -> {gives}:{body}")

    def _parameters(self, function: Callable[..., Any], types: dict[str, str]) -> list[str]:
        # the parameters of every method are those of a plan and of its run
        modules = [sys.modules[function.__module__], sys.modules[methods.Plan.__module__]]
        written: list[str] = []
        for one in inspect.signature(function).parameters.values():
            if one.kind is one.KEYWORD_ONLY and "*" not in written:
                written.append("*")
            kind = types.get(one.name, str(one.annotation))
            self._import_names_of(kind, modules)
            written.append(f"{one.name}: {kind}{_default(one, kind, types)}")
        return written

    def _import_names_of(self, annotation: str, modules: list[ModuleType]) -> None:
        for node in ast.walk(ast.parse(annotation)):
            if isinstance(node, ast.Name) and not hasattr(builtins, node.id):
                self.use(node.id, IMPORTS.get(node.id) or _home(node.id, modules))


def _default(parameter: inspect.Parameter, kind: str, types: dict[str, str]) -> str:
    """The default of a parameter, where the form of the call allows to leave it out."""
    is_given = kind == SEVERAL or (kind == LAYERS and types["target"] == SEVERAL)
    if parameter.default is parameter.empty or is_given:
        return ""
    if kind != LAYERS and isinstance(parameter.default, (bool, int, float, type(None))):
        return f" = {parameter.default!r}"
    return f" = {json.dumps(parameter.default)}" if isinstance(parameter.default, str) else " = ..."


def _docstring(function: Callable[..., Any]) -> str:
    text = inspect.getdoc(function) or ""
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"""')
    return textwrap.indent(f'"""{escaped}\n"""', "    ")


def _home(name: str, modules: list[ModuleType]) -> str:
    """The module that one of `modules` imports a name from, or that defines it itself."""
    for module in modules:
        if name in vars(module):
            return _imported(module).get(name, module.__name__)
    raise NameError(f"{name} is in none of {', '.join(one.__name__ for one in modules)}")


@lru_cache(maxsize=None)
def _imported(module: ModuleType) -> dict[str, str]:
    """The names that a module imports from others, and from which."""
    found = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ImportFrom):
            place = "." * node.level + (node.module or "")
            other = resolve_name(place, str(module.__package__)) if node.level else place
            found.update({one.asname or one.name: other for one in node.names})
    return found


def _imports(names: dict[str, set[str]]) -> str:
    """The import statements for names by their modules, those of the package last."""
    return "\n".join(
        f"from {module} import {', '.join(sorted(names[module]))}"
        for module in sorted(names, key=lambda one: (one.startswith("gradcam"), one))
    )


def _all(names: Iterable[str]) -> str:
    exported = "".join(f"    {json.dumps(name)},\n" for name in names)
    return f"__all__ = [\n{exported}]"


def of_package() -> str:
    """The text of the stub of the package itself."""
    modules = "\n".join(f"import gradcam_mx.{name} as {name}" for name in MODULES)
    homes: dict[str, set[str]] = {"gradcam_mx._version": {"__version__"}}
    for name, home in HOMES.items():
        # what the methods' own stub says of them
        found = "methods" if name in methods.__all__ else home
        homes.setdefault(f"gradcam_mx.{found}", set()).add(name)
    return "\n\n".join([NAMES_HEADING, modules, _imports(homes), _all(public)]) + "\n"


def of_methods() -> str:
    """The text of the stub of the methods."""
    made = Stub()
    for name in sorted(methods.__all__):
        if name in methods.METHODS:
            made.add(getattr(methods, name), OF_METHOD)
        elif name == "explain":
            # a text is an iterable of texts too, but one name
            made.add(methods.explain, OF_METHOD, {"methods": "str"})
            made.add(methods.explain, OF_EXPLAIN, {"methods": "Iterable[str]"})
        else:
            made.use(name, _home(name, [methods]))
    return made.text()


def stubs() -> dict[Path, str]:
    """Path → text of each stub."""
    return {
        PACKAGE / "__init__.pyi": of_package(),
        PACKAGE / "methods" / "__init__.pyi": of_methods(),
    }


if __name__ == "__main__":
    for path, text in stubs().items():
        path.write_text(text, encoding="utf-8")
