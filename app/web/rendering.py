"""Renders templates (Jinja2) in the language of the request."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from bottle import HTTPResponse, request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from app.http.caching import cacheable_answer
from app.web.assets import Assets
from app.web.brand import Brand
from app.web.headers import PageHeaders
from app.web.languages import LANGUAGES, catalogue, read_language

HTML = "text/html; charset=utf-8"
VARY = "Accept-Language, Cookie"


@dataclass(frozen=True, slots=True)
class Address:
    """The address of the page being rendered, without parameters that have no value."""

    path: str
    query: str

    def __str__(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


class Renderer:
    """Renders the pages of one process."""

    def __init__(self, brand: Brand, assets: Assets, headers: PageHeaders, site_url: str | None) -> None:
        self._headers = headers
        self._environment = Environment(
            loader=PackageLoader("app.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            extensions=["jinja2.ext.i18n"],
        )
        self._environment.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # type: ignore[attr-defined]
        self._environment.globals |= {"brand": brand, "asset": assets.url, "languages": LANGUAGES, "site_url": site_url}
        self._environment.filters |= {"number": format_number}

    def render(self, template: str, **values: object) -> str:
        """Return a template with its values filled in."""
        here = Address(request.environ.get("PATH_INFO", "/"), urlencode(parse_qsl(request.query_string)))
        return self._environment.get_template(template).render(language=read_language(), here=here, **values)

    def page(
        self,
        template: str,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        more_media: str = "",
        **values: object,
    ) -> HTTPResponse:
        """Return a page that no cache may keep, because it may say who is signed in.

        Args:
            template: the template's name.
            status: the response's status.
            headers: further headers.
            more_media: sources of video besides the store, for the content security policy.
            values: the values of the template.
        """
        all_headers = {"Content-Type": HTML, "Cache-Control": "no-store"} | self._headers(more_media) | (headers or {})
        return HTTPResponse(self.render(template, **values).encode(), status, all_headers)

    def public_page(self, template: str, **values: object) -> HTTPResponse:
        """Return a page that is the same for every visitor with this language.

        Nginx caches it for a second; browsers keep it, but ask each time whether it has changed.
        """
        return cacheable_answer(
            self.render(template, **values).encode(),
            content_type=HTML,
            headers={"Cache-Control": "no-cache", "Vary": VARY} | self._headers(),
        )


def _gettext(sentence: str) -> str:
    return catalogue(read_language()).gettext(sentence)


def _ngettext(one: str, many: str, number: int) -> str:
    return catalogue(read_language()).ngettext(one, many, number)


def format_number(value: int) -> Markup:
    """Return a whole number with a thin space between thousands, which both languages read (ISO 80000-1)."""
    return Markup(f"{value:,}".replace(",", "&#8239;"))  # noqa: S704 (digits only)
