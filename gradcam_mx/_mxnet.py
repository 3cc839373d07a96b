"""The one place that imports mxnet.

MXNet 1.9.1 was built for older surroundings. Before the import this module restores what today's
numpy and Python lack and loads the CUDA libraries that pip installed; a failing import becomes a
:class:`~gradcam_mx.errors.DependencyError` that says what to install.

Everywhere else in the package: ``from gradcam_mx._mxnet import mx``.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import platform
import re
import sys
from pathlib import Path
from typing import Any, Iterable

import numpy

from gradcam_mx.errors import DependencyError

__all__ = ["mx"]

# Each library after those it links to; libcudnn opens its parts by itself, from its own folder.
_CUDA_LIBRARIES = (
    "libcudart.so.11*",
    "libcublasLt.so.11",
    "libcublas.so.11",
    "libcufft.so.10",
    "libcurand.so.10",
    "libcusparse.so.11",
    "libcusolver.so.11",
    "libnvrtc.so.11*",
    "libnvToolsExt.so.1",
    "libcudnn.so.8",
    "libnccl.so.2",
)

# The system libraries the wheels leave out: name up to ".so", its package on Debian and on Fedora.
_SYSTEM_PACKAGES = {
    "libquadmath": ("libquadmath0", "libquadmath"),
    "libgomp": ("libgomp1", "libgomp"),
    "libstdc++": ("libstdc++6", "libstdc++"),
    "libgcc_s": ("libgcc-s1", "libgcc"),
}

_MISSING_LIBRARY = re.compile(r"((lib[^\s/]+?)\.so[.\d]*): cannot open shared object file")

_PYTHONS = ((3, 8), (3, 12))

_INSTALL = 'Run: pip install "gradcam-mx[cpu]", or for NVIDIA GPUs pip install "gradcam-mx[gpu]"'
_NUMPY = 'pip install "numpy>=1.21,<2"'
_REINSTALL = 'pip install --force-reinstall --no-deps "mxnet==1.9.1"'


def restore_numpy_alias() -> None:
    """Give numpy 1.24 and later the ``numpy.bool`` that MXNet reads, at import and afterwards.

    It is the only removed alias the library needs (``mxnet.test_utils.chi_square_check`` alone also
    wants ``numpy.int``). It is looked up in the module's names, as asking for it would warn.
    """
    if "bool" not in vars(numpy):
        numpy.bool = bool  # type: ignore[attr-defined, unused-ignore]


def restore_distutils() -> None:
    """Let setuptools provide ``distutils`` where Python no longer does (3.12).

    An installed setuptools does so at start-up through a ``.pth`` file, which has no effect in
    folders on ``PYTHONPATH`` (``pip install --target``); importing setuptools does the same there.
    """
    if importlib.util.find_spec("distutils") is None and importlib.util.find_spec("setuptools"):
        importlib.import_module("setuptools")


def is_cuda_build(site_packages: Path) -> bool:
    """Tell whether the mxnet in this folder is a build for CUDA 11, such as mxnet-cu112."""
    return any(site_packages.glob("mxnet_cu11*.dist-info"))


def cuda_libraries(site_packages: Path) -> list[Path]:
    """List the CUDA libraries in ``site_packages/nvidia/*/lib``, in the order to load them."""
    folder = site_packages / "nvidia"
    return [path for name in _CUDA_LIBRARIES for path in sorted(folder.glob(f"*/lib/{name}"))]


def preload(libraries: Iterable[Path]) -> None:
    """Load libraries for the whole process, so that MXNet's own look-up finds them by name."""
    for path in libraries:
        ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)


def preload_cuda() -> None:
    """Load pip's CUDA libraries if, and only if, the installed MXNet is a CUDA build."""
    mxnet, nvidia = (importlib.util.find_spec(name) for name in ("mxnet", "nvidia"))
    if mxnet is None or mxnet.origin is None or nvidia is None:
        return
    if is_cuda_build(Path(mxnet.origin).parent.parent):
        for folder in nvidia.submodule_search_locations or ():
            preload(cuda_libraries(Path(folder).parent))


