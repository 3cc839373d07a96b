"""What starts without waiting for mxnet: the package's names, help, versions and completion."""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gradcam_mx as gm
from gradcam_mx import _names, cli
from gradcam_mx.apps import choices, command_line
from gradcam_mx.engine.propagation.named import COMPOSITES
from gradcam_mx.graph.outputs import PROBABILITY
from gradcam_mx.methods.baselines import BASELINES, INPAINT
from gradcam_mx.methods.hiding import VALUES
from gradcam_mx.methods.partition import INPAINTING
from gradcam_mx.methods.relevance import RULES
from gradcam_mx.methods.segments import WAYS
from gradcam_mx.metrics.evaluating import CONTROLS
from gradcam_mx.zoo.preprocess import READY

ROOT = Path(gm.__file__).resolve().parent.parent
SLOW = ["mxnet", "numpy", "matplotlib", "cv2", "PIL", "scipy", "tqdm", "flask", "waitress"]
"""What takes long to import."""


def run(*command, code=0):
    """What a Python of its own prints; the process ends with that exit code."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *command],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=400,  # hundreds of names, on a busy machine
    )
    assert done.returncode == code, done.stderr
    return done.stdout


# --------------------------------------------------------------------------------- what is imported


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["explain", "--help"],
        ["evaluate", "--help"],
        ["report", "--help"],
        ["verify", "--help"],
        ["layers", "--help"],
        ["drift", "--help"],
        ["app", "--help"],
        ["demo", "--help"],
        *(["--print-completion", shell] for shell in ("bash", "zsh", "tcsh")),
    ],
    ids=" ".join,
)
def test_help_version_and_completion_import_nothing_slow(arguments):
    printed = run(
        "-c",
        f"""
import sys
from gradcam_mx.apps.command_line import main
try:
    main({arguments})
except SystemExit as end:
    print(end.code, [name for name in {SLOW} if name in sys.modules])
""",
    )
    assert printed.splitlines()[-1] == "0 []"
    assert len(printed) > 20


@pytest.mark.parametrize(
    "arguments",
    [
        ["explain", "cat.png", "--method", "grad_camera"],
        ["evaluate", "cat.png", "--metric", "srgg"],
    ],
    ids=" ".join,
)
def test_usage_errors_import_nothing_slow(arguments):
    printed = run(
        "-c",
        f"""
import sys
from gradcam_mx.apps.command_line import main
try:
    main({arguments})
except SystemExit as end:
    print(end.code, [name for name in {SLOW} if name in sys.modules])
""",
    )
    assert printed == "2 []\n"


def test_the_package_imports_nothing_slow():
    printed = run(
        "-c",
        f"""
import sys, gradcam_mx as gm
print(gm.__version__, gm.GradCamError.__name__, [name for name in {SLOW} if name in sys.modules])
""",
    )
    assert printed == f"{gm.__version__} GradCamError []\n"


def test_nothing_of_the_package_imports_what_few_need():
    """All of it, beside what mxnet imports."""
    few = ["matplotlib", "scipy", "skimage", "sklearn", "shap", "tensorboardX", "wandb", "flask"]
    printed = run(
        "-c",
        f"""
import sys, gradcam_mx as gm
from gradcam_mx._mxnet import mx
before = set(sys.modules)
for name in gm.__all__:
    getattr(gm, name)
print(sorted({{name.split(".")[0] for name in set(sys.modules) - before}} & set({few})))
""",
    )
    assert printed == "[]\n"


# ------------------------------------------------------------------------------------ the names


def test_type_checkers_see_the_names_that_are_there():
    """Each from the module that it lives in: what they see is what is found at run time."""
    stub = Path(gm.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    seen = {}
    for node in ast.parse(stub).body:
        for alias in getattr(node, "names", []):
            module = importlib.import_module(getattr(node, "module", alias.name))
            seen[alias.asname or alias.name] = getattr(module, alias.name, module)
    assert seen.keys() == set(gm.__all__)
    for name, value in seen.items():
        assert value is getattr(gm, name), name


def test_every_method_is_named_in_one_place_where_it_lives():
    own = [one for one in gm.METHODS.values() if one.formula.__module__.startswith("gradcam_mx.")]
    files = {}
    for one in own:
        files.setdefault(one.formula.__module__.rpartition(".")[2], []).append(one.name)
    written = {file: list(names) for file, names in _names.METHODS_OF.items()}
    assert written == files, "METHODS_OF in gradcam_mx/_names.py has to name each method's file"
    assert tuple(one.name for one in own) == _names.METHODS, "in the order of gm.METHODS"


def test_names_are_listed_and_starred():
    assert set(gm.__all__) <= set(dir(gm))
    printed = run(
        "-c",
        """
