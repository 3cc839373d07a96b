"""Packages that only some methods need."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from ..errors import DependencyError
from .randomness import randomness_kept

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
    there = sys.modules.get(module)
    if there is not None:
        return there
    try:
        with randomness_kept():  # scikit-learn's linear models draw as they are imported (measured)
            return importlib.import_module(module)
    except ImportError as error:
        name = module.split(".")[0]
        raise DependencyError(
            f"{purpose} by the package {_PACKAGES.get(name, name)}: "
            f'pip install "gradcam-mx[{extra}]"'
        ) from error
