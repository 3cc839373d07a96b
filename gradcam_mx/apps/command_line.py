"""The command line: gradcam-mx explain | layers | demo."""

from __future__ import annotations

import sys
from typing import Sequence

from ..errors import GradCamError
from .advice import refuse_unknown, told
from .options import parser

USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0 (done), 1 (some photos failed) or 2 (usage)."""
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
