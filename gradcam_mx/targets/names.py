"""Classes asked for by name: from the names to the numbers, and back."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Sequence

from ..errors import TargetError
from ..graph.class_names import own_names
from ..graph.outputs import is_single
from ..graph.trace import Net
from ..support.labels import Labels, Names, labels_of
from .checks import holds_name


class ClassNames(NamedTuple):
    """The names of a net's classes: those that a call was given, or else the net's own."""

    given: Names | None = None
    own: Names | None = None

    @classmethod
    def of(cls, net: Net, given: Names | None = None) -> ClassNames:
        """Those of a net.

        Args:
            net: it.
            given: what the call says.
        """
        return cls(given, None if given is not None else own_names(net))

    def labels(self, count: int | None) -> Labels | None:
        """The labels; None if there are none, or the net's own are those of another output.

        Args:
            count: how many classes there are; None if that is not known.

        Raises:
            TargetError: the names that were given are those of another number of classes.
        """
        if self.given is not None:
            return labels_of(self.given, count)
        try:
            return None if self.own is None else labels_of(self.own, count)
        except TargetError:
            return None

    def finder(self, count: int | None) -> Callable[[Any], Any]:
        """From names to class ids; numbers stay what they are.

        Args:
            count: as `labels` takes it.
        """

        def find(given: Any) -> Any:
            if isinstance(given, str):
                return self._id(given, count)
            return [find(one) for one in given] if holds_name(given) else given

        return find

    def _id(self, name: str, count: int | None) -> int:
        labels = self.labels(count)
        if labels is not None:
            return labels.id(name)
        if name.strip().isdecimal():
            return int(name)
        raise TargetError(
            f"the target {name!r} is a name, and the names of this net's classes are not known: "
            "pass names=, a list with the name of each class, or give the net that list as "
            "net.class_names; or pass the number of the class"
        )

    def named(self, class_ids: Sequence[int], count: int) -> list[str] | None:
        """The name of each class; None if they are not known.

        Args:
            class_ids: the classes.
            count: how many the net has.
        """
        labels = self.labels(count)
        return None if labels is None else [labels.name(one) for one in class_ids]


def class_count(shape: Sequence[int], axis: int = 1) -> int:
    """How many classes an output of scores has: two, if it has one value a sample.

    Args:
        shape: of the output.
        axis: that holds the scores of the classes.
    """
    return 2 if len(shape) < 2 or is_single(shape) else shape[axis]


NO_NAMES = ClassNames()
"""Nothing is known."""
