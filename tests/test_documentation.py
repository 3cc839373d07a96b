"""Every parameter of what is public is documented, and nothing else is."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import pkgutil
import re
import textwrap
from pathlib import Path

import pytest

import gradcam_mx as gm

ROOT = Path(gm.__file__).resolve().parent.parent
OWN = [one.name for one in gm.METHODS.values() if one.formula.__module__.startswith("gradcam_mx.")]

MODULES = [
    gm,
    gm.methods,
    *(getattr(gm, name) for name in gm.__all__ if inspect.ismodule(getattr(gm, name))),
    *(
        importlib.import_module(f"gradcam_mx.zoo.{one.name}")
        for one in pkgutil.iter_modules(gm.zoo.__path__)
    ),
]


def public():
    """Name → each public function, method and constructor of the package, once."""
    found = {}
    for module in MODULES:
        names = getattr(module, "__all__", None) or vars(module)
        for name in names:
            one = getattr(module, name)
            if name.startswith("_") or not getattr(one, "__module__", "").startswith("gradcam_mx"):
                continue
            if inspect.isclass(one):
                found.update(of_class(one))
            elif inspect.isroutine(one):
                found[f"{one.__module__}.{one.__name__}"] = one
    return found


def of_class(kind):
    """The class, if its constructor is its own, and its methods that no foreign class has."""
    foreign = [one for one in kind.__mro__ if not one.__module__.startswith("gradcam_mx")]
    name = f"{kind.__module__}.{kind.__qualname__}"
    constructor = getattr(kind.__init__, "__module__", "")
    if constructor.startswith("gradcam_mx") or hasattr(kind, "_fields"):
        yield name, kind
    for method in (key for key in dir(kind) if not key.startswith("_") or key == "__call__"):
        function = getattr(kind, method)
        is_own = inspect.isfunction(function) or inspect.ismethod(function)
        if is_own and not any(hasattr(one, method) for one in foreign):
            yield f"{name}.{method}", function


PUBLIC = public()


def parameters(one):
    """The names of the parameters that it takes, and whether it takes others by keyword too."""
    found = inspect.signature(one).parameters.values()
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = [each.name for each in found if each.kind not in several]
    return [name for name in named if name != "self"], len(named) < len(found)


def section(doc: str, title: str) -> list[tuple[list[str], str]]:
    """The entries of a section: the names, "a" or "a, b", and the text."""
    found = re.search(rf"^{title}:\n(.*?)(?=^\S|\Z)", inspect.cleandoc(doc or ""), re.S | re.M)
    text = textwrap.dedent(found[1]) if found else ""
    entries = re.findall(r"^(\w+(?:, \w+)*): (.*?)(?=\n\w|\Z)", text, re.S | re.M)
    return [(names.split(", "), entry) for names, entry in entries]


def documentation(one) -> str:
    docs = [one.__doc__ if inspect.isclass(one) else inspect.getdoc(one)]  # or that it inherits
    if inspect.isclass(one):
        docs.append(one.__init__.__doc__)
    return next((doc for doc in docs if doc and "Args:" in doc), docs[0] or "")


def fields_with_docstrings(one) -> set[str]:
    """The fields of a dataclass or named tuple that a docstring follows, with those inherited."""
    found = set()
    for kind in one.__mro__ if inspect.isclass(one) else ():
        if not kind.__module__.startswith("gradcam_mx"):
            continue
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        for field, doc in zip(tree.body, tree.body[1:]):
            if isinstance(field, ast.AnnAssign) and isinstance(doc, ast.Expr):
                found.add(field.target.id)
    return found


def test_what_is_public_is_found():
    names = {name.rpartition(".")[2] for name in PUBLIC}
    assert {*gm.METHODS, "explain", "load", "trace", "visualize", "Explanation", "crop"} <= names
    assert {"capture", "guided_mode", "cam_head", "compare", "Several", "HtmlWriter"} <= names


@pytest.mark.parametrize("name", PUBLIC)
def test_every_parameter_is_documented(name):
    one = PUBLIC[name]
    taken, takes_more = parameters(one)
    documented = [each for names, _ in section(documentation(one), "Args") for each in names]
    missing = set(taken) - set(documented) - fields_with_docstrings(one)
    unknown = set(documented) - set(taken)
    assert not missing, f"{name} does not document {sorted(missing)}"
    assert takes_more or not unknown, f"{name} has no {sorted(unknown)}"
    assert len(documented) == len(set(documented))


@pytest.mark.parametrize("name", PUBLIC)
def test_errors_that_are_documented_exist(name):
    for names, text in section(PUBLIC[name].__doc__, "Raises"):
        for each in names:
            error = getattr(gm.errors, each, None) or getattr(builtins, each)
            assert issubclass(error, Exception)
        assert text.strip()


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_has_a_docstring(name):
    assert documentation(PUBLIC[name]).strip()


def rows(*paths):
    """The first column of the tables in some pages."""
    text = "\n".join((ROOT / path).read_text(encoding="utf-8") for path in paths)
    return re.findall(r"^\|([^|]*)\|", text, re.M)


@pytest.mark.parametrize("name", OWN)
def test_every_method_is_in_the_readme_and_in_a_table(name):
    family = gm.METHODS[name].family
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| \[{family}\]\((docs/\S+)\) .*\| (.*) \|$", readme, re.M)
    page, names = row
    assert f"`{name}`" in names.split(), f"README.md does not list `{name}` under {family}"
    assert f" `{name}` " in rows(page), f"the table of {page} has no row for `{name}`"


def test_every_target_is_in_the_table():
    listed = " ".join(rows("docs/networks.md"))
    for name in set(gm.targets.__all__) - {"LayerOutputs"}:  # what a target reads
        assert re.search(rf"\b{name}\(", listed), f"docs/networks.md does not list {name}"


@pytest.mark.parametrize("name", gm.metrics.METRICS)
def test_every_measure_has_its_row(name):
    assert f" `{name}` " in rows("docs/trust.md"), f"docs/trust.md has no row for `{name}`"
