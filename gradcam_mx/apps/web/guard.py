"""Who may ask the server for what: pages of other sites may not, nor who lacks the token."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from typing import Any
from urllib.parse import urlsplit

from .refused import Refused

HEADER = "X-Gradcam-Mx"
"""A page of another site cannot send it without asking first, and it is never allowed to."""

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)

SECURITY_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

_SAFE = ("GET", "HEAD", "OPTIONS")
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine alone.

    Args:
        host: a name or number.
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    """Looks at each request before anything else does.

    Args:
        host: the address that the server is bound to.
        token: who asks has to know it; by default none on this machine, and one made at random
            elsewhere.
        behind: the address of a proxy through which people open the page.
    """

    def __init__(
        self, host: str = "127.0.0.1", token: str | None = None, behind: str | None = None
    ) -> None:
        self._is_local = is_loopback(host)
        is_open = not self._is_local or behind is not None
        self.token = token or (secrets.token_urlsafe(24) if is_open else None)
        self._proxy = urlsplit(behind or "").netloc.lower()
        self._names = {*_LOOPBACK_NAMES, host.strip("[]").lower()}
        if not self._is_local:
            self._names |= {one.lower() for one in (socket.gethostname(), socket.getfqdn())}

    def check(self, request: Any) -> None:
        """Refuse what comes from elsewhere.

        Args:
            request: as Flask has it.

        Raises:
            Refused: it does, or lacks what it has to have.
        """
        self._check_host(request.host)
        self._check_origin(request)
        if request.method not in _SAFE and not request.headers.get(HEADER):
            raise Refused(f"a request that changes something needs the header {HEADER}", 403)

    def check_token(self, request: Any) -> None:
        """Refuse who lacks the token.

        Args:
            request: as Flask has it.

        Raises:
            Refused: it is not there.
        """
        if self.token is None:
            return
        if not self.knows(request.cookies.get(self.cookie(request))):
            raise Refused(
                "this needs the token: open the address that the server has printed, whole",
                401,
                needs_token=True,
            )

    def knows(self, given: Any) -> bool:
        """Whether that is the token.

        Args:
            given: by who asks.
        """
        if self.token is None:
            return True
        return isinstance(given, str) and hmac.compare_digest(given.encode(), self.token.encode())

    def cookie(self, request: Any) -> str:
        """What the cookie is called: servers at other ports of this machine share all cookies.

        Args:
            request: as Flask has it.
        """
        port = urlsplit(f"//{request.host}").port
        return f"gradcam_mx_{port or 80}"

    def _check_host(self, host: str) -> None:
        """Names that others give to this machine are refused: behind them may be their pages."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            name = ""
        if self._proxy and host.lower() == self._proxy:
            return
        if name in self._names or (not self._is_local and _is_number(name)):
            return
        raise Refused("the address of this request is not that of the server", 403)

    def _check_origin(self, request: Any) -> None:
        origin = request.headers.get("Origin")
        own = (request.host.lower(), *filter(None, [self._proxy]))
        if origin is not None and urlsplit(origin).netloc.lower() not in own:
            raise Refused("this request comes from a page of another site", 403)
        site = request.headers.get("Sec-Fetch-Site")
        is_navigation = request.headers.get("Sec-Fetch-Mode") == "navigate"
        if site in ("cross-site", "same-site") and not (
            is_navigation and request.method == "GET" and not request.path.startswith("/api/")
        ):
            raise Refused("this request comes from a page of another site", 403)


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
