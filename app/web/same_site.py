"""Rejects requests that a page of another site made a visitor's browser send (CSRF).

Browsers send Sec-Fetch-Site, or at least Origin, with every form and every fetch() that may change something
(https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html). A page can set
neither of them. Browsers send Sec-Fetch-Site only over HTTPS and to this machine.
"""

from bottle import request

from app.http.errors import ApiError


class ForeignOrigin(ApiError):
    """The request does not come from one of this site's pages."""

    status = 403
    message = "This request does not come from a page of this site. Open the page again and repeat it there."


def check_same_site() -> None:
    """Check that the request comes from a page of this site.

    Raises:
        ForeignOrigin: it comes from another site, or the client does not say where it comes from.
    """
    environ = request.environ
    site, origin = environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_ORIGIN")
    is_same = site == "same-origin" if site is not None else _is_own(origin or "")
    if not is_same:
        raise ForeignOrigin


def _is_own(origin: str) -> bool:
    """Whether an origin is that of this site. Nginx passes on the Host header without its port."""
    environ = request.environ
    scheme, _, place = origin.partition("://")
    host = environ.get("HTTP_HOST", "")
    return scheme == environ.get("wsgi.url_scheme") and host in {place, place.rpartition(":")[0] or place}
