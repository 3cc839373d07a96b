"""The windows of positions that operators read."""

from __future__ import annotations

from typing import Sequence

from .node import Node


def transposed_pads(node: Node, before: Sequence[int], after: Sequence[int]) -> list[int]:
    """The padding of a transposed convolution that is told the size of its output, which it finds
    by that; none where it is not.

    Args:
        node: it.
        before: the size of what it reads, along each axis of positions.
        after: that of what it gives.
    """
    if not any(node.numbers("target_shape")):
        return []
    count = len(before)
    kernel, stride, dilate = (
        node.numbers(name) or (1,) * count for name in ("kernel", "stride", "dilate")
    )
    return [
        -(-((read - 1) * step + (width - 1) * apart + 1 - made) // 2)
        for read, made, width, step, apart in zip(before, after, kernel, stride, dilate)
    ]
