"""Fixtures shared by all tests, and what a test process may take."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest
from nets import give_memory_back

from gradcam_mx._mxnet import mx

MOST_MEMORY = 3.0
"""Gigabytes that a process of the tests, or one that a test starts, may take."""

VARIES = 1.3
"""By how much: which tests a process ran before, and so what malloc keeps, differs from run to run
(measured: 3.1 to 3.8 GB). What is above the limit is named, what is above this too fails."""

TIDY_FROM = 0.8
"""Gigabytes in use from which what a test has left behind is given back."""

PEAKS = pytest.StashKey[dict]()

LONGEST = {"test_docs.py", "test_tutorials.py"}
"""Files of tests of which some take a minute."""


def pytest_collection_modifyitems(items):
    """Files with slow tests come first: they have the largest nets, and a process that has run
    thousands of tests has a gigabyte or more in use that malloc cannot give back. Before all come
    those whose tests take minutes, for which the last worker would be waited for."""
    slow = {one.path for one in items if one.get_closest_marker("slow")}
    items.sort(key=lambda one: (one.path.name not in LONGEST, one.path not in slow))


@pytest.fixture(params=[0, 1], ids=["cpu0", "cpu1"])
def ctx(request):
    """A context; the second one catches arrays that were made on the default context."""
    return mx.cpu(request.param)


def in_use():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e9


@pytest.fixture(scope="session")
def floor():
    """What was in use after the last tidying, in a list."""
    return [0.0]


@pytest.fixture(autouse=True)
def _tidied(floor):
    """Arrays of a test that are in circles of references, and what malloc keeps of all the others,
    are gone before the next test: it would add up to gigabytes."""
    yield
    if in_use() > max(TIDY_FROM, floor[0] + 0.2):
        give_memory_back()
        floor[0] = in_use()


def peaks():
    """The most memory, in GB, that this process took, and the largest of those it started."""
    who = {"itself": resource.RUSAGE_SELF, "started": resource.RUSAGE_CHILDREN}
    return {name: resource.getrusage(one).ru_maxrss * 1024 / 1e9 for name, one in who.items()}


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """A whole run fails if a process took too much memory; xdist's workers report theirs."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["peaks"] = peaks()
        return
    found = config.stash.setdefault(PEAKS, {})
    if not found:
        found[f"process {os.getpid()}"] = peaks()
    if session.exitstatus == pytest.ExitCode.OK and too_large(found):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    if "peaks" in getattr(node, "workeroutput", {}):
        node.config.stash.setdefault(PEAKS, {})[node.gateway.id] = node.workeroutput["peaks"]


def too_large(found):
    return [name for name, took in found.items() if max(took.values()) > VARIES * MOST_MEMORY]


def pytest_terminal_summary(terminalreporter, config):
    found = config.stash.get(PEAKS, {})
    terminalreporter.section("memory at most")
    for name, took in sorted(found.items()):
        wrong = f", more than {MOST_MEMORY:.1f} GB" if max(took.values()) > MOST_MEMORY else ""
        terminalreporter.line(
            f"{name}: {took['itself']:.2f} GB, processes it started {took['started']:.2f} GB{wrong}"
        )
