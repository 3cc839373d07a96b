"""The blocks of a Gluon net: where they are, what they return, and runs without their hooks."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from typing import Any, Callable, Iterable, Iterator

# While hooks are away from a net, for milliseconds, no other thread may take them for its own.
HOOKS = threading.RLock()


def walk(block: Any, path: str = "") -> Iterator[tuple[Any, str]]:
    """Every block of a net and its dotted path; a block that is there twice has two."""
    yield block, path
    for name, child in block._children.items():
        yield from walk(child, f"{path}.{name}" if path else name)


@contextlib.contextmanager
def hooks_replaced(
    blocks: Iterable[Any], **hooks: tuple[Callable[..., None], Callable[..., None]]
) -> Iterator[None]:
    """Put other hooks in the place of the blocks' own, which expect arrays and are the users'.

    Args:
        blocks: each once.
        hooks: name → what is called before a block runs, and after it.
    """
    with HOOKS:
        kept = [(block, block._forward_pre_hooks, block._forward_hooks) for block in blocks]
        try:
            for block, _, _ in kept:
                block._forward_pre_hooks = OrderedDict((name, hooks[name][0]) for name in hooks)
                block._forward_hooks = OrderedDict((name, hooks[name][1]) for name in hooks)
            yield
        finally:
            for block, before, after in kept:
                block._forward_pre_hooks, block._forward_hooks = before, after


def flattened(output: Any, kind: type) -> list[Any]:
    """What of a kind is in what a block returned: one, or nested lists, tuples and dicts of them.

    Args:
        output: what it returned.
        kind: arrays, or symbols; whatever else there is, is left out.
    """
    if isinstance(output, kind):
        return [output]
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, (list, tuple)):
        return [one for item in output for one in flattened(item, kind)]
    return []
