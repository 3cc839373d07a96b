"""What to do about an input whose axes are others than the net's first convolution expects."""

from __future__ import annotations

from typing import Sequence


def advice(shape: Sequence[int], channels: int, axes: int) -> str:
    """How to make an input of that shape one that fits, by words and code; "" if that is not known.

    Args:
        shape: of the array that was given.
        channels: that the net expects at axis 1.
        axes: of positions: 1 for signals, 2 for pictures, 3 for volumes and clips.
    """
    words, code = [], "x"
    is_single = len(shape) == axes + 1
    if not is_single and len(shape) != axes + 2:
        return ""
    first, last = shape[0 if is_single else 1], shape[-1]
    has_alpha = channels == 3 and first != 3 and 4 in (first, last)
    is_last = first not in (channels, 4) if has_alpha else first != channels == last
    if not has_alpha and channels not in (first, last):
        return ""
    if has_alpha:
        words.append("leave out the fourth channel (alpha)")
        leading = "" if is_single else ":, "
        code += "[..., :3]" if is_last else f"[{leading}:3]"
    if is_last:
        words.append("move the channels before the positions")
        samples = 0 if is_single else 1
        order = [*range(samples), len(shape) - 1, *range(samples, len(shape) - 1)]
        code += f".transpose(({', '.join(map(str, order))}))"
    if is_single:
        words.append("add the batch axis")
        code += "[None]"
    return f"{' and '.join(words)}, {code}" if words else ""
