"""A small parser of Prometheus's text format, as strict as the format is."""

from __future__ import annotations

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def unescaped(value):
    return re.sub(r'\\[\\"n]', lambda found: UNESCAPED[found[0]], value)


def parsed(written):
    """Name → (help, type, [(labels, value)]); as strict as the format is."""
    assert written.endswith("\n")
    found, current = {}, None
    for line in written[:-1].split("\n"):
        about = re.fullmatch(rf"# (HELP|TYPE) ({NAME}) (.*)", line)
        if about:
            kind, name, said = about.groups()
            if kind == "HELP":
                assert name not in found, "a metric comes twice"
                found[name], current = [unescaped(said), None, []], name
            else:
                assert name == current
                assert said == "gauge"
                found[name][1] = said
            continue
        sample = re.fullmatch(rf"({NAME})(?:\{{(.*)\}})? (\S+)", line)
        assert sample, line
        assert sample[1] == current, "samples of a metric are together"
        labels, rest = {}, sample[2] or ""
        while rest:
            one = re.match(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)', rest)
            assert one, rest
            assert one[1] not in labels
            labels[one[1]], rest = unescaped(one[2]), rest[one.end() :]
        value = float(sample[3].replace("Inf", "inf"))
        assert all(labels != other for other, _ in found[current][2]), "a sample comes twice"
        found[current][2].append((labels, value))
    return {name: tuple(one) for name, one in found.items()}
