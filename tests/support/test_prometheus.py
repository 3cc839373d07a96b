"""Prometheus's text format, read by a parser that shares nothing with what writes it."""

from __future__ import annotations

import math

from prometheus_text import parsed

from gradcam_mx.support.prometheus import Metric, text


def test_what_is_written_is_read_back():
    odd = 'C:\\new\\"store"\nof June, {a="b"}'
    metrics = [
        Metric("one", "With a \\ and\na second line.", [({"place": odd, "b": ""}, 0.1)]),
        Metric("two_total", "Plain.", [({}, math.inf), ({"a": "1"}, -math.inf)]),
        Metric("three", "Numbers.", [({"n": "1"}, 1e-300), ({"n": "2"}, 12345678.0)]),
    ]
    found = parsed(text(metrics))
    assert found == {name: (said, "gauge", list(values)) for name, said, values in metrics}
    assert math.isnan(parsed(text([Metric("a", "b", [({}, math.nan)])]))["a"][2][0][1])
