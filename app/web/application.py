"""The WSGI application of the pages, and the dispatcher that decides by path between pages and API."""

from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import bottle
import structlog

from app.http.paths import is_api_path
from app.web.about import AboutPages
from app.web.accounts import AccountPages
from app.web.assets import Assets, read_static_files
from app.web.brand import Brand
from app.web.failures import ErrorPages
from app.web.gallery import GalleryPages
from app.web.headers import page_headers
from app.web.own_clips import OwnClipPages
from app.web.pages import Page, PageDependencies, PageGroup
from app.web.rankings import RankingPages
from app.web.rendering import Renderer
from app.web.same_site import check_same_site
from app.web.settings import SettingPages
from app.web.static import StaticFiles
from app.web.uploads import UploadPages
from app.web.videos import VideoPages

log = structlog.get_logger(__name__)

Application = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]


def read_assets(brand: Brand) -> Assets:
    """Return the static files with the league's logo and colours."""
    files = [file for file in read_static_files() if file[0] != "logo.svg"]
    return Assets([*files, ("logo.svg", brand.logo()), ("brand.css", brand.style_sheet())])


def create_renderer(brand: Brand, assets: Assets, store_origin: Callable[[], str], site_url: str | None) -> Renderer:
    """Create the renderer of a process. `store_origin` returns the origin of clips and posters."""
    return Renderer(brand, assets, page_headers(store_origin), site_url)


class Pages(bottle.Bottle):  # type: ignore[misc]
    """A Bottle application that returns Bottle's own errors as pages."""

    def __init__(self, errors: ErrorPages) -> None:
        super().__init__()
        self._errors = errors

    def default_error_handler(self, error: bottle.HTTPError) -> str:
        """Return the page that replaces Bottle's own page for an error."""
        return self._errors.show_http_error(error)


def create_pages(dependencies: PageDependencies) -> Pages:
    """Create the application with every page."""
    errors = ErrorPages(dependencies.renderer)
    pages = Pages(errors)
    groups: list[PageGroup] = [
        GalleryPages(dependencies),
        VideoPages(dependencies),
        RankingPages(dependencies),
        AboutPages(dependencies),
        AccountPages(dependencies),
        UploadPages(dependencies),
        OwnClipPages(dependencies),
        SettingPages(dependencies),
        StaticFiles(dependencies),
    ]
    for group in groups:
        for page in group.pages():
            pages.route(page.path, page.method, _guarded(page, errors))
    return pages


def _guarded(page: Page, errors: ErrorPages) -> Callable[..., object]:
    """Return a page's handler. It rejects requests from other sites, and shows errors as pages."""

    def handle(**arguments: str) -> object:
        try:
            if page.method != "GET":
                check_same_site()
            return page.handler(**arguments)
        except bottle.HTTPResponse:
            raise
        except Exception as error:  # noqa: BLE001 (no other exception may reach Bottle)
            return errors.show(error, back=page.form.format(**arguments) if page.form else None)

    return handle


def dispatch(api: Application, pages: Application) -> Application:
    """Return an application that sends the API's paths to `api` and all others to `pages`."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return (api if is_api_path(environ["PATH_INFO"]) else pages)(environ, start_response)

    return application
