"""/static: style sheets, scripts and pictures under immutable names."""

from collections.abc import Iterator

from bottle import HTTPResponse

from app.http.errors import ApiError
from app.web.pages import Page, PageDependencies

A_YEAR = "public, max-age=31536000, immutable"


class NoSuchFile(ApiError):
    """There is no static file with this name."""

    status = 404
    message = "Not found"


class StaticFiles:
    """Serves the static files."""

    def __init__(self, dependencies: PageDependencies) -> None:
        self._assets = dependencies.assets

    def pages(self) -> Iterator[Page]:
        """Yield the route of the files, and the icon's well-known path."""
        yield Page("GET", "/static/<name>", self.show)
        yield Page("GET", "/favicon.ico", self.icon)

    def show(self, name: str) -> HTTPResponse:
        """Return a file. Caches may keep it for a year if the name's digest is that of its content."""
        found = self._assets.find(name)
        if found is None:
            raise NoSuchFile
        asset, is_current = found
        cache_control = A_YEAR if is_current else "no-store"
        return HTTPResponse(asset.body, 200, {"Content-Type": asset.content_type, "Cache-Control": cache_control})

    def icon(self) -> HTTPResponse:
        """Redirect to the logo."""
        return HTTPResponse(b"", 302, {"Location": self._assets.url("logo.svg"), "Cache-Control": "public, max-age=60"})
