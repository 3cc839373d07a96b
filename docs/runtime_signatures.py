"""For the reference: what decorators make of a function, and examples as code."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any, Iterator

import griffe


class RuntimeSignatures(griffe.Extension):
    """Functions with a signature of their own are shown as they are called.

    A method of the package is written as a formula of a run, and called with a net and an input.
    """

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        for module in _modules(pkg):
            for name, member in list(module.members.items()):
                if member.is_alias or not (member.is_function or member.is_attribute):
                    continue
                value = getattr(_imported(module), name, None)
                if inspect.isroutine(value) and hasattr(value, "__signature__"):
                    module.set_member(name, _as_called(member, value))
                elif inspect.isclass(value) and not member.has_docstring:
                    # a class that a function made
                    member.docstring = _docstring(
                        (value.__doc__ or "").partition("\n\n")[0], member
                    )
        for module in _modules(pkg):
            for name, member in list(module.modules.items()):
                if inspect.isroutine(getattr(_imported(module), name)) and name in member.members:
                    # the file occlusion.py, in a room where that name is the function's
                    module.members[name] = member.members[name]
                    module.members[name].parent = module
        for documented in _documented(pkg):
            documented.docstring.value = with_code_blocks(documented.docstring.value)


def with_code_blocks(text: str) -> str:
    """A docstring whose doctests are Markdown's code blocks; it would take >>> for a quotation."""
    lines: list[str] = []
    fence = None
    for line in [*text.split("\n"), ""]:
        if fence is None and line.lstrip().startswith(">>> "):
            fence = line[: len(line) - len(line.lstrip())] + "```"
            lines.append(f"{fence}pycon")
        elif fence is not None and not line.strip():
            lines.append(fence)
            fence = None
        lines.append(re.sub(r" *# doctest: .*", "", line))
    return "\n".join(lines[:-1])


def _documented(one: Any) -> Iterator[Any]:
    if one.is_alias:
        return
    if one.has_docstring:
        yield one
    for member in one.members.values():
        yield from _documented(member)


def _imported(module: griffe.Module) -> Any:
    return importlib.import_module(module.path)


def _modules(module: griffe.Module) -> list[griffe.Module]:
    inner = [one for one in module.modules.values() if not one.is_alias]
    return [module, *(found for one in inner for found in _modules(one))]


def _as_called(member: Any, value: Any) -> griffe.Function:
    signature = inspect.signature(value)
    parameters = [
        griffe.Parameter(
            one.name,
            kind=getattr(griffe.ParameterKind, one.kind.name.lower()),
            annotation=_text(one.annotation),
            default=None if one.default is one.empty else repr(one.default),
        )
        for one in signature.parameters.values()
    ]
    function = griffe.Function(
        member.name,
        parameters=griffe.Parameters(*parameters),
        returns=_text(signature.return_annotation),
        lineno=member.lineno,
        endlineno=member.endlineno,
        parent=member.parent,
    )
    function.docstring = _docstring(value.__doc__ or "", function)
    return function


def _docstring(text: str, parent: Any) -> griffe.Docstring | None:
    return griffe.Docstring(inspect.cleandoc(text), parent=parent) if text else None


def _text(annotation: Any) -> str | None:
    if annotation is inspect.Signature.empty:
        return None
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
