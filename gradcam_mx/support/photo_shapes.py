"""What an array is that is no photo (H, W, 3), and what makes one of it."""

from __future__ import annotations

from typing import Sequence


def photo_advice(shape: Sequence[int], name: str = "photo") -> str:
    """What to do about an array of that shape in the place of a photo; "" if that is not known.

    >>> photo_advice((12, 20, 4))
    'leave out the fourth channel (alpha): photo[..., :3]'
    >>> photo_advice((3, 12, 20))
    'move the channels last: photo.transpose((1, 2, 0))'

    Args:
        shape: of the array.
        name: what the array is called in the advice.
    """
    if len(shape) == 4:
        return f"this is a batch: {_of_batch(shape, name)}"
    if len(shape) == 2:
        return f"repeat the grey channel three times: {name}[..., None].repeat(3, axis=-1)"
    if len(shape) != 3 or shape[-1] == 3:
        return ""
    if shape[-1] == 1:
        return f"repeat the grey channel three times: {name}.repeat(3, axis=-1)"
    if shape[-1] == 4:
        return f"leave out the fourth channel (alpha): {name}[..., :3]"
    if shape[0] == 3:
        return f"move the channels last: {name}.transpose((1, 2, 0))"
    if shape[0] == 4:
        return (
            "leave out the fourth channel (alpha) and move the channels last: "
            f"{name}[:3].transpose((1, 2, 0))"
        )
    if shape[0] == 1:
        return (
            "move the channels last and repeat the grey one three times: "
            f"{name}.transpose((1, 2, 0)).repeat(3, axis=-1)"
        )
    return ""


def _of_batch(shape: Sequence[int], name: str) -> str:
    if shape[0] == 1:
        rest = photo_advice(shape[1:], f"{name}[0]")
        return rest or f"its only photo is {name}[0]"
    rest = photo_advice(shape[1:], "one")
    return f"hand its photos over one by one{f', and of each, {rest}' if rest else ''}"
