"""CORS: which responses a browser exposes to pages of other sites (Fetch Standard, CORS protocol).

No response allows credentials, because clients send tokens in the Authorization header and the API sets no cookie.
"""

import re
from collections.abc import Iterable

from app.http.paths import is_api_path

Headers = list[tuple[str, str]]

REQUEST_HEADERS = "Authorization, Content-Type, Idempotency-Key, X-Request-Id"
"""Request headers that an allowed page may send, besides the safelisted ones."""

EXPOSED_HEADERS = "Link, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id"
"""Response headers that a page may read, besides the safelisted ones. Nginx's own errors expose the same list."""

MAX_AGE_SECONDS = 7200
"""How long a browser may cache a preflight response. Chromium caps it at this value."""

PUBLIC_READ = re.compile(r"/api/public/(rankings|videos|videos/[^/]+)/?")
"""Paths whose GET response is the same for every client. Nginx caches the same paths."""


class Cors:
    """The CORS rules of one site. Without allowed origins they add no header."""

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self._origins = frozenset(origins)

    @property
    def is_on(self) -> bool:
        """Whether the site allows origins other than its own."""
        return bool(self._origins)

    def headers(self, method: str, path: str, origin: str | None) -> Headers:
        """Return the CORS headers of a response of the API. Error responses need them, too. Pages have none.

        Public reads allow every origin, whatever the request's Origin is, so that a cache can serve one response to all
        clients.
        """
        if not self.is_on or not is_api_path(path):
            return []
        if method in {"GET", "HEAD"} and PUBLIC_READ.fullmatch(path):
            return _allowed("*")
        vary = [("Vary", "Origin")]
        return vary + _allowed(origin) if origin in self._origins else vary

    def preflight(self, methods: Iterable[str]) -> dict[str, str]:
        """Return the headers that only a preflight response has: the allowed methods and headers, and a maximum age."""
        return {
            "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
            "Access-Control-Allow-Headers": REQUEST_HEADERS,
            "Access-Control-Max-Age": str(MAX_AGE_SECONDS),
        }


def _allowed(origin: str) -> Headers:
    return [("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", EXPOSED_HEADERS)]
