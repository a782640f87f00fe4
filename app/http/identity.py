"""Who is signed in: the browser's session cookie."""

from app.http.cookies import cookie, is_encrypted, read_cookie
from app.http.requests import read_header
from app.showcase.errors import NotSignedIn
from app.showcase.sessions import Member, Sessions


def _name() -> str:
    # A browser accepts a cookie with the prefix __Host- only over HTTPS and from this host, not from a subdomain.
    return "__Host-session" if is_encrypted() else "session"


def session_cookie(token: str, sessions: Sessions) -> str:
    """Return the header that signs the browser in."""
    return cookie(_name(), token, seconds=sessions.browser_seconds)


def expired_session_cookie() -> str:
    """Return the header that deletes the browser's session cookie."""
    return cookie(_name(), "", seconds=0)


def has_session_cookie() -> bool:
    """Whether the browser sent a session cookie, valid or not."""
    return bool(read_cookie(_name()))


def read_browser_member(sessions: Sessions, *, at: float | None = None) -> Member:
    """Return the account that is signed in in this browser; its token is validated as of `at` (now when None).

    Raises:
        NotSignedIn: there is no cookie, it has expired, or its session has ended.
    """
    token = read_cookie(_name())
    if not token:
        raise NotSignedIn
    return sessions.authenticate_browser(token, at=at)


def find_browser_member(sessions: Sessions) -> Member | None:
    """Return the account that is signed in in this browser, or None."""
    try:
        return read_browser_member(sessions)
    except NotSignedIn:
        return None


def is_fragment() -> bool:
    """Whether a script asks for a part of a page."""
    return read_header("X-Fragment") == "1"
