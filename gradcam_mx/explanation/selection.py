"""What of an explanation is of some of its samples."""

from __future__ import annotations

from typing import Any, Mapping

import numpy as np

from ..errors import InputError
from ..support.arrays import is_whole


def of_samples(fields: Mapping[str, Any], samples: Any, views: int) -> dict[str, Any]:
    """The fields of an explanation that differ, for some of its samples.

    Args:
        fields: name → value of all fields.
        samples: the number of a sample, also from the end, or a slice.
        views: how many rows the values have for each sample.

    Raises:
        IndexError: there is no such sample.
        InputError: it is neither.
    """
    count = len(fields["score"])
    chosen = _numbers(samples, count)
    details = fields["details"]
    rows = details["rows"] if views > 1 else np.arange(count)
    kept = np.concatenate([chosen[:0], *(np.flatnonzero(rows == one) for one in chosen)])
    found = {
        name: _of(value, {count: chosen, len(rows): kept})
        for name, value in details.items()
        if name != "rows"
    }
    if views > 1:
        found["rows"] = np.searchsorted(chosen, rows[kept])
    return {
        "values": fields["values"][kept],
        "score": fields["score"][chosen],
        "target": _of_each(fields["target"], chosen),
        "class_names": _of_each(fields["class_names"], chosen),
        "geometry": _of_each(fields["geometry"], chosen),
        "details": found,
    }


def _numbers(samples: Any, count: int) -> np.ndarray:
    if isinstance(samples, slice):
        return np.arange(count)[samples]
    if not is_whole(samples):
        raise InputError(
            f"an explanation has samples 0 to {count - 1}; got [{samples!r}]. Of several methods, "
            'gm.explain(net, x, ["grad_cam"]) gives a dictionary; the fields of one explanation '
            "are attributes, such as .values"
        )
    if not -count <= samples < count:
        raise IndexError(f"there is no sample {samples}: the explanation has {count}")
    return np.array([samples % count])


def _of(value: np.ndarray, chosen: Mapping[int, np.ndarray]) -> np.ndarray:
    """What of an array is of them, if its axis 0 is that of the samples or of the values."""
    of = chosen.get(len(value)) if value.ndim else None
    return value if of is None else value[of]


def _of_each(told: Any, chosen: np.ndarray) -> Any:
    """What of a list with one for each sample is of them; a text is of all."""
    return [told[one] for one in chosen] if isinstance(told, list) else told
