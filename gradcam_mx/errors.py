"""The errors of gradcam_mx: each says what was given, what was expected and what to do."""

from __future__ import annotations

import re


class GradCamError(Exception):
    """Base of every error this package raises on purpose."""


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