def platform_advice(python: tuple[int, int], system: str, machine: str) -> str | None:
    """Say what is wrong with this Python or platform, or None where MXNet 1.9.1 has a wheel."""
    oldest, newest = _PYTHONS
    if not oldest <= python <= newest:
        return (
            f"This is Python {python[0]}.{python[1]}, and MXNet 1.9.1 runs on Python {oldest[0]}."
            f"{oldest[1]} to {newest[0]}.{newest[1]}. Make a virtual environment with one of those."
        )
    if system == "Linux" and machine in ("x86_64", "aarch64"):
        return None
    if system == "Darwin" and machine == "x86_64":
        return None
    return (
        f"MXNet 1.9.1 has no wheel for {system} on {machine}. There are wheels for Linux (x86_64, "
        "aarch64; with GPU x86_64 only) and for macOS on Intel (x86_64). Elsewhere use a Linux "
        "container or, on Windows, WSL 2."
    )


def here_advice() -> str | None:
    """Give :func:`platform_advice` on the Python and the platform this runs on."""
    return platform_advice(sys.version_info[:2], platform.system(), platform.machine())


def library_advice(library: str) -> str:
    """Say where a missing shared library comes from, given its file name (``libgomp.so.1``)."""
    stem = library.split(".so")[0]
    if stem == "libcuda":
        return (
            f"{library} belongs to the NVIDIA driver, which pip cannot install. Install the driver "
            "(in a container: start it with GPU access), or use MXNet's CPU build: "
            f"pip uninstall mxnet-cu112, then {_REINSTALL}"
        )
    if stem in _SYSTEM_PACKAGES:
        debian, fedora = _SYSTEM_PACKAGES[stem]
        return (
            f"The system library {library} is missing. Debian, Ubuntu: apt-get install {debian}. "
            f"Fedora, RHEL: dnf install {fedora}."
        )
    if stem.startswith(("libcu", "libnv", "libnccl")):
        return f'{library} is one of the CUDA 11 libraries; pip install "gradcam-mx[gpu]" has them.'
    return f"The system library {library} is missing. Install the package of your system with it."


def module_advice(module: str) -> str:
    """Say which package to install for a module that Python did not find."""
    name = module.split(".")[0]
    if name == "mxnet":
        return here_advice() or _INSTALL
    if name == "distutils":
        return 'MXNet needs distutils, gone in Python 3.12. Run: pip install "setuptools>=66.1"'
    return f"MXNet needs the Python package {name}. Run: pip install {name}"


def advice(error: BaseException) -> str:
    """Say what to do about an error that ``import mxnet`` raised."""
    message = str(error)
    library = _MISSING_LIBRARY.search(message)
    if library:
        return library_advice(library.group(1))
    if isinstance(error, ModuleNotFoundError) and error.name:
        return module_advice(error.name)
    if isinstance(error, AttributeError) and "numpy" in message:
        return f"MXNet 1.9.1 and numpy {numpy.__version__} do not fit together. Run: {_NUMPY}"
    if "Cannot find the MXNet library" in message:
        return f"MXNet is installed, but its library file is not there. Run: {_REINSTALL}"
    return here_advice() or f"The installation seems damaged. Run: {_REINSTALL}"


def load() -> Any:
    """Import mxnet with everything it needs in place.

    Raises:
        DependencyError: mxnet, or something it needs, is missing or too new; the message says what
            to do, and the original error is chained.
    """
    if int(numpy.__version__.split(".")[0]) >= 2:
        raise DependencyError(
            f"MXNet 1.9.1 needs numpy 1, and this is numpy {numpy.__version__}. Run: {_NUMPY}"
        )
    restore_numpy_alias()
    try:
        restore_distutils()
        preload_cuda()
        return importlib.import_module("mxnet")
    except (ImportError, OSError, AttributeError, RuntimeError) as error:
        raise DependencyError(f"MXNet cannot be imported ({error}). {advice(error)}") from error


mx: Any = load()
