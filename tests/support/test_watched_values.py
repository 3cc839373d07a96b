"""Values that are shown with a bar, or told to whoever watches, of whatever kind they are."""

from __future__ import annotations

import numpy as np
import pytest

from gradcam_mx.support.progress import bar, watched


class Watching:
    """Counts the steps."""

    def __init__(self):
        self.steps = 0

    def step(self):
        self.steps += 1

    def at(self, what, done, total):
        self.step()


@pytest.mark.parametrize(
    "values", [np.arange(3.0), [1, 2], (), iter([5])], ids=lambda one: type(one).__name__
)
def test_an_array_is_gone_through_as_a_list_is(values):
    expected = list(values) if not hasattr(values, "__next__") else [5]
    with watched(Watching()):
        assert list(bar(values, what="things", total=len(expected), show=True)) == expected
