"""What MXNet 1.9.1 lacks in today's surroundings, put in place before it is imported.

The one place that knows: `_mxnet` asks it, and so does the hook of `_mxnet_first` where mxnet is
imported first.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
from pathlib import Path
from typing import Iterable

import numpy

__all__ = ["prepare"]

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


def prepare() -> None:
    """Put everything in place that `import mxnet` needs; once more does no harm.

    Raises:
        OSError: one of pip's CUDA libraries is damaged.
    """
    restore_numpy_alias()
    restore_distutils()
    preload_cuda()


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
