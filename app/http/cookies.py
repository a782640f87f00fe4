"""Reads and writes cookies. No script of a page can read them (HttpOnly)."""

import re

from bottle import request

VALUE = re.compile(r"[A-Za-z0-9_\-.]{0,4096}")
YEAR_SECONDS = 365 * 86_400


def is_encrypted() -> bool:
    """Whether the client sent the request over HTTPS, if necessary as the trusted proxy reports it."""
    return bool(request.environ.get("wsgi.url_scheme") == "https")


def read_cookie(name: str) -> str | None:
    """Return the first cookie with this name, or None. `http.cookies` rejects a whole header for one bad cookie."""
    for part in request.environ.get("HTTP_COOKIE", "").split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value if VALUE.fullmatch(value) else None
    return None


def cookie(name: str, value: str, *, seconds: int) -> str:
    """Return a Set-Cookie header for the whole site. With `seconds` 0, the browser deletes the cookie."""
    secure = "; Secure" if is_encrypted() else ""
    return f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
