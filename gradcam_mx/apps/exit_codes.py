"""How the command line ends."""

from __future__ import annotations

DONE, SOMETHING_WRONG, USAGE = 0, 1, 2
