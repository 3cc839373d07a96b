"""What a report of a store is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping

from ...data.samples import Samples
from ...errors import InputError
from ...graph.digest import Digest
from ...graph.graph import Graph
from ...store import Store
from ...support.labels import Labels

EXAMPLES = 40
"""So many samples are shown at most."""

TITLE = "What the network looked at in a data set"


@dataclass(frozen=True)
class StoreBrief:
    """What a report of a store is asked for."""

    store: Store
    graph: Graph | None = None
    """The network, where it is at hand."""
    samples: Samples | None = None
    """The data set; None to open it again."""
    names: Labels | None = None
    """Those of the classes, in the place of the store's own."""
    examples: int = EXAMPLES
    title: str = TITLE
    template: Path | None = None
    """Of the user's own; None for that of the package."""
    how: Mapping[str, str] = field(default_factory=dict)
    """How to ask for it again: by "command" and by "python"."""
    net: str = "a network known by its hashes"
    """What the network is called."""

    def called(self, class_id: int) -> str:
        """What a class is called.

        Args:
            class_id: its number.
        """
        if self.names is not None:
            return self.names.name(class_id)
        known = self.store.manifest.class_names or []
        return known[class_id] if 0 <= class_id < len(known) else f"class {class_id}"

    @property
    def classes(self) -> int | None:
        """How many there are, where that is known."""
        known = self.names or self.store.manifest.class_names
        return None if known is None else len(known)


def check_net(store: Store, found: Digest) -> None:
    """Refuse a network that a store is not of.

    Args:
        store: the store.
        found: the hashes of the network.

    Raises:
        InputError: it is another one.
    """
    for part, digest in found._asdict().items():
        expected = store.manifest.net[part]
        if digest != expected:
            raise InputError(
                f"the store {store.path} is of another network: the hash of its {part} is "
                f"{expected[:12]}…, not {digest[:12]}…; give the network that the run was given, "
                "or none"
            )
