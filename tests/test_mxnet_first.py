"""`import mxnet` before `import gradcam_mx`: the hook, and that the installation has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import gradcam_mx

PACKAGE = Path(gradcam_mx.__file__).resolve().parent
ROOT = PACKAGE.parent
HOOK = (PACKAGE / "_waits_for_mxnet.py").read_text(encoding="utf-8")
TAKE_AWAY = """
import sys
def hooks():
    names = [type(one).__name__ for one in sys.meta_path]
    return [name for name in names if name in ("WaitsForMxnet", "MxnetFinder")]
sys.meta_path = [one for one in sys.meta_path if type(one).__name__ not in hooks()]
"""
REGISTER = f"{TAKE_AWAY}exec({HOOK!r}, {{'__name__': 'hook'}})\n"
"""As the .pth file does it; the one that is installed is taken away, to test this one."""


def run(code, *folders, before=REGISTER):
    """What a Python of its own prints, which sees these folders first."""
    paths = [*folders, ROOT, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", before + code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def fake_mxnet(folder, code="import numpy; print('mxnet, with', vars(numpy).get('bool'))"):
    (folder / "mxnet").mkdir()
    (folder / "mxnet" / "__init__.py").write_text(code)
    return folder


# ------------------------------------------------------------------------------ the installation


def test_mxnet_can_be_imported_first():
    """The environment that runs the tests has the hook, as `pip install` brings it."""
    printed = run("import mxnet as mx, gradcam_mx as gm; print(gm.nn.Dense(2), mx)", before="")
    assert printed.startswith("Dense(")


def test_mxnet_can_be_imported_first_where_numpy_lacks_the_alias():
    code = "import numpy; vars(numpy).pop('bool', None); import mxnet; print(numpy.bool)"
    assert run(code, before="") == "<class 'bool'>\n"


def test_numpy_is_as_it_was_where_nobody_imports_mxnet():
    printed = run(
        "import sys; print('numpy' in sys.modules, 'gradcam_mx' in sys.modules)", before=""
    )
    assert printed == "False False\n"


# -------------------------------------------------------------------------------------- the hook


def test_it_prepares_for_mxnet_and_steps_aside(tmp_path):
    code = """
import numpy, importlib.machinery
vars(numpy).pop("bool", None)
import mxnet
loader = mxnet.__loader__
print(hooks(), type(loader).__name__, loader is mxnet.__spec__.loader)
"""
    printed = run(code, fake_mxnet(tmp_path))
    assert printed == "mxnet, with <class 'bool'>\n[] SourceFileLoader True\n"


def test_it_acts_on_the_import_alone(tmp_path):
    """Whoever only asks whether mxnet is there changes nothing."""
    code = """
import importlib.util, json, email.message
print("gradcam_mx" in sys.modules, hooks())
spec = importlib.util.find_spec("mxnet")
print(spec.origin == spec.loader.get_filename(), "numpy" in sys.modules, hooks())
import mxnet
print(hooks())
"""
    assert run(code, fake_mxnet(tmp_path)).splitlines() == [
        "False ['WaitsForMxnet']",
        "True False ['MxnetFinder']",
        "mxnet, with <class 'bool'>",
        "[]",
    ]


def test_mxnet_that_is_not_there():
    code = """
sys.path = [one for one in sys.path if "site-packages" not in one]
try:
    import mxnet
except ModuleNotFoundError as error:
    print(error.name)
"""
    assert run(code) == "mxnet\n"


def test_it_does_no_harm_once_gradcam_mx_is_uninstalled(tmp_path):
    code = "sys.modules['gradcam_mx'] = None\nimport mxnet\nprint(hooks())"
    printed = run(code, fake_mxnet(tmp_path, "print('mxnet')"))
    assert printed == "mxnet\n[]\n"


def test_mxnet_itself_says_what_is_damaged(tmp_path):
    """An empty CUDA library cannot be loaded."""
    fake_mxnet(tmp_path, "raise OSError('as MXNet says it')")
    (tmp_path / "mxnet_cu112-1.9.1.dist-info").mkdir()
    library = tmp_path / "nvidia" / "cuda_runtime" / "lib" / "libcudart.so.11.0"
    library.parent.mkdir(parents=True)
    library.touch()
    code = "try:\n    import mxnet\nexcept OSError as error:\n    print(error)"
    assert run(code, tmp_path) == "as MXNet says it\n"


def test_it_is_registered_once():
    code = """
import gradcam_mx
print(hooks())
"""
    assert run(code) == "['MxnetFinder']\n"


@pytest.mark.parametrize("order", ["gradcam_mx, mxnet", "mxnet, gradcam_mx.nn"])
def test_the_package_alone_is_enough_where_pth_files_are_not_read(order):
    """As in folders on PYTHONPATH: the package registers the hook itself, when it comes first."""
    code = f"import numpy; vars(numpy).pop('bool', None)\nimport {order}\nprint(numpy.bool)"
    if order.startswith("mxnet"):
        code = f"import gradcam_mx\n{code}"
    assert run(code, before=TAKE_AWAY) == "<class 'bool'>\n"
