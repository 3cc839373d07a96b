"""The errors of gradcam_mx: each says what was given, what was expected and what to do."""

from __future__ import annotations

import re
from enum import Enum

__all__ = [
    "DataError",
    "DependencyError",
    "DeviceError",
    "GradCamError",
    "InputError",
    "LayerError",
    "MethodError",
    "MetricError",
    "NetworkError",
    "OutputError",
    "PhotoError",
    "RuleError",
    "TargetError",
    "WeightsError",
]


class Advice(Enum):
    """What to do about an error, in Python; the command line has words of its own for each."""

    COMPUTE_ON_CPU = "compute on mx.cpu(), or install the GPU build and its driver"
    CUT_INTO_A_GRID = 'pass segments="grid", or an array of whole numbers'
    EXPLAIN_A_VALUE = (
        "gm.targets.Binary(1) or Binary(0) explains a logit, target=None the value itself"
    )
    EXPLAIN_SCALARS = (
        "pass an array of that shape, or a function from output to one scalar a sample, such as "
        "gm.targets.Segmentation"
    )
    FIND_WEIGHTS = (
        "  3. pass root=FOLDER, or weights=PATH: a .params or .safetensors file, or a PyTorch .pth "
        "state dict\nan untrained net needs none of this: pretrained=False"
    )
    GIVE_ALL_INPUTS = "pass a tuple with one array for each"
    GIVE_WEIGHTS = "or pass weights=PATH, or pretrained=False for an untrained net"
    LIST_LAYERS = "gm.trace(net).layers(x.shape) lists all"
    LIST_NETWORKS = "gradcam_mx.zoo.MODELS lists them all"
    NAME_THE_CLASSES = (
        "check that the file is for this network and that classes= is what it was trained for"
    )
    SHOW_THE_GRADIENT = "use gm.saliency for the plain gradient"


class GradCamError(Exception):
    """Base of every error this package raises on purpose."""

    def __init__(self, said: str = "", *, advice: Advice | None = None) -> None:
        """
        Args:
            said: what was given, what was expected, and what helps wherever that was.
            advice: what to do, where that is said in other words on the command line.
        """
        super().__init__(said if advice is None else advised(said, advice.value))
        self.said, self.advice = said, advice


class DependencyError(GradCamError, ImportError):
    """A package or a system library that is needed cannot be imported."""


class NetworkError(GradCamError):
    """The net cannot be traced, is not initialised, or holds an operator that is not supported."""


class InputError(GradCamError, ValueError):
    """The input array does not fit: rank, shape, dtype, NaN, or an empty batch."""


class LayerError(GradCamError, ValueError):
    """No such layer, or the layer cannot serve the purpose it was asked for."""


class TargetError(GradCamError, ValueError):
    """What to explain does not fit the net's output."""


class MethodError(GradCamError, ValueError):
    """No such method."""


class MetricError(GradCamError, ValueError):
    """No such measure, or options of it that do not fit."""


class RuleError(GradCamError):
    """A backward rule found nothing to act on."""


class WeightsError(GradCamError):
    """Trained weights are missing, damaged, or do not fit the net."""


class DataError(GradCamError):
    """A data set is missing or damaged, or holds something else than was expected."""


class PhotoError(GradCamError):
    """A photo cannot be read."""


class DeviceError(GradCamError):
    """The device asked for does not exist on this machine, or MXNet has no code for it."""


class OutputError(GradCamError, OSError):
    """Results cannot be written where they were asked for."""


def advised(said: str, advice: str) -> str:
    """A message that ends in an advice: in a line of its own, where it has several.

    Args:
        said: the message so far.
        advice: what to do.
    """
    return f"{said}\n{advice}" if "\n" in said else f"{said}; {advice}"


def reason(error: Exception) -> str:
    """The sentence in an MXNet error that says what is wrong, without its stack of addresses.

    Args:
        error: as MXNet raises it.
    """
    said = [line for line in str(error).splitlines() if line.strip()]
    is_traced = bool(said) and said[0].startswith("Traceback")
    lines = [line for line in said if not line.startswith("Traceback")] or [type(error).__name__]
    telling = next(
        (line for line in reversed(lines) if "Error in operator" in line or "Check failed" in line),
        lines[-1] if is_traced else lines[0],
    )
    for noise in (r"^.*Check failed: .*? ?: (?=\w)", r"^(MXNetError: )+"):
        telling = re.sub(noise, "", telling)
    # a check without a word of its own
    telling = re.sub(r"^.*Check failed: (.*?)[ :]*$", r"MXNet expects \1", telling)
    return telling.strip()


def __dir__() -> list[str]:
    return sorted(__all__)
