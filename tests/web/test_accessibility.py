"""Every page is accessible (axe-core), works with the keyboard alone, and is small."""

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from testing.browser import window
from testing.browsing import visiting
from testing.homes import unique
from testing.people import Player
from testing.sites import Site

KB = 1024
ANONYMOUS = ("/", "/ranking", "/about", "/signup", "/signin", "/nothing", "/v/{clip}", "/ranking/{city}")
SIGNED_IN = ("/me", "/me/upload", "/signout", "/v/{clip}")


LONGER = ((360, "light"), (1280, "light"), (1280, "dark"))
"""Widths and themes that `make test` leaves to `make test-slow`."""


@dataclass(frozen=True)
class Contest:
    """A player with a published clip, a waiting one and a failed one."""

    player: Player
    clip: str

    def path(self, path: str) -> str:
        return path.format(clip=self.clip, city=str(self.player.city).lower())


@pytest.fixture(scope="module")
def contest(embedded: Site) -> Contest:
    player = embedded.sign_up(city=unique("Tunja"))
    embedded.publish_video(player, published=False)
    return Contest(player, embedded.publish_video(player, votes=3, title="Pase sin mirar"))


@pytest.fixture
def session(embedded: Site, contest: Contest) -> Iterator[str]:
    """The value of the session cookie of the contest's player."""
    with visiting(embedded) as visitor:
        visitor.post("/signin", {"email": contest.player.email, "password": contest.player.password})
        yield visitor.http.cookies["session"]


def violations(page: Page) -> list[str]:
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in Axe().run(page).response["violations"]]


@pytest.mark.parametrize("view", [(360, "dark"), *(pytest.param(view, marks=pytest.mark.slow) for view in LONGER)])
def test_axe_finds_no_violation(
    browser: Browser, embedded: Site, contest: Contest, session: str, view: tuple[int, str]
) -> None:
    width, theme = view
    with window(browser, embedded.url, width=width, color_scheme=theme, bypass_csp=True) as opened:
        found = {}
        for path in (*ANONYMOUS, *SIGNED_IN):
            if path == SIGNED_IN[0]:
                opened.page.context.add_cookies([{"name": "session", "value": session, "url": embedded.url}])
            opened.page.goto(contest.path(path), wait_until="load")
            opened.page.wait_for_timeout(200)
            found[path] = violations(opened.page)
            assert opened.page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert {path: problems for path, problems in found.items() if problems} == {}


def test_a_visitor_signs_in_and_votes_with_the_keyboard_alone(
    browser: Browser, embedded: Site, contest: Contest
) -> None:
    voter = embedded.sign_up()

    def tab_to(page: Page, selector: str) -> None:
        page.wait_for_selector(selector)
        for _ in range(40):
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not reach {selector}")

    with window(browser, embedded.url, language="en") as opened:
        page = opened.page
        page.goto(f"/v/{contest.clip}")
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to the content")).to_be_focused()
        tab_to(page, "#ballot a.button")
        page.keyboard.press("Enter")
        page.wait_for_url("**/signin**")
        tab_to(page, "#email")
        page.keyboard.type(voter.email)
        tab_to(page, "#password")
        page.keyboard.type(voter.password)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/v/{contest.clip}#ballot")
        tab_to(page, "#ballot form button")
        page.keyboard.press("Enter")
        expect(page.get_by_text("You voted for this clip.")).to_be_visible()
        expect(page.locator("#ballot form button")).to_be_focused()


@pytest.mark.parametrize("path", [*ANONYMOUS, *SIGNED_IN])
def test_a_page_with_all_its_files_stays_within_a_hundred_kilobytes(
    path: str, embedded: Site, contest: Contest, session: str
) -> None:
    with httpx.Client(base_url=embedded.url, trust_env=False, cookies={"session": session}) as http:
        page = http.get(contest.path(path)).content
        names = set(re.findall(rb'(?:href|src)="(/static/[^"]+)"', page))
        files = {name.decode(): len(gzip.compress(http.get(name.decode()).content)) for name in names}
    assert len(files) >= 4
    scripts = sum(size for name, size in files.items() if Path(name).suffix == ".js")
    assert scripts <= 60 * KB
    assert len(gzip.compress(page)) + sum(files.values()) <= 100 * KB
