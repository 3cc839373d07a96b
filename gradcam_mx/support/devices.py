"""Where things are computed."""

from __future__ import annotations

from typing import Any

from .._mxnet import mx
from ..errors import Advice, DeviceError


def checked_context(context: Any = None) -> Any:
    """The context itself, or the CPU for None.

    Raises:
        DeviceError: MXNet sees no such GPU.
    """
    if context is None:
        return mx.cpu()
    if context.device_type == "gpu" and context.device_id >= mx.context.num_gpus():
        raise DeviceError(
            f"{context} was asked for, and MXNet sees {mx.context.num_gpus()} GPUs here",
            advice=Advice.COMPUTE_ON_CPU,
        )
    return context
