"""Builds the site: python docs/build_site.py

The README, the guides of this folder, the tutorials as they were last run, and a reference of all
public names from their docstrings become one site in site/. It is an error if a link leads
nowhere, if a public name is not in the reference or has no docstring, or if a page loads a file
from elsewhere.
"""

from __future__ import annotations

import inspect
import logging
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Iterator

import griffe
import nbformat
from mkdocs.commands.build import build
from mkdocs.config import load_config
from nbconvert import MarkdownExporter
from public_names import Name, aliases, public_names

from gradcam_mx._names import HOMES

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
WORK = ROOT / "build" / "docs"
PAGES = WORK / "pages"
SITE = ROOT / "site"

GUIDES = [
    "networks.md",
    "activation-maps.md",
    "gradients.md",
    "relevance.md",
    "perturbation.md",
    "trust.md",
    "report.md",
    "data-sets.md",
    "moving-on.md",
    "inside-the-network.md",
    "app.md",
    "training.md",
    "coming-from.md",
    "add-a-method.md",
]
"""In the order in which they are read; others follow."""

REFERENCE = {
    "methods": "Methods",
    "explanation": "Explanations",
    "graph": "Networks as graphs",
    "boxes": "Black boxes",
    "targets": "Targets",
    "picture": "Pictures",
    "inspect": "Inside the network",
    "carrying": "Networks that carry their explanation",
    "surgery": "Repair without retraining",
    "metrics": "Metrics",
    "training": "While a network is trained",
    "writers": "Writers",
    "nn": "Drop-in layers",
    "zoo": "The zoo",
    "apps": "The tutorial's functions",
    "rules": "Backward rules",
    "run": "Runs, for methods of one's own",
    "baselines": "Baselines, for methods of one's own",
    "errors": "Errors",
}
"""What the pages are called, in their order; others follow under the names of their modules."""


