"""What a store was made of: the net, the data, the options, the versions."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Mapping

from ..errors import InputError
from ..support import files
from .columns import OF_METHODS

PROGRAM, KIND, FORMAT = "gradcam-mx", "store", 1
NAME = "manifest.json"


@dataclass(frozen=True)
class OfMethod:
    """What was asked of a method of a store."""

    options: dict[str, Any] = field(default_factory=dict)
    """Those that it was given, as JSON holds them."""
    metrics: list[str] = field(default_factory=list)
    """The measures of it."""
    is_full: bool = False
    """Whether all its values are kept, beside the map."""


@dataclass(frozen=True)
class Manifest:
    """What a store was made of."""

    net: dict[str, str]
    """SHA-256 of the structure and of the parameters."""
    methods: dict[str, OfMethod]
    data: dict[str, Any]
    """How the data set is opened again."""
    samples: int
    """How many there are to be."""
    shard_size: int
    input_size: list[int]
    """(H, W) of the net's input; (W,) of a signal."""
    preprocess: dict[str, Any] | None = None
    """How photos are prepared; None if the samples are ready for the net."""
    target: Any = None
    """What is explained; None for each sample's top class."""
    output: Any = None
    class_names: list[str] | None = None
    surroundings: dict[str, Any] = field(default_factory=dict)
    """Versions of all that plays a part, and the machine."""
    set_aside: dict[str, str] = field(default_factory=dict)
    """Number of a shard that ended its workers → what is known of it."""
    is_done: bool = False
    """Whether the last run came to its end."""

    @property
    def shards(self) -> int:
        """How many there are to be."""
        return -(-self.samples // self.shard_size)

    @property
    def versions(self) -> dict[str, str]:
        """Of all that played a part, by name."""
        return dict(self.surroundings.get("versions", {}))

    @property
    def columns(self) -> dict[str, list[str]]:
        """Method → its measures."""
        return {name: one.metrics for name, one in self.methods.items()}

    def write(self, store: Path) -> None:
        """Write it into the folder of a store.

        Args:
            store: the folder.
        """
        about = {"program": PROGRAM, "kind": KIND, "format": FORMAT, **asdict(self)}
        # a path need not be UTF-8; and half a manifest, after the power failed, is no store
        text = json.dumps(about, indent=1)
        with files.whole(store / NAME) as part, part.open("w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())

    def with_set_aside(self, shards: Mapping[int, str], is_done: bool) -> Manifest:
        """The same at the end of a run.

        Args:
            shards: those that were set aside, and why.
            is_done: whether all others stand.
        """
        told = {str(number): said for number, said in sorted(shards.items())}
        return replace(self, set_aside=told, is_done=is_done)


def is_store(folder: Path) -> bool:
    """Whether a folder holds a store.

    Args:
        folder: that may not be there.
    """
    try:
        return _about(folder / NAME).get("kind") == KIND
    except (OSError, ValueError, AttributeError):
        return False


def read(store: Path) -> Manifest:
    """What a store says of itself.

    Args:
        store: the folder.

    Raises:
        InputError: there is no store, or one of another format.
    """
    path = store / NAME
    try:
        about = _about(path)
        if (about.get("program"), about.get("kind")) != (PROGRAM, KIND):
            raise InputError(f"{path} is of something else than a store of gradcam-mx")
        if about.pop("format") != FORMAT:
            raise InputError(f"{path} is of a newer version of gradcam-mx: update it")
        methods = {name: OfMethod(**one) for name, one in about.pop("methods").items()}
        rest = {name: one for name, one in about.items() if name not in ("program", "kind")}
        return Manifest(methods=methods, **rest)
    except FileNotFoundError as error:
        raise InputError(
            f"there is no store in {store}: expected a folder that gradcam-mx run or gm.run wrote, "
            f"with its {NAME}"
        ) from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def check_measure(name: str) -> None:
    """Refuse a measure that is called as something else that is kept.

    Args:
        name: of the measure.

    Raises:
        InputError: there is a column of that name.
    """
    if name in OF_METHODS:
        raise InputError(f"a measure named {name!r} cannot be kept: a store's own column has it")


def _about(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
