"""What MXNet's files of parameters call them."""

from __future__ import annotations

import re


def unmarked(name: str) -> str:
    """The name of a parameter without the "arg:" or "aux:" that exported files put before it.

    It may hold colons and slashes of its own, as those of networks from TensorFlow do.

    >>> unmarked("arg:conv/weights:0"), unmarked("conv/weights:0")
    ('conv/weights:0', 'conv/weights:0')
    """
    return re.sub(r"^(arg|aux):", "", name)
