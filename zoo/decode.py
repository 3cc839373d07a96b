"""Raw bytes to numpy arrays, for every floating-point and integer type a weight file may hold."""

from __future__ import annotations

import numpy as np

__all__ = ["DTYPES", "decode"]

# Named as in a safetensors header. BF16 is absent from numpy and is widened in `decode`.
DTYPES = {
    "F16": "f2",
    "BF16": "u2",
    "F32": "f4",
    "F64": "f8",
    "I8": "i1",
    "I16": "i2",
    "I32": "i4",
    "I64": "i8",
    "U8": "u1",
    "BOOL": "?",
}


def decode(raw: bytes | memoryview, kind: str, order: str = "<") -> np.ndarray:
    r"""The numbers in raw bytes, as a flat array.

    Args:
        raw: the bytes.
        kind: of the numbers, a key of `DTYPES`.
        order: of the bytes, "<" (the lowest first) or ">".

    Returns:
        bfloat16 as float32, everything else in its own type.

    Raises:
        KeyError: there is no such kind.
        ValueError: the length is no multiple of that of a number.

    Example:
        >>> decode(b"\x80\x3f", "BF16")
        array([1.], dtype=float32)
    """
    values = np.frombuffer(raw, np.dtype(order + DTYPES[kind]))
    if kind == "BF16":
        # bfloat16 is the upper half of a float32
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values
