"""The headers of pages."""

from collections.abc import Callable
from functools import cache


def page_headers(store_origin: Callable[[], str]) -> Callable[[], dict[str, str]]:
    """Return a function that returns the security headers of every page.

    Scripts and styles come only from this site; pictures and video also from the store. Forms send their Origin, by
    which `app.web.same_site` recognizes them, so the referrer policy is not `no-referrer`.
    """

    @cache
    def headers() -> dict[str, str]:
        store = store_origin()
        directives = (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' {store}",
            f"media-src 'self' {store}",
            "connect-src 'self'",
            "manifest-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
        return {"Content-Security-Policy": "; ".join(directives), "Referrer-Policy": "same-origin"}

    return headers
