"""The import of mxnet: what is put in place before it, and what a user reads when it fails.

A broken surrounding is played by a fake ``mxnet`` package in a folder of its own, imported in a
fresh interpreter; the environment that runs the tests stays as it is.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from gradcam_mx import _mxnet, _surroundings
from gradcam_mx.errors import DependencyError, GradCamError

ROOT = Path(_mxnet.__file__).resolve().parent.parent

# Prints the class and message of the error, the class of its cause, and what reached numpy.
IMPORT = """
import sys, warnings
{before}
try:
    from gradcam_mx import _mxnet
except Exception as error:
    print(type(error).__name__, "|", error, "|", type(error.__cause__).__name__)
else:
    print("imported", _mxnet.mx.__name__, getattr(_mxnet.mx, "__version__", "fake"))
{after}
"""


def run_import(*folders: Path, before: str = "", after: str = "") -> str:
    """Import ``gradcam_mx._mxnet`` in a fresh interpreter that sees ``folders`` first."""
    paths = [*folders, ROOT, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT.format(before=before, after=after)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        cwd=str(folders[0]) if folders else None,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def fake_mxnet(folder: Path, code: str, distribution: str = "mxnet") -> Path:
    """Write an mxnet package made of ``code``, with the metadata folder of ``distribution``."""
    (folder / "mxnet").mkdir()
    (folder / "mxnet" / "__init__.py").write_text(code)
    (folder / f"{distribution}-1.9.1.dist-info").mkdir()
    return folder


def fake_cuda(site_packages: Path) -> list[str]:
    """Write the nvidia packages' files as 11.8 has them (empty), and return their load order."""
    for name in (
        "cublas/lib/libcublas.so.11",
        "cublas/lib/libcublasLt.so.11",
        "cublas/lib/libnvblas.so.11",
        "cuda_nvrtc/lib/libnvrtc-builtins.so.11.8",
        "cuda_nvrtc/lib/libnvrtc.so.11.2",
        "cuda_runtime/lib/libcudart.so.11.0",
        "cuda_runtime/lib/libOpenCL.so.1",
        "cudnn/lib/libcudnn.so.8",
        "cudnn/lib/libcudnn_cnn_infer.so.8",
        "cufft/lib/libcufft.so.10",
        "cufft/lib/libcufftw.so.10",
        "curand/lib/libcurand.so.10",
        "cusolver/lib/libcusolver.so.11",
        "cusolver/lib/libcusolverMg.so.11",
        "cusparse/lib/libcusparse.so.11",
        "nccl/lib/libnccl.so.2",
        "nvtx/lib/libnvToolsExt.so.1",
        # another CUDA, as other frameworks bring it
        "cublas/lib/libcublas.so.12",
        "cudnn/lib/libcudnn.so.9",
    ):
        path = site_packages / "nvidia" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return [
        "libcudart.so.11.0",
        "libcublasLt.so.11",
        "libcublas.so.11",
        "libcufft.so.10",
        "libcurand.so.10",
        "libcusparse.so.11",
        "libcusolver.so.11",
        "libnvrtc.so.11.2",
        "libnvToolsExt.so.1",
        "libcudnn.so.8",
        "libnccl.so.2",
    ]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What ``ctypes.CDLL`` was asked for: (file name, mode); nothing is really loaded."""
    calls: list[tuple[str, int]] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda name, mode=0: calls.append((Path(name).name, mode)))
    return calls


# --- the import as it is ----------------------------------------------------------------------


def test_mx_is_mxnet() -> None:
    import mxnet

    assert _mxnet.mx is mxnet


def test_mx_computes_where_numpy_lacks_the_alias() -> None:
    """The real mxnet, and its uses of ``numpy.bool`` after the import."""
    output = run_import(
        before="import numpy; vars(numpy).pop('bool', None)",
        after="""
