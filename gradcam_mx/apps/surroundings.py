"""On what something was computed: versions of all that plays a part, and the machine."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

from .._mxnet import mx
from .._version import __version__
from .provenance import Record

_PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "Pillow",
    "matplotlib",
    "scipy",
    "scikit-image",
    "scikit-learn",
    "shap",
    "Jinja2",
)
_SETS = ("avx512f", "avx2", "avx", "sse4_1")
"""Sets of instructions by which convolutions differ in their rounding, the widest first."""


def surroundings(context: Any) -> Record:
    """Versions and machine, without a name of the machine or of its user.

    Args:
        context: where the network computes.
    """
    return {
        "versions": {
            "gradcam_mx": __version__,
            "MXNet": mx.__version__,
            "Python": platform.python_version(),
            **{name: found for name in _PACKAGES for found in [_version(name)] if found},
        },
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": _processor(),
            "instructions": os.environ.get("DNNL_MAX_CPU_ISA") or _instructions(),
            "cores": os.cpu_count(),
            "computed on": str(context).replace("(", " ").rstrip(")"),
            "oneDNN": "on" if _has_onednn() else "off",
        },
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpuinfo(key: str) -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(rf"^{key}\s*:\s*(.*)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


def _processor() -> str:
    return _cpuinfo("model name") or platform.processor() or "not known"


def _instructions() -> str:
    flags = _cpuinfo("flags").split()
    return next((one for one in _SETS if one in flags), "not known")


def _has_onednn() -> bool:
    is_built = mx.runtime.Features().is_enabled("MKLDNN")
    return is_built and os.environ.get("MXNET_MKLDNN_ENABLED", "1") != "0"