def main() -> None:
    """Gather the pages, build the site and check it."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.rmtree(SITE, ignore_errors=True)
    package = read_package()
    names = public_names()
    nav = [
        {"Home": home()},
        {"Guides": guides()},
        {"Tutorials": tutorials()},
        {"Reference": reference(names)},
        {"Contributing": copied("CONTRIBUTING.md", "contributing.md")},
        {"Changelog": copied("CHANGELOG.md", "changelog.md")},
    ]
    wrong = list(undocumented(package, names))
    if not wrong:
        build(load_config(str(HERE / "mkdocs.yml"), nav=nav))
        wrong = [*absent(names), *loaded_from_elsewhere()]
    if wrong:
        sys.exit("\n".join(["The site is not as it should be:", *wrong]))
    print(f"{SITE.relative_to(ROOT)}/index.html: {len(names)} public names, all documented")


# -------------------------------------------------------------------------------------- the pages


def read_package() -> griffe.Module:
    """The package as griffe reads it, from a copy: `zoo` is a folder of its own in the checkout,
    the stubs are for type checkers, and the package finds its names when they are asked for."""
    source = WORK / "source" / "gradcam_mx"
    ignore = shutil.ignore_patterns("__pycache__", "zoo", "*.pyi")
    shutil.copytree(ROOT / "gradcam_mx", source, ignore=ignore)
    shutil.copytree(ROOT / "zoo", source / "zoo", ignore=shutil.ignore_patterns("__pycache__"))
    with (source / "__init__.py").open("a", encoding="utf-8") as file:
        file.writelines(f"from .{home} import {name}\n" for name, home in HOMES.items())
    extensions = griffe.load_extensions(str(HERE / "runtime_signatures.py"))
    found = griffe.load(
        "gradcam_mx",
        search_paths=[source.parent],
        extensions=extensions,
        try_relative_path=False,
    )
    assert isinstance(found, griffe.Module)
    return found


def written(name: str, text: str) -> str:
    """Write a page."""
    path = PAGES / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return name


def copied(source: str, name: str) -> str:
    """A page out of a file of the checkout, with its links to others led to their pages."""
    text = (ROOT / source).read_text(encoding="utf-8")
    moved = [
        (r"\]\(docs/", "]("),
        (r"\]\((?:\.\./)?CONTRIBUTING\.md", "](contributing.md"),
        (r"\]\(CHANGELOG\.md", "](changelog.md"),
        (r"\]\((?:\.\./)?tutorials/(\w+)\.ipynb", r"](tutorials/\1.md"),
    ]
    for pattern, to in moved:
        text = re.sub(pattern, to, text)
    return written(name, text)


def home() -> str:
    """The README, the pictures of all pages, and how they look."""
    shutil.copytree(HERE / "images", PAGES / "images")
    shutil.copy(HERE / "site.css", PAGES)
    return copied("README.md", "index.md")


def guides() -> list[str]:
    """The pages of this folder."""
    there = sorted(path.name for path in HERE.glob("*.md"))
    ordered = [name for name in GUIDES if name in there]
    return [copied(f"docs/{name}", name) for name in [*ordered, *(set(there) - set(ordered))]]


def tutorials() -> list[str]:
    """The notebooks with the outputs that they keep."""
    index = (ROOT / "tutorials" / "README.md").read_text(encoding="utf-8")
    pages = [written("tutorials/index.md", re.sub(r"\]\((\w+)\.ipynb", r"](\1.md", index))]
    for path in sorted((ROOT / "tutorials").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        pictures = f"{path.stem}_files"
        resources = {"output_files_dir": pictures, "unique_key": path.stem}
        text, found = MarkdownExporter().from_notebook_node(notebook, resources=resources)
        for name, content in found["outputs"].items():
            (PAGES / "tutorials" / name).parent.mkdir(parents=True, exist_ok=True)
            (PAGES / "tutorials" / name).write_bytes(content)
        pages.append(written(f"tutorials/{path.stem}.md", text))
    return pages


def reference(names: dict[str, Name]) -> list[Any]:
    """A page for each room, and one with all names."""
    present = {one.page for one in names.values()}
    titles = {**REFERENCE, **{page: page.capitalize() for page in sorted(present - {*REFERENCE})}}
    also = aliases(names)
    lines = ["# Reference", "", "`import gradcam_mx as gm`", ""]
    pages: list[Any] = []
    for page, title in titles.items():
        if page not in present:
            continue
        own = [one for one in names.values() if one.page == page]
        pages.append({title: written(f"reference/{page}.md", _page(title, own))})
        lines += [f"## {title}", "", "| | |", "|---|---|"]
        for one in own:
            others = [name for name, path in also.items() if path == one.path]
            written_as = ", ".join(f"`{_short(path)}`" for path in [one.path, *others])
            link = "#gluons-own" if one.is_of_gluon else f"#{one.path}"
            lines.append(f"| [{written_as}]({page}.md{link}) | {_summary(one)} |")
        lines.append("")
    return [written("reference/index.md", "\n".join(lines)), *pages]


def _page(title: str, names: list[Name]) -> str:
    of_gluon = [f"`{_short(one.path)}`" for one in names if one.is_of_gluon]
    directives = [f"::: {one.path}" for one in names if not one.is_of_gluon]
    note = ["## Gluon's own", f"Passed on as they are: {', '.join(of_gluon)}."] if of_gluon else []
    return "\n\n".join([f"# {title}", *directives, *note]) + "\n"


def _short(path: str) -> str:
    return path.replace("gradcam_mx.", "gm.", 1)


def _summary(name: Name) -> str:
    """The first line of a docstring; constants have theirs in the reference alone."""
    if name.is_of_gluon or not (inspect.isclass(name.value) or inspect.isroutine(name.value)):
        return "Gluon's own" if name.is_of_gluon else ""
    return (
        (inspect.getdoc(name.value) or "")
        .partition("\n\n")[0]
        .replace("\n", " ")
        .replace("|", "\\|")
    )


# ------------------------------------------------------------------------------------- the checks


def undocumented(package: griffe.Module, names: dict[str, Name]) -> Iterator[str]:
    """The public names, and the public functions of public classes, that have no docstring."""
    for path, name in names.items():
        if name.is_of_gluon:
            continue
        try:
            found = package[path.split(".", 1)[1]]
            target = found.final_target if found.is_alias else found
        except (KeyError, griffe.AliasResolutionError):
            yield f"{path} is defined in a way that cannot be read: write name = value"
            continue
        if not target.has_docstring:
            yield f"{path} has no docstring ({_where(target)})"
        if target.is_class:
            for member in target.members.values():
                is_shown = not member.name.startswith("_") and not member.is_alias
                is_code = member.is_function or "property" in member.labels
                if is_shown and is_code and not member.has_docstring:
                    yield f"{path}.{member.name} has no docstring ({_where(member)})"


def _where(found: Any) -> str:
    return f"{found.filepath.relative_to(WORK / 'source')}:{found.lineno}"


def absent(names: dict[str, Name]) -> Iterator[str]:
    """The public names that no page of the reference has a heading for."""
    for path, name in names.items():
        page = (SITE / "reference" / f"{name.page}.html").read_text(encoding="utf-8")
        if f'id="{path}"' not in page and not (name.is_of_gluon and _short(path) in page):
            yield f"{path} is not in the reference"


ATTRIBUTES = {
    "link": "href",
    **dict.fromkeys(["script", "img", "iframe", "source", "video", "audio", "embed"], "src"),
    "object": "data",
    "use": "href",
}
"""Where a page's tags name what a browser has to load."""


class Loads(HTMLParser):
    """What a page makes a browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "link" and values.get("rel") in ("canonical", "next", "prev", "alternate"):
            return
        self.found.append(values.get(ATTRIBUTES.get(tag, "")) or "")


def loaded_from_elsewhere() -> Iterator[str]:
    """Files that pages or style sheets take from another server."""
    for path in sorted(SITE.rglob("*")):
        found: list[str] = []
        if path.suffix == ".html":
            parser = Loads()
            parser.feed(path.read_text(encoding="utf-8"))
            found = parser.found
        elif path.suffix == ".css":
            text = path.read_text(encoding="utf-8")
            found = re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')]+)", text)
        for one in found:
            if re.match(r"(?i)(https?:)?//", one):
                yield f"{path.relative_to(SITE)} loads {one}"


if __name__ == "__main__":
    main()