from gradcam_mx._mxnet import mx
array = mx.np.arange(6).reshape(2, 3)
array[array > 2] = 0
print(float(array.sum()), mx.np.zeros((2,), dtype=bool).dtype)
""",
    )
    assert output.splitlines() == ["imported mxnet 1.9.1", "3.0 bool"]


def test_everything_is_in_place_before_the_import(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    steps = ["restore_numpy_alias", "restore_distutils", "preload_cuda"]
    for step in steps:
        monkeypatch.setattr(_surroundings, step, lambda step=step: calls.append(step))
    monkeypatch.setattr(importlib, "import_module", calls.append)
    _mxnet.load()
    assert calls == [*steps, "mxnet"]


# --- numpy ------------------------------------------------------------------------------------


def test_alias_is_restored_silently(monkeypatch: pytest.MonkeyPatch, recwarn) -> None:
    monkeypatch.delitem(vars(numpy), "bool", raising=False)
    _surroundings.restore_numpy_alias()
    assert vars(numpy)["bool"] is bool
    assert not recwarn.list


def test_alias_that_numpy_has_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(vars(numpy), "bool", numpy.bool_)
    _surroundings.restore_numpy_alias()
    assert vars(numpy)["bool"] is numpy.bool_


@pytest.mark.parametrize("version", ["2.0.0", "2.3.1", "10.0.0rc1"])
def test_numpy_2_is_refused(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(numpy, "__version__", version)
    with pytest.raises(DependencyError, match=f"this is numpy {version}.*pip install .numpy.*<2"):
        _mxnet.load()


def test_numpy_2_is_refused_before_the_import(tmp_path: Path) -> None:
    fake_mxnet(tmp_path, "raise SystemExit('mxnet was imported')")
    output = run_import(tmp_path, before="import numpy; numpy.__version__ = '2.1.0'")
    assert output.startswith("DependencyError | MXNet 1.9.1 needs numpy 1, and this is numpy 2.1.0")


# --- distutils --------------------------------------------------------------------------------


def test_setuptools_provides_distutils_where_python_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, imported = [], []

    def find_spec(name: str) -> object:
        asked.append(name)
        return None if name == "distutils" else object()

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    monkeypatch.setattr(importlib, "import_module", imported.append)
    _surroundings.restore_distutils()
    assert asked == ["distutils", "setuptools"]
    assert imported == ["setuptools"]


def test_setuptools_is_left_alone_where_distutils_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imported: list[str] = []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(importlib, "import_module", imported.append)
    _surroundings.restore_distutils()
    assert imported == []


# --- CUDA libraries ---------------------------------------------------------------------------


def test_cuda_libraries_are_listed_in_load_order(tmp_path: Path) -> None:
    expected = fake_cuda(tmp_path)
    found = _surroundings.cuda_libraries(tmp_path)
    assert [path.name for path in found] == expected
    assert all(path.parent.parent.parent == tmp_path / "nvidia" for path in found)


def test_cuda_libraries_that_are_not_installed_are_left_out(tmp_path: Path) -> None:
    assert _surroundings.cuda_libraries(tmp_path) == []
    expected = fake_cuda(tmp_path)
    (tmp_path / "nvidia" / "cufft" / "lib" / "libcufft.so.10").unlink()
    expected.remove("libcufft.so.10")
    assert [path.name for path in _surroundings.cuda_libraries(tmp_path)] == expected


@pytest.mark.parametrize(
    ("distribution", "cuda"),
    [("mxnet_cu112", True), ("mxnet_cu110", True), ("mxnet_cu102", False), ("mxnet", False)],
)
def test_cuda_libraries_are_loaded_for_cuda_11_builds_only(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: list[tuple[str, int]],
    distribution: str,
    cuda: bool,
) -> None:
    names = fake_cuda(fake_mxnet(tmp_path, "", distribution))
    monkeypatch.delitem(sys.modules, "mxnet")
    monkeypatch.syspath_prepend(tmp_path)
    _surroundings.preload_cuda()
    assert opened == ([(name, ctypes.RTLD_GLOBAL) for name in names] if cuda else [])


def test_preload_without_mxnet_or_nvidia_does_nothing(
    monkeypatch: pytest.MonkeyPatch, opened: list[tuple[str, int]]
) -> None:
    for missing in ("mxnet", "nvidia"):
        monkeypatch.setitem(sys.modules, missing, None)
        _surroundings.preload_cuda()
        monkeypatch.undo()
    assert opened == []


def test_damaged_cuda_library_is_reported(tmp_path: Path) -> None:
    fake_cuda(fake_mxnet(tmp_path, "", "mxnet_cu112"))
    output = run_import(tmp_path)
    assert output.startswith("DependencyError | MXNet cannot be imported (")
    assert "libcudart.so.11.0" in output
    assert output.rstrip().endswith("| OSError")


# --- advice -----------------------------------------------------------------------------------


def missing(library: str) -> OSError:
    """The error of ``ctypes`` for a library that the dynamic linker does not find."""
    return OSError(f"{library}: cannot open shared object file: No such file or directory")


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (missing("libquadmath.so.0"), ["libquadmath.so.0", "apt-get install libquadmath0"]),
        (missing("libquadmath.so.0"), ["dnf install libquadmath."]),
        (missing("libgomp.so.1"), ["apt-get install libgomp1", "dnf install libgomp."]),
        (missing("libstdc++.so.6"), ["apt-get install libstdc++6"]),
        (missing("libcuda.so.1"), ["NVIDIA driver", "pip cannot", "CPU build", "mxnet==1.9.1"]),
        (missing("libcudart.so.11.0"), ['pip install "gradcam-mx[gpu]"']),
        (missing("libcudnn_ops_infer.so.8"), ['pip install "gradcam-mx[gpu]"']),
        (missing("libnvrtc.so.11.2"), ['pip install "gradcam-mx[gpu]"']),
        (missing("libnccl.so.2"), ['pip install "gradcam-mx[gpu]"']),
        (missing("libodd.so.3"), ["system library libodd.so.3"]),
        (ModuleNotFoundError("", name="distutils.version"), ['pip install "setuptools>=66.1"']),
        (ModuleNotFoundError("", name="graphviz"), ["pip install graphviz"]),
        (AttributeError("module 'numpy' has no attribute 'x'"), ['"numpy>=1.21,<2"']),
        (RuntimeError("Cannot find the MXNet library.\n"), ["library file", "--force-reinstall"]),
    ],
)
def test_advice_names_what_to_install(error: Exception, parts: list[str]) -> None:
    text = _mxnet.advice(error)
    assert [part for part in parts if part not in text] == []
    assert "\n" not in text


def test_libcuda_is_not_taken_for_a_pip_library() -> None:
    assert "gradcam-mx[gpu]" not in _mxnet.library_advice("libcuda.so.1")


@pytest.mark.parametrize(
    ("python", "system", "machine", "expected"),
    [
        ((3, 8), "Linux", "x86_64", None),
        ((3, 12), "Linux", "aarch64", None),
        ((3, 11), "Darwin", "x86_64", None),
        ((3, 13), "Linux", "x86_64", "Python 3.13, and MXNet 1.9.1 runs on Python 3.8 to 3.12"),
        ((3, 7), "Linux", "x86_64", "Python 3.7,"),
        ((3, 11), "Darwin", "arm64", "no wheel for Darwin on arm64"),
        ((3, 11), "Windows", "AMD64", "no wheel for Windows on AMD64"),
    ],
)
def test_platforms(
    python: tuple[int, int], system: str, machine: str, expected: str | None
) -> None:
    text = _mxnet.platform_advice(python, system, machine)
    if expected is None:
        assert text is None
    else:
        assert text is not None
        assert expected in text


def test_platform_comes_before_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no wheel, "pip install" would be bad advice."""
    error = ModuleNotFoundError("No module named 'mxnet'", name="mxnet")
    monkeypatch.setattr(_mxnet.platform, "system", lambda: "Linux")
    monkeypatch.setattr(_mxnet.platform, "machine", lambda: "x86_64")
    assert 'pip install "gradcam-mx[cpu]"' in _mxnet.advice(error)
    monkeypatch.setattr(_mxnet.platform, "system", lambda: "Windows")
    assert "pip install" not in _mxnet.advice(error)
    assert "WSL" in _mxnet.advice(error)


