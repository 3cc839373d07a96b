"""Packages that only some methods need."""

from __future__ import annotations

import importlib
from typing import Any

from ..errors import DependencyError

_PACKAGES = {"skimage": "scikit-image", "sklearn": "scikit-learn"}
"""What is imported → what people install, where it is called otherwise."""


def optional(module: str, purpose: str, extra: str = "perturb") -> Any:
    """An optional module.

    Args:
        module: its dotted name.
        purpose: what it is needed for, as the beginning of a sentence.
        extra: the extra that installs it.

    Raises:
        DependencyError: it is not installed; the message says how to.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = module.split(".")[0]
        raise DependencyError(
            f"{purpose} by the package {_PACKAGES.get(name, name)}: "
            f'pip install "gradcam-mx[{extra}]"'
        ) from error
