"""Functions that fail in the middle of a test's work."""

from __future__ import annotations


def failing_after(calls, function, error):
    """The function, which raises from a certain call on."""
    count = iter(range(1000))

    def call(*args, **kwargs):
        if next(count) >= calls:
            raise error
        return function(*args, **kwargs)

    return call
