"""What type checkers see of the package as it is installed, and that it is what happens."""

from __future__ import annotations

import inspect
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import gradcam_mx as gm

pytestmark = pytest.mark.slow

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAM, MISTAKEN = HERE / "user_program.py", HERE / "mistaken_program.py"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the package as pip would install it."""
    folder = tmp_path_factory.mktemp("site-packages")
    setup = ["setup.py", "--quiet", "build", "--build-base", str(folder / "build")]
    subprocess.run(
        [sys.executable, "-W", "ignore", *setup, "--build-lib", str(folder / "lib")],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return folder / "lib"


@pytest.fixture(scope="module")
def mypy(installed, tmp_path_factory, request):
    """What mypy says to files: (file, line, kind, message) of each."""
    cache = request.config.cache.mkdir(f"mypy-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}")
    options = ["--strict", "--config-file=", "--no-error-summary", f"--cache-dir={cache}"]

    def check(*files):
        ran = subprocess.run(
            [sys.executable, "-m", "mypy", *options, *files],
            env={**os.environ, "PYTHONPATH": str(installed)},
            cwd=tmp_path_factory.mktemp("elsewhere"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert not ran.stderr
        said = re.findall(r"^(.+?\.pyi?):(\d+): (error|note): (.*)$", ran.stdout, re.M)
        assert said
        return [(Path(path).name, int(line), kind, message) for path, line, kind, message in said]

    return check


@pytest.fixture(scope="module")
def checked(mypy, tmp_path_factory):
    """What mypy says to the programs in this folder and to one that calls every method.

    The second time mypy reads its cache, where a method and a file of one name are mixed up.
    """
    every = tmp_path_factory.mktemp("every") / "every_method.py"
    every.write_text(every_method())
    mypy(every)
    every.write_text(f"{every_method()}# changed\n")
    return mypy(PROGRAM, MISTAKEN, every)


def every_method() -> str:
    """A program that calls each method once in each form."""
    lines = [
        "from typing import Any",
        "import gradcam_mx as gm",
        "def f(net: Any, x: Any) -> None:",
    ]
    for name, one in own_methods().items():
        parameters = inspect.signature(one.function).parameters
        needed = ", background=x" if "background" in parameters else ""
        calls = {"": "Explanation", ", gm.targets.Top(2)": "list[Explanation]"}
        if "layer" in parameters:
            calls[", 1, ['a']"] = "list[Explanation]"
            calls[", gm.targets.Top(2), ['a']"] = "list[list[Explanation]]"
        if "fuse" in parameters:
            calls[", layer=['a'], fuse='max'"] = "Explanation"
        for call, gives in calls.items():
            lines.append(f"    reveal_type(gm.{name}(net, x{call}{needed}))  # -> {gives}")
    return "\n".join(lines) + "\n"


def own_methods():
    return {
        name: one
        for name, one in gm.METHODS.items()
        if one.formula.__module__.startswith("gradcam_mx.")
    }


def comments(text: str, mark: str = "  # -> ") -> dict[int, str]:
    """Number of a line → what is written behind a mark in it."""
    lines = enumerate(text.splitlines(), 1)
    return {number: line.split(mark)[1] for number, line in lines if mark in line}


def revealed(said, name: str) -> dict[int, str]:
    """Number of a line → the type that mypy sees there, without the modules of its names."""
    types = {}
    for file, line, kind, message in said:
        if file == name:
            assert kind == "note", message
            assert message.startswith("Revealed type is "), message
            types[line] = short(message[len("Revealed type is ") :].strip('"'))
    return types


def short(kind: str) -> str:
    kind = re.sub(r"Union\[(\w+), None\]", r"\1 | None", re.sub(r"(?:\w+\.)+(\w+)", r"\1", kind))
    return re.sub(r"^ndarray\[.*", "ndarray", kind)


def test_mypy_sees_what_each_form_of_a_call_gives(checked):
    assert revealed(checked, PROGRAM.name) == comments(PROGRAM.read_text())


def test_mypy_sees_every_method_in_every_form(checked):
    types = revealed(checked, "every_method.py")
    assert types == comments(every_method())
    assert len(types) >= 2 * len(own_methods())


def test_mypy_refuses_mistakes(checked):
    found = {}
    for file, line, kind, message in checked:
        if file == MISTAKEN.name and kind == "error":
            found[line] = message.rpartition("[")[2].rstrip("]")
    assert found == comments(MISTAKEN.read_text(), "  # error: ")


def test_the_program_gives_what_mypy_sees():
    found = {}

    def reveal_type(value):
        found[inspect.currentframe().f_back.f_lineno] = kind_of(value)

    code = compile(PROGRAM.read_text(), str(PROGRAM), "exec")
    module = ModuleType("user_program")
    vars(module)["reveal_type"] = reveal_type
    exec(code, vars(module))
    seen = comments(PROGRAM.read_text())
    assert found.keys() == seen.keys()
    for line, kind in found.items():
        assert seen[line] in (kind, f"{kind} | None", "Any"), (line, kind)


def kind_of(value) -> str:
    if isinstance(value, list):
        (kind,) = {kind_of(one) for one in value}
        return f"list[{kind}]"
    if isinstance(value, dict):
        (kind,) = {kind_of(one) for one in value.values()}
        return f"dict[str, {kind}]"
    return "ndarray" if isinstance(value, np.ndarray) else type(value).__name__


def test_the_stubs_are_what_the_script_writes():
    made = runpy.run_path(str(ROOT / "tools" / "make_stubs.py"))["stubs"]()
    assert len(made) == 2
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, "run: make stubs"


def test_the_installed_package_says_that_it_is_typed(installed):
    assert (installed / "gradcam_mx" / "py.typed").exists()
    assert (installed / "gradcam_mx" / "__init__.pyi").exists()
    assert (installed / "gradcam_mx" / "methods" / "__init__.pyi").exists()
    assert (installed / "gradcam_mx" / "zoo" / "vgg.py").exists()
