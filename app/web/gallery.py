"""/: the gallery of published clips."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlencode

from bottle import HTTPResponse, request
from pydantic import Field, StringConstraints

from app.http.request_schemas import Place
from app.http.requests import client_address, read_header, read_query
from app.showcase.catalogue import Order, PublicClip, list_public
from app.showcase.catalogue import Page as ClipPage
from app.showcase.cities import list_cities
from app.showcase.shuffling import SHUFFLES, list_shuffled
from app.web.pages import Page, PageDependencies
from app.web.queries import PageQuery

CLIPS_PER_PAGE = 24


class GalleryOrder(StrEnum):
    """How the gallery is sorted."""

    SHUFFLED = "shuffled"
    NEWEST = "newest"
    VOTES = "votes"


class GalleryQuery(PageQuery):
    """The query of the gallery's address."""

    city: Place = None
    order: GalleryOrder = GalleryOrder.SHUFFLED
    cursor: Annotated[str | None, StringConstraints(max_length=512)] = Field(default=None)


@dataclass(frozen=True, slots=True)
class Card:
    """A clip in the gallery."""

    clip: PublicClip
    poster_url: str | None


class GalleryPages:
    """The gallery."""

    def __init__(self, dependencies: PageDependencies) -> None:
        self._dependencies = dependencies

    def pages(self) -> Iterator[Page]:
        """Yield the page."""
        yield Page("GET", "/", self.show)

    def show(self) -> HTTPResponse:
        """Show a page of the published clips."""
        query = read_query(GalleryQuery)
        page = self._list(query)
        return self._dependencies.renderer.public_page(
            "gallery.html",
            cards=[Card(clip, self._poster_url(clip)) for clip in page.videos],
            cities=list_cities(),
            query=query,
            orders=list(GalleryOrder),
            next_path=_path(query, page.next_cursor) if page.next_cursor else None,
        )

    def _list(self, query: GalleryQuery) -> ClipPage:
        if query.order is GalleryOrder.SHUFFLED:
            shuffle = self._read_shuffle()
            return list_shuffled(city=query.city, shuffle=shuffle, limit=CLIPS_PER_PAGE, cursor=query.cursor)
        order = Order(query.order.value)
        return list_public(city=query.city, order=order, limit=CLIPS_PER_PAGE, cursor=query.cursor)

    def _read_shuffle(self) -> int:
        """Return the visitor's shuffle: as Nginx chose it, or from their address and browser. Both remain the same."""
        chosen = read_header("X-Shuffle") or ""
        if self._dependencies.settings.trusted_proxy and chosen.isascii() and chosen.isdigit():
            return int(chosen) % SHUFFLES
        visitor = f"{client_address()} {request.environ.get('HTTP_USER_AGENT', '')}"
        return hashlib.sha256(visitor.encode()).digest()[0] % SHUFFLES

    def _poster_url(self, clip: PublicClip) -> str | None:
        return self._dependencies.store.url(clip.poster_key) if clip.poster_key else None


def _path(query: GalleryQuery, cursor: str) -> str:
    values = {"city": query.city, "order": query.order.value, "cursor": cursor}
    return "/?" + urlencode({name: value for name, value in values.items() if value})
