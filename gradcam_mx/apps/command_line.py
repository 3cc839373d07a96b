"""The command line, `gradcam-mx COMMAND …`: reads it, runs the command, tells what went wrong."""

from __future__ import annotations

import sys
import warnings
from contextlib import contextmanager
from typing import Any, Iterator, Sequence

from ..errors import GradCamError
from .advice import in_words, refuse_none, refuse_unknown, told
from .arguments import separated
from .exit_codes import SOMETHING_WRONG, USAGE
from .options import parser
from .stopping import BY_CTRL_C, drop_output
from .threads import use_all_cores


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
        return _ended(SOMETHING_WRONG)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        given = separated(sys.argv[1:] if arguments is None else arguments)
        options, unknown = parser().parse_known_args(given)
        if hasattr(options, "photos") and not any(one.startswith("-") for one in unknown):
            options.photos, unknown = [*options.photos, *unknown], []
        if unknown:
            refuse_unknown(options.parser, unknown)
        if not getattr(options, "photos", True) and getattr(options, "store", None) is None:
            refuse_none(options.parser, options.background)
        use_all_cores()
        # here, as it imports mxnet, which help and completion do not wait for
        from .commands import COMMANDS

        with warnings_told():
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
        return code or SOMETHING_WRONG
    return code


@contextmanager
def warnings_told() -> Iterator[None]:
    """Say what is warned of in a line, each once, not where in the code that was."""
    from tqdm import tqdm  # as mxnet, it takes its time

    said: set[str] = set()

    def tell(message: Any, *_: Any, **__: Any) -> None:
        text = in_words(str(message))
        if text not in said:
            said.add(text)
            tqdm.write(f"gradcam-mx: note: {text}", file=sys.stderr)  # above a bar, not behind it

    with warnings.catch_warnings():
        warnings.showwarning = tell
        yield
