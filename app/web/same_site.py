"""Rejects requests that a page of another site made a visitor's browser send (CSRF).

Browsers send Sec-Fetch-Site, or at least Origin, with every form and every fetch() that may change something
(https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html). A page can set
neither of them.
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
    if site is None and origin is None:
        raise ForeignOrigin
    if site not in {None, "same-origin"} or origin not in {None, own_origin()}:
        raise ForeignOrigin


def own_origin() -> str:
    """Return the origin under which the client reached this site."""
    environ = request.environ
    return f"{environ.get('wsgi.url_scheme', 'http')}://{environ.get('HTTP_HOST', '')}"