# --- what the user reads ----------------------------------------------------------------------


def test_no_mxnet() -> None:
    output = run_import(before="sys.modules['mxnet'] = None")
    assert output.startswith("DependencyError | MXNet cannot be imported (import of mxnet halted")
    assert 'pip install "gradcam-mx[cpu]"' in output
    assert "gradcam-mx[gpu]" in output
    assert output.rstrip().endswith("| ModuleNotFoundError")


@pytest.mark.parametrize(
    ("code", "cause", "part"),
    [
        (f"raise OSError({str(missing('libquadmath.so.0'))!r})", "OSError", "libquadmath0"),
        (f"raise OSError({str(missing('libcuda.so.1'))!r})", "OSError", "NVIDIA driver"),
        ("import distutils_that_is_gone", "ModuleNotFoundError", "distutils_that_is_gone"),
        ("import numpy; numpy.no_such_name", "AttributeError", "numpy>=1.21,<2"),
        ("raise RuntimeError('Cannot find the MXNet library.')", "RuntimeError", "mxnet==1.9.1"),
        ("raise OSError('libmxnet.so: file too short')", "OSError", "--force-reinstall"),
    ],
)
def test_failing_import_is_advice(tmp_path: Path, code: str, cause: str, part: str) -> None:
    output = run_import(fake_mxnet(tmp_path, code))
    kind, message, chained = output.split(" | ")
    assert kind == "DependencyError"
    assert part in message
    assert chained.strip() == cause


def test_errors_that_are_not_about_the_installation_pass(tmp_path: Path) -> None:
    output = run_import(fake_mxnet(tmp_path, "raise KeyError('a fault of another kind')"))
    assert output.startswith("KeyError")


def test_dependency_error_is_an_import_error() -> None:
    assert issubclass(DependencyError, ImportError)
    assert issubclass(DependencyError, GradCamError)
