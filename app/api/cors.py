"""Cross-origin requests: which answers a browser hands to pages of other sites (Fetch Standard, CORS protocol).

No answer allows credentials: tokens travel in the Authorization header, and the API sets no cookie.
"""

import re
from collections.abc import Iterable

Headers = list[tuple[str, str]]

REQUEST_HEADERS = "Authorization, Content-Type, Idempotency-Key, X-Request-Id"
"""What a page may send beyond what any page may."""

EXPOSED_HEADERS = "Link, Location, Retry-After, WWW-Authenticate, X-Request-Id"
"""What a page may read beyond the headers that the Fetch Standard safelists; Nginx's own refusals name them, too."""

MAX_AGE_SECONDS = 7200
"""How long a browser need not ask again; Chromium takes no longer one."""

PUBLIC_READ = re.compile(r"/api/public/(rankings|videos|videos/[^/]+)/?")
"""The paths whose GET answers everybody alike; Nginx caches the same ones."""


class Cors:
    """The rules of one site. Without any origin it adds nothing."""

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self._origins = frozenset(origins)

    @property
    def is_on(self) -> bool:
        """Whether pages of any other site may use this API."""
        return bool(self._origins)

    def headers(self, method: str, path: str, origin: str | None) -> Headers:
        """What an answer carries, also a refusal.

        Public reads are for all pages, whatever the request's Origin is: a cache may hold one answer for everybody.
        """
        if not self.is_on:
            return []
        if method in {"GET", "HEAD"} and PUBLIC_READ.fullmatch(path):
            return _allowed("*")
        vary = [("Vary", "Origin")]
        return vary + _allowed(origin) if origin in self._origins else vary

    def preflight(self, methods: Iterable[str]) -> dict[str, str]:
        """What the answer to a preflight carries beside `headers`: what requests of other sites' pages may be."""
        return {
            "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
            "Access-Control-Allow-Headers": REQUEST_HEADERS,
            "Access-Control-Max-Age": str(MAX_AGE_SECONDS),
        }


def _allowed(origin: str) -> Headers:
    return [("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", EXPOSED_HEADERS)]
