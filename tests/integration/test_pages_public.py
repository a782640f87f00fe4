"""The gallery, the page of a clip and the rankings."""

import re
from collections.abc import Iterator
from html import unescape

import pytest

from testing.browsing import Visitor, visiting
from testing.homes import unique
from testing.people import Player
from testing.sites import Site, SiteMaker

CLIP = re.compile(r'href="/v/([0-9a-f-]{36})"')
NEXT = re.compile(r'rel="next" href="([^"]+)"')
HOSTILE = '"><script>alert(1)</script>{{7*7}}'


@pytest.fixture
def visitor(site: Site) -> Iterator[Visitor]:
    with visiting(site) as visitor:
        yield visitor


def walk(visitor: Visitor, path: str) -> list[str]:
    """Return the clips of all pages of the gallery, in order."""
    clips: list[str] = []
    link: str | None = path
    while link:
        page = visitor.get(link).text
        clips += CLIP.findall(page)
        following = NEXT.search(page)
        link = unescape(following.group(1)) if following else None
        assert len(clips) < 500
    return clips


@pytest.fixture(scope="module")
def player(site: Site) -> Player:
    """A player with thirty clips, more than a page, in a city of their own."""
    made = site.sign_up(city=unique("Tunja"))
    for number in range(30):
        site.publish_video(made, votes=number, age=number)
    return made


@pytest.mark.parametrize("order", ["shuffled", "newest", "votes"])
def test_paging_shows_every_clip_once(order: str, visitor: Visitor, player: Player) -> None:
    clips = walk(visitor, f"/?city={player.city}&order={order}")
    assert len(clips) == len(set(clips)) == 30


def test_the_shuffled_order_is_the_visitors_own_and_stable(site: Site, player: Player) -> None:
    def first_clips(agent: str) -> list[str]:
        with visiting(site, **{"User-Agent": agent}) as visitor:
            return walk(visitor, f"/?city={player.city}")

    orders = [first_clips(f"phone {number}") for number in range(8)]
    assert first_clips("phone 0") == orders[0]
    assert len({tuple(order) for order in orders}) > 1
    rings = {tuple(order[order.index(min(order)) :] + order[: order.index(min(order))]) for order in orders}
    assert rings == {tuple(sorted(orders[0]))}


def test_a_filter_finds_a_city_in_any_spelling(site: Site, visitor: Visitor) -> None:
    city = unique("Bogotá")
    clip = site.publish_video(site.sign_up(city=city))
    assert CLIP.findall(visitor.get(f"/?city={city.upper().replace('Á', 'A')}").text) == [clip]
    assert "No clips from this city yet." in visitor.get(f"/?city={unique('Nowhere')}").text
    assert f'value="{city}"' in visitor.get("/").text


def test_titles_names_and_cities_are_escaped(site: Site, visitor: Visitor) -> None:
    city = unique("<b>City")
    owner = site.sign_up(city=city, first_name=HOSTILE, last_name="<i>")
    clip = site.publish_video(owner, title=HOSTILE)
    for path in (f"/v/{clip}", "/ranking", f"/ranking/{city.lower().replace('/', '%2F')}", f"/?city={city}"):
        page = visitor.get(path).text
        assert "<script>alert" not in page
        assert "<b>" not in page
        assert "49" not in re.findall(r"<h1[^>]*>(.*?)</h1>", page)[0]


def test_the_page_of_a_clip_plays_it_and_counts_its_votes(site: Site, visitor: Visitor) -> None:
    owner = site.sign_up(city=unique("Neiva"))
    clip = site.publish_video(owner, title="Clavada", votes=12345)
    page = visitor.get(f"/v/{clip}").text
    assert f'src="/v/{clip}/video"' in page
    assert "Clavada" in page
    assert owner.username in unescape(page)
    assert "12&#8239;345" in page


def test_the_addresses_of_clip_and_poster_lead_to_fresh_urls(site: Site, visitor: Visitor) -> None:
    clip = site.publish_video(site.sign_up())
    for path, kind in (("video", "processed-videos"), ("poster.jpg", "posters")):
        answer = visitor.get(f"/v/{clip}/{path}")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (302, "no-store")
        assert f"/{kind}/{clip}/" in answer.headers["Location"]
        assert "X-Amz-Signature=" in answer.headers["Location"]


def test_a_clip_that_is_deleted_or_not_yet_published_has_no_page(site: Site, visitor: Visitor) -> None:
    owner = site.sign_up()
    for clip in (site.publish_video(owner, deleted=True), site.publish_video(owner, published=False)):
        for path in ("", "/video", "/poster.jpg", "/ballot"):
            assert visitor.get(f"/v/{clip}{path}").status_code == 404


def test_a_shared_clip_has_a_card_and_a_qr_code_only_where_the_sites_address_is_set(
    site: Site, visitor: Visitor, make_site: SiteMaker
) -> None:
    clip = site.publish_video(site.sign_up())
    assert "og:image" not in visitor.get(f"/v/{clip}").text
    with visiting(make_site(SITE_URL="https://show.example.org")) as other:
        page = other.get(f"/v/{clip}").text
    assert f'<meta property="og:image" content="https://show.example.org/v/{clip}/poster.jpg">' in page
    assert 'class="qr"' in page


def test_a_city_has_a_ranking_with_a_chart_of_its_first_ten(site: Site, visitor: Visitor) -> None:
    city = unique("Pasto")
    for votes in range(12):
        site.publish_video(site.sign_up(city=city), votes=votes * 1000)
    page = visitor.get(f"/ranking/{city.lower()}").text
    assert len(re.findall(r"<rect ", page)) == 10
    assert len(re.findall(r'<th scope="row"', page)) == 12
    widths = [int(width) for width in re.findall(r'<rect [^>]*width="(\d+)"', page)]
    assert widths == sorted(widths, reverse=True)
    assert re.findall(r"<h1[^>]*>(.*?)</h1>", page) == [f"Ranking of {city}"]
    assert f'href="/ranking/{city.lower()}"' in page


def test_a_ranking_without_players_says_so(visitor: Visitor) -> None:
    page = visitor.get(f"/ranking/{unique('nowhere')}").text
    assert "No player has a published clip here yet." in page
