"""Where things are computed."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any, NamedTuple

from .._mxnet import mx
from ..errors import Advice, DeviceError

_DRIVER = "libcuda.so.1"
# CUdevice_attribute, of NVIDIA's cuda.h
_MAJOR, _MINOR = 75, 76
# No GPU build of MXNet 1.9.1 has code for other cards, and none has code that the driver could
# compile for them (PTX): read from the binaries of mxnet-cu112 to mxnet-cu117.
_OLDEST, _NEWEST = 5, 8


class Card(NamedTuple):
    """A GPU, as its driver describes it."""

    name: str
    major: int
    """Of its compute capability."""
    minor: int


def checked_context(context: Any = None) -> Any:
    """The context itself, or the CPU for None.

    Raises:
        DeviceError: it is no context, or MXNet sees no such GPU, or has no code for it.
    """
    if context is None:
        return mx.cpu()
    if not isinstance(context, mx.Context):
        raise DeviceError(f"ctx is {context!r}; expected a context, such as mx.cpu() or mx.gpu(0)")
    runnable(context)
    if context.device_type == "gpu" and context.device_id >= mx.context.num_gpus():
        raise DeviceError(
            f"{context} was asked for, and MXNet sees {mx.context.num_gpus()} GPUs here",
            advice=Advice.COMPUTE_ON_CPU,
        )
    return context


def runnable(context: Any) -> Any:
    """The context itself, if MXNet has code for it; a GPU is asked for once, a CPU never.

    Raises:
        DeviceError: MXNet has no code for this GPU.
    """
    card = card_of(context.device_id) if context.device_type == "gpu" else None
    if card is None or _OLDEST <= card.major <= _NEWEST:
        return context
    raise DeviceError(
        f"{context} is a {card.name} of compute capability {card.major}.{card.minor}, and no build "
        f"of MXNet 1.9.1 has code for it: they have it for {_OLDEST}.0 to {_NEWEST}.x (Maxwell, "
        "Pascal, Volta, Turing, Ampere, Ada). Nothing that can be installed changes that: compute "
        "on mx.cpu() (net.collect_params().reset_ctx(mx.cpu())), or use one of those cards"
    )


@lru_cache(maxsize=None)
def card_of(number: int) -> Card | None:
    """What the driver says of a GPU; None where it says nothing, as without a driver."""
    name, device = ctypes.create_string_buffer(256), ctypes.c_int()
    major, minor = ctypes.c_int(), ctypes.c_int()
    try:
        driver = ctypes.CDLL(_DRIVER)
        calls = (
            (driver.cuInit, 0),
            (driver.cuDeviceGet, ctypes.byref(device), number),
            (driver.cuDeviceGetName, name, len(name), device),
            (driver.cuDeviceGetAttribute, ctypes.byref(major), _MAJOR, device),
            (driver.cuDeviceGetAttribute, ctypes.byref(minor), _MINOR, device),
        )
    except (OSError, AttributeError):
        return None
    # each gives an error code: the first that is none of "success" ends it
    if any(function(*arguments) for function, *arguments in calls):
        return None
    return Card(name.value.decode(errors="replace"), major.value, minor.value)
