"""The headers of pages."""

from collections.abc import Callable
from functools import cache

PageHeaders = Callable[..., dict[str, str]]


def page_headers(store_origin: Callable[[], str]) -> PageHeaders:
    """Return a function that returns the security headers of a page, given further sources of video.

    Scripts and styles come only from this site; pictures and video also from the store. Forms send their Origin, by
    which `app.web.same_site` recognizes them, so the referrer policy is not `no-referrer`.
    """

    @cache
    def headers(more_media: str = "") -> dict[str, str]:
        store = store_origin()
        directives = (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' {store}",
            f"media-src 'self' {store} {more_media}".rstrip(),
            "connect-src 'self'",
            "manifest-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
        return {"Content-Security-Policy": "; ".join(directives), "Referrer-Policy": "same-origin"}

    return headers
