"""What the app says to a request that it does not fulfil."""

from __future__ import annotations


class Refused(Exception):
    """A request that is not fulfilled; the message is for the person who looks at the page.

    Args:
        said: why.
        status: of the answer, as HTTP numbers them.
        more: what else the page is told.
    """

    def __init__(self, said: str, status: int = 400, **more: object) -> None:
        super().__init__(said)
        self.said, self.status, self.more = said, status, more


def gone(what: str) -> Refused:
    """For what was there once, or will be when it is asked for again.

    Args:
        what: that is not there.
    """
    return Refused(f"{what} is not there any more", 404, gone=True)