import gradcam_mx
print(set(gradcam_mx.__all__) <= set(dir(gradcam_mx)))
from gradcam_mx import *
print(Conv2D.__module__, nn.Dense.__module__, callable(grad_cam), len(METHODS) > 20)
""",
    )
    assert printed.splitlines() == ["True", "gradcam_mx.nn gradcam_mx.nn True True"]


FIRST = [
    "from gradcam_mx import nn; nn.Conv2D",
    "import gradcam_mx as gm; gm.visualize",
]
"""What also has to import mxnet first."""

ALONE = [
    # one of each module that names live in
    *(
        f"import gradcam_mx as gm; gm.{one}"
        for one in {v: k for k, v in _names.HOMES.items()}.values()
    ),
    *(f"import gradcam_mx as gm; gm.{one}" for one in _names.MODULES),
    "from gradcam_mx import nn; nn.Conv2D",
    "import gradcam_mx.nn; gradcam_mx.nn.Conv2D",
    "import gradcam_mx as gm; gm.zoo.vgg16",
    "import gradcam_mx as gm; gm.picture.overlay",
    "import gradcam_mx as gm; gm.methods.register.Method",
    "from gradcam_mx import saliency, zoo; zoo.MODELS",
    "import gradcam_mx.methods; gradcam_mx.METHODS['saliency']",
]


@pytest.mark.parametrize("line", FIRST)
def test_each_name_alone_comes_first(line):
    run("-c", line)


def test_no_name_depends_on_another_one_having_been_asked_for():
    """In one process, which forgets the package, but not mxnet, before each of them."""
    printed = run(
        "-c",
        f"""
import sys
from gradcam_mx._mxnet import mx
for line in {ALONE}:
    for name in [name for name in sys.modules if name.split(".")[0] == "gradcam_mx"]:
        del sys.modules[name]
    try:
        exec(line, {{}})
    except Exception as error:
        print(line, type(error), error)
""",
    )
    assert printed == ""


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="module 'gradcam_mx' has no attribute 'grad_camera'"):
        gm.grad_camera  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'grad_camera'"):
        from gradcam_mx import grad_camera  # noqa: F401


# -------------------------------------------------------------------------------- the command line


def test_choices_are_those_of_the_register_and_of_the_zoo():
    assert choices.MODELS == gm.zoo.MODELS
    assert tuple(READY) == choices.PREPROCESSINGS
    assert tuple(BASELINES) == choices.BASELINES
    assert choices.INPAINT == INPAINT
    assert tuple(INPAINTING) == choices.INPAINTING
    assert choices.PROBABILITY == PROBABILITY
    assert choices.VALUES == VALUES
    assert tuple(WAYS) == choices.SEGMENTS
    assert choices.CONTROLS == CONTROLS
    assert tuple(COMPOSITES) == choices.COMPOSITES
    assert choices.LIFT_RULES == RULES


def test_ways_to_call_it():
    said = f"gradcam-mx {gm.__version__}\n"
    assert run("-m", "gradcam_mx", "--version") == said
    assert run("-c", "from gradcam_mx.cli import main; main(['--version'])") == said
    assert cli.main is command_line.main


def test_the_exit_code_of_the_module(tmp_path):
    run("-m", "gradcam_mx", "explain", str(tmp_path / "*.png"), code=2)


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """What bash offers for the last of these words."""
    if not shutil.which("bash"):
        pytest.skip("there is no bash")
    script = tmp_path_factory.mktemp("completion") / "gradcam-mx.bash"
    script.write_text(run("-m", "gradcam_mx", "--print-completion", "bash"))

    def offered(*words, folder=None):
        line = " ".join(f"'{word}'" for word in ("gradcam-mx", *words))
        done = subprocess.run(
            [
                "bash",
                "-c",
                f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words)}\n"
                "function=$(complete -p gradcam-mx | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n"
                '$function; printf "%s\\n" "${COMPREPLY[@]}"',
            ],
            capture_output=True,
            text=True,
            cwd=folder,
            timeout=60,
        )
        return set(done.stdout.split())

    return offered


def test_bash_completes_commands_options_and_choices(complete):
    assert complete("") >= {"explain", "layers", "demo"}
    assert complete("explain", "cat.png", "--back") == {"--background"}
    methods = complete("explain", "cat.png", "--method", "grad_")
    assert methods == {name for name in gm.METHODS if name.startswith("grad_")}
    assert complete("explain", "cat.png", "--method", "lime", "all") == {"all-cams"}
    models = complete("explain", "cat.png", "--model", "vgg")
    assert models == {name for name in gm.zoo.MODELS if name.startswith("vgg")}
    assert complete("explain", "cat.png", "--preprocess", "") == set(READY)
    assert complete("explain", "cat.png", "--baseline", "") == {*BASELINES, INPAINT}
    assert complete("explain", "cat.png", "--masker", "inp") == set(INPAINTING)
    assert complete("explain", "cat.png", "--output", "") == {PROBABILITY}
    assert complete("evaluate", "cat.png", "--metric", "") == set(gm.metrics.METRICS)
    assert complete("evaluate", "cat.png", "--controls", "") == {*CONTROLS, choices.NONE}
    methods = complete("evaluate", "cat.png", "--method", "lime", "grad_")
    assert methods == {name for name in gm.METHODS if name.startswith("grad_")}


def test_bash_completes_files_and_folders(complete, tmp_path):
    (tmp_path / "photo.png").touch()
    (tmp_path / "photos").mkdir()
    assert {one.rstrip("/") for one in complete("explain", "pho", folder=tmp_path)} == {
        "photo.png",
        "photos",
    }
    found = complete("explain", "photo.png", "--out", "pho", folder=tmp_path)
    assert {one.rstrip("/") for one in found} == {"photos"}
    for before in ([], ["photos"]):
        found = complete("drift", *before, "pho", folder=tmp_path)
        assert {one.rstrip("/") for one in found} == {"photos"}


def test_completion_without_shtab(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert command_line.main(["--print-completion", "bash"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "package shtab: pip install shtab" in printed.err
