"""Error pages, and the way to the sign-in page for a visitor who must sign in first."""

from typing import Any
from urllib.parse import urlencode

import structlog
from bottle import HTTPError, HTTPResponse, request, response

from app.http.errors import as_refusal, show
from app.http.identity import is_fragment
from app.showcase.errors import NotSignedIn
from app.web.languages import read_language, translate
from app.web.rendering import HTML, Renderer

log = structlog.get_logger(__name__)

TITLES = {
    400: "That did not work",
    403: "Not allowed",
    404: "Page not found",
    405: "That does not work here",
    413: "Too large",
    422: "Something is missing",
    429: "Too many requests",
    500: "Something went wrong",
    503: "Back in a moment",
}
"""The heading of each error page; templates and catalogues translate it."""

SENTENCES = {
    404: "There is nothing at this address. The clip may have been removed.",
    405: "This address does not accept that kind of request.",
    413: "What you sent is larger than this page accepts.",
    429: "You did that too often. Wait a moment, then try again.",
    500: "The error has been recorded. Try again; if it happens again, tell the organisers.",
    503: "A part of the platform is not available right now. Nothing of yours is lost; try again shortly.",
}
"""What a visitor reads instead of the API's sentence."""


def overloaded_page() -> bytes:
    """Return the page of a process that has more requests than it can handle. It needs no template."""
    title, sentence = translate("es", TITLES[503]), translate("es", SENTENCES[503])
    return f"""<!doctype html>
<html lang="es"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<h1>{title}</h1>
<p>{sentence}</p>
<p lang="en">{SENTENCES[503]}</p>
</html>
""".encode()


def redirect(path: str, *cookies: str) -> HTTPResponse:
    """Return a redirect to a page of this site, which the browser requests with GET, and set cookies."""
    answer = HTTPResponse(b"", 303, {"Location": path, "Cache-Control": "no-store"})
    for header in cookies:
        answer.add_header("Set-Cookie", header)
    return answer


def sign_in_path(after: str) -> str:
    """Return the address of the sign-in page, from which the visitor continues to `after`."""
    return f"/signin?{urlencode({'next': after})}"


def sentence_for(status: int, detail: str | list[dict[str, Any]]) -> str:
    """Return what the visitor reads for an error, in their language."""
    own = detail if isinstance(detail, str) else "; ".join(item["msg"] for item in detail)
    return translate(read_language(), SENTENCES.get(status, own))


class ErrorPages:
    """Shows errors as pages."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def show(self, error: Exception, *, back: str | None) -> HTTPResponse:
        """Return the page for an exception of a handler. `back` is the page whose form caused it."""
        refusal = as_refusal(error)
        shown = show(refusal)
        if isinstance(refusal, NotSignedIn) and not is_fragment():
            here = request.path + (f"?{request.query_string}" if request.query_string else "")
            return redirect(sign_in_path(back or here))
        headers = {name: value for name, value in shown.headers.items() if name != "WWW-Authenticate"}
        return self._page(shown.status, sentence_for(shown.status, shown.detail), headers, back=back)

    def show_http_error(self, error: HTTPError) -> str:
        """Return the page for one of Bottle's own errors (unknown path, wrong method, uncaught exception)."""
        if error.exception is not None:
            log.error("request_failed", exc_info=error.exception)
        page = self._page(error.status_code, sentence_for(error.status_code, str(error.status_line)), {}, back=None)
        response.content_type = HTML
        for name, value in page.headerlist:
            response.set_header(name, value)
        return str(page.body.decode())

    def _page(self, status: int, sentence: str, headers: dict[str, str], *, back: str | None) -> HTTPResponse:
        template = "fragments/failure.html" if is_fragment() else "error.html"
        title = TITLES.get(status, TITLES[400])
        return self._renderer.page(
            template, status=status, headers=headers, title=title, sentence=sentence, status_code=status, back=back
        )
