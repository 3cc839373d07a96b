"""With how many threads MXNet computes in a process of this program."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CHOSEN = "MXNET_OMP_MAX_THREADS"
_SAID = (CHOSEN, "OMP_NUM_THREADS")
_PROCESSORS = Path("/sys/devices/system/cpu")


def use_all_cores() -> None:
    """Let MXNet take each core that the process may run on, unless the user has said how many.

    On Intel's processors MXNet takes half of those that it sees, as if each core showed itself as
    two, also where none does (measured on two cores: ResNet-50 takes 1.6 times as long). It reads
    the number when it is imported, so where that has happened nothing changes.
    """
    if "mxnet" in sys.modules or any(name in os.environ for name in _SAID):
        return
    cores = cores_of(_PROCESSORS)
    if cores:
        os.environ[CHOSEN] = str(cores)


def cores_of(folder: Path) -> int:
    """How many cores the process may run on; 0 where the system does not say.

    Args:
        folder: where the system tells of each processor which are on its core.
    """
    try:
        told = {
            (folder / f"cpu{number}/topology/thread_siblings_list").read_text()
            for number in os.sched_getaffinity(0)
        }
    except (AttributeError, OSError):
        return 0
    return len(told)
