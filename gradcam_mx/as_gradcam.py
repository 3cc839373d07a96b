"""`gradcam`, as the MXNet tutorial imports it, is this package:

    import gradcam_mx.as_gradcam           # above the pasted code, which stays as it is
    import gradcam
    from gradcam import Conv2D, Activation

It stands for the tutorial's file `gradcam.py`, also where that lies in the same folder.
"""

from __future__ import annotations

import sys
from typing import Any

import gradcam_mx

from .errors import DependencyError

__all__ = list(gradcam_mx.__all__)


def __getattr__(name: str) -> Any:
    return getattr(gradcam_mx, name)


def __dir__() -> list[str]:
    return dir(gradcam_mx)


_ours = sys.modules[__name__]
_other = sys.modules.setdefault("gradcam", _ours)
if _other is not _ours:
    raise DependencyError(
        f"another module named gradcam is there already ({getattr(_other, '__file__', _other)}): "
        "import gradcam_mx.as_gradcam before it"
    )
