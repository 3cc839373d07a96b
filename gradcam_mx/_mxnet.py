"""The one place that imports mxnet.

MXNet 1.9.1 was built for older surroundings: `_surroundings` has what it lacks. A failing import
becomes a :class:`~gradcam_mx.errors.DependencyError` that says what to install.

Everywhere else in the package: ``from gradcam_mx._mxnet import mx``.
"""

from __future__ import annotations

import importlib
import platform
import re
import sys
from typing import Any

import numpy

from gradcam_mx._surroundings import prepare
from gradcam_mx.errors import DependencyError

__all__ = ["mx"]

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
    try:
        prepare()
        return importlib.import_module("mxnet")
    except (ImportError, OSError, AttributeError, RuntimeError) as error:
        raise DependencyError(f"MXNet cannot be imported ({error}). {advice(error)}") from error


mx: Any = load()
