"""`import mxnet` before `import gradcam_mx`: the hook, and that the installation has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradcam_mx import _mxnet_first

HOOK = Path(_mxnet_first.__file__)
ROOT = HOOK.resolve().parent.parent
REGISTER = f"""
import sys
sys.meta_path = [one for one in sys.meta_path if type(one).__name__ != "MxnetFinder"]
exec({HOOK.read_text(encoding="utf-8")!r}, {{"__name__": "hook"}})
finder = sys.meta_path[0]
"""
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
print(finder in sys.meta_path, type(loader).__name__, loader is mxnet.__spec__.loader)
"""
    printed = run(code, fake_mxnet(tmp_path))
    assert printed == "mxnet, with <class 'bool'>\nFalse SourceFileLoader True\n"


def test_it_acts_on_the_import_alone(tmp_path):
    """Whoever only asks whether mxnet is there changes nothing."""
    code = """
import importlib.util
spec = importlib.util.find_spec("mxnet")
print(spec.origin == spec.loader.get_filename(), "numpy" in sys.modules, finder in sys.meta_path)
import json, email.message
print("numpy" in sys.modules, finder in sys.meta_path)
import mxnet
print(finder in sys.meta_path)
"""
    assert run(code, fake_mxnet(tmp_path)).splitlines() == [
        "True False True",
        "False True",
        "mxnet, with <class 'bool'>",
        "False",
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
    code = "sys.modules['gradcam_mx'] = None\nimport mxnet\nprint(finder in sys.meta_path)"
    printed = run(code, fake_mxnet(tmp_path, "print('mxnet')"))
    assert printed == "mxnet\nFalse\n"


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
print([type(one).__name__ for one in sys.meta_path].count("MxnetFinder"))
"""
    assert run(code) == "1\n"


@pytest.mark.parametrize("order", ["gradcam_mx, mxnet", "mxnet, gradcam_mx.nn"])
def test_the_package_alone_is_enough_where_pth_files_are_not_read(order):
    """As in folders on PYTHONPATH: the package registers the hook itself, when it comes first."""
    take_away = REGISTER.split("exec")[0]
    code = f"import numpy; vars(numpy).pop('bool', None)\nimport {order}\nprint(numpy.bool)"
    if order.startswith("mxnet"):
        code = f"import gradcam_mx\n{code}"
    assert run(code, before=take_away) == "<class 'bool'>\n"
