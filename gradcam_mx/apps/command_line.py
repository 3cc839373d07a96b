"""The command line: gradcam-mx explain | layers | demo."""

from __future__ import annotations

import sys
from typing import Sequence

from ..errors import GradCamError
from .advice import refuse_unknown, told
from .options import parser
from .stopping import BY_CTRL_C, drop_output

UNREAD, USAGE = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    The exit code is 0 (done), 1 (some photos failed, or the work was stopped), 2 (usage), and above
    128 after a signal: 130 after Ctrl-C.
    """
    try:
        return _ended(_run(arguments))
    except KeyboardInterrupt:
        print("gradcam-mx: stopped by Ctrl-C; nothing was explained", file=sys.stderr)
        return BY_CTRL_C
    except BrokenPipeError:
        return _ended(UNREAD)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        options, unknown = parser().parse_known_args(arguments)
        if unknown:
            refuse_unknown(options.parser, unknown)
        # here, as it imports mxnet, which help and completion do not wait for
        from .commands import COMMANDS

        return COMMANDS[options.command](options)
    except GradCamError as error:
        print(f"gradcam-mx: {told(error)}", file=sys.stderr)
        return USAGE


def _ended(code: int) -> int:
    """The exit code, once everything is printed that can be."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        drop_output()
        return code or UNREAD
    return code
