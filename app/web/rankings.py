"""/ranking: the ranking of all cities and of each city."""

from collections.abc import Iterator

from bottle import HTTPResponse
from pydantic import Field

from app.http.identity import find_browser_member
from app.http.request_schemas import MAX_OFFSET
from app.http.requests import read_query
from app.showcase.cities import list_cities
from app.showcase.rankings import find_standing, rank
from app.web.chart import draw_chart
from app.web.pages import Page, PageDependencies
from app.web.queries import PageQuery

ROWS_PER_PAGE = 50


class RankingPageQuery(PageQuery):
    """The query of a ranking's address."""

    offset: int = Field(default=0, ge=0, le=MAX_OFFSET)


class RankingPages:
    """The rankings."""

    def __init__(self, dependencies: PageDependencies) -> None:
        self._dependencies = dependencies

    def pages(self) -> Iterator[Page]:
        """Yield the pages, and the fragment with the visitor's own place."""
        yield Page("GET", "/ranking", self.show)
        yield Page("GET", "/ranking/<city>", self.show)
        yield Page("GET", "/fragments/place", self.show_place)
        yield Page("GET", "/fragments/place/<city>", self.show_place)

    def show(self, city: str | None = None) -> HTTPResponse:
        """Show a page of the ranking; its first page has a chart of the first ten."""
        query = read_query(RankingPageQuery)
        rows = rank(city=city, limit=ROWS_PER_PAGE + 1, offset=query.offset)
        shown, has_more = rows[:ROWS_PER_PAGE], len(rows) > ROWS_PER_PAGE
        cities = list_cities()
        return self._dependencies.renderer.public_page(
            "ranking.html",
            standings=shown,
            chart=draw_chart(shown) if not query.offset else None,
            cities=cities,
            city=city,
            city_name=next((each.name for each in cities if each.key == city), city),
            next_offset=query.offset + ROWS_PER_PAGE if has_more else None,
        )

    def show_place(self, city: str | None = None) -> HTTPResponse:
        """Show the place of the player who is signed in, if they have one in this ranking."""
        member = find_browser_member(self._dependencies.sessions)
        own = find_standing(member.id, city=city) if member else None
        return self._dependencies.renderer.page("fragments/place.html", own=own)
