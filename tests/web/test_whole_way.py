"""The way of a player and of a voter through the pages, in a real browser."""

import re
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.db.models import Video
from testing.browser import window
from testing.cables import Cable
from testing.homes import unique
from testing.processes import wait_until
from testing.sites import Site
from tests.web.conftest import sign_up

SPANISH = {
    "account": "Crear una cuenta",
    "create": "Crear una",
    "upload": "Subir",
    "published": "Publicado",
    "share": "Compartir este video",
    "vote": "Votar por este video",
    "voted": "Votaste por este video.",
    "withdraw": "Retirar mi voto",
}
ENGLISH = {
    "account": "Create an account",
    "create": "Create one",
    "upload": "Upload",
    "published": "Published",
    "share": "Share this clip",
    "vote": "Vote for this clip",
    "voted": "You voted for this clip.",
    "withdraw": "Withdraw my vote",
}
RENDERED_MS = 120_000


def played_seconds(page: Page) -> float:
    """Play the clip of the page without sound, and return how far it is after a moment."""
    page.evaluate("const video = document.querySelector('video'); video.muted = true; video.play()")
    # The page's Content-Security-Policy forbids eval, which wait_for_function uses.
    wait_until(lambda: position(page) > 1, what="the clip to play", seconds=60)
    return position(page)


def position(page: Page) -> float:
    """Return how far the clip of the page has played, in seconds."""
    return float(page.evaluate("document.querySelector('video').currentTime"))


def choose(page: Page, clip: Path, title: str) -> None:
    page.fill("#title", title)
    page.set_input_files("input[type=file]", clip)


def clips_with(site: Site, title: str) -> int:
    with site.tables():
        return int(Video.select().where(Video.title == title).count())


@pytest.mark.parametrize(
    "visit",
    [("es-CO", 360, SPANISH), pytest.param(("en-GB", 1280, ENGLISH), marks=pytest.mark.slow)],
    ids=["phone in Spanish", "desktop in English"],
)
def test_a_player_uploads_watches_votes_and_withdraws(
    browser: Browser, embedded: Site, footage: Path, visit: tuple[str, int, dict[str, str]]
) -> None:
    language, width, says = visit
    title = unique("Clavada")
    with window(browser, embedded.url, language=language, width=width) as opened:
        page = opened.page
        page.goto("/")
        page.get_by_role("link", name=says["upload"]).click()
        page.get_by_role("link", name=says["create"]).click()
        sign_up(page, button=says["account"])
        choose(page, footage, title)
        page.get_by_role("button", name=says["upload"]).click()
        page.wait_for_url("**/me")
        expect(page.get_by_text(says["published"])).to_be_visible(timeout=RENDERED_MS)
        page.get_by_role("link", name=says["share"]).click()
        expect(page.get_by_role("heading", name=title)).to_be_visible()
        assert played_seconds(page) > 1
        page.get_by_role("button", name=says["vote"]).dblclick()
        expect(page.get_by_text(says["voted"])).to_be_visible()
        expect(page.locator("#ballot .count strong")).to_have_text("1")
        page.goto("/ranking")
        expect(page.get_by_role("row", name=re.compile("Ana Gómez.*1")).first).to_be_visible()
        page.go_back()
        expect(page.get_by_text(says["voted"])).to_be_visible()
        page.get_by_role("button", name=says["withdraw"]).click()
        expect(page.locator("#ballot .count strong")).to_have_text("0")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_an_upload_whose_connection_breaks_is_sent_again_and_stays_one_clip(
    browser: Browser, embedded: Site, footage: Path
) -> None:
    title, cable = unique("Cortada"), Cable(embedded.port)
    try:
        with window(browser, f"http://127.0.0.1:{cable.port}", language="en") as opened:
            page = opened.page
            page.goto("/signup?next=/me/upload")
            sign_up(page, button=ENGLISH["account"])
            choose(page, footage, title)
            network = page.context.new_cdp_session(page)
            network.send("Network.enable")
            slow = {"offline": False, "latency": 20, "downloadThroughput": 4e6, "uploadThroughput": 1.5e6}
            network.send("Network.emulateNetworkConditions", slow)
            page.get_by_role("button", name="Upload").click()
            expect(page.get_by_text(re.compile(r"[1-9].*% sent · .* MB/s"))).to_be_visible()
            cable.cut()
            expect(page.get_by_text("The connection broke.")).to_be_visible()
            network.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
            cable.plug_in()
            page.wait_for_url("**/me")
            expect(page.get_by_role("heading", name=title)).to_be_visible()
    finally:
        cable.cut()
    assert clips_with(embedded, title) == 1


def test_a_clip_that_cannot_be_accepted_is_rejected_before_it_is_sent(
    browser: Browser, embedded: Site, tmp_path: Path
) -> None:
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate(105 * 1024 * 1024)
    (tmp_path / "movie.mov").write_bytes(b"x")
    with window(browser, embedded.url, language="en") as opened:
        page = opened.page
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.method))
        page.goto("/signup?next=/me/upload")
        sign_up(page, button=ENGLISH["account"])
        page.wait_for_selector("form.upload")
        sent.clear()
        for clip, sentence in ((large, "105 MB; 100 MB are possible"), (tmp_path / "movie.mov", "not an MP4")):
            choose(page, clip, "x")
            expect(page.get_by_text(sentence)).to_be_visible()
            page.get_by_role("button", name="Upload").click()
        assert "POST" not in sent


def test_a_session_that_ended_elsewhere_leads_back_to_the_vote(browser: Browser, embedded: Site) -> None:
    clip = embedded.publish_video(embedded.sign_up())
    with window(browser, embedded.url, language="en") as opened:
        page = opened.page
        page.goto(f"/signup?next=/v/{clip}")
        sign_up(page, button=ENGLISH["account"])
        page.wait_for_selector("video")
        with page.context.expect_page() as other_tab:
            page.evaluate("window.open('/signout')")
        other = other_tab.value
        other.get_by_role("button", name="Sign out on this device").click()
        other.wait_for_url("**/")
        page.get_by_role("button", name="Vote for this clip").click()
        page.wait_for_url("**/signin?next=**")


def test_a_clip_that_is_removed_while_it_is_watched_is_explained(browser: Browser, embedded: Site) -> None:
    clip = embedded.publish_video(embedded.sign_up())
    with window(browser, embedded.url, language="en") as opened:
        page = opened.page
        page.goto(f"/signup?next=/v/{clip}")
        sign_up(page, button=ENGLISH["account"])
        page.wait_for_selector("#ballot button")
        with embedded.tables():
            Video.update(hidden_at=1.0).where(Video.id == uuid.UUID(clip)).execute()
        page.get_by_role("button", name="Vote for this clip").click()
        expect(page.get_by_text("The clip may have been removed.")).to_be_visible()


def test_a_vote_without_a_connection_says_so_and_can_be_repeated(browser: Browser, embedded: Site) -> None:
    clip = embedded.publish_video(embedded.sign_up())
    with window(browser, embedded.url, language="en") as opened:
        page = opened.page
        page.goto(f"/signup?next=/v/{clip}")
        sign_up(page, button=ENGLISH["account"])
        page.wait_for_selector("#ballot button")
        page.context.set_offline(True)
        page.get_by_role("button", name="Vote for this clip").click()
        expect(page.get_by_text("There is no connection.")).to_be_visible()
        page.context.set_offline(False)
        page.get_by_role("button", name="Vote for this clip").click()
        expect(page.get_by_text("You voted for this clip.")).to_be_visible()


def test_without_scripts_a_visitor_reads_signs_in_and_votes(browser: Browser, embedded: Site) -> None:
    clip = embedded.publish_video(embedded.sign_up())
    with window(browser, embedded.url, language="en", java_script_enabled=False) as opened:
        page = opened.page
        page.goto(f"/v/{clip}")
        page.get_by_role("button", name="Vote for this clip").click()
        page.get_by_role("link", name="Create one").click()
        sign_up(page, button=ENGLISH["account"])
        page.get_by_role("button", name="Vote for this clip").click()
        page.wait_for_url(f"**/v/{clip}#ballot")
        page.goto("/me/upload")
        expect(page.get_by_text("Without scripts, this page shows no progress")).to_be_visible()
    with embedded.tables():
        assert Video.get_by_id(uuid.UUID(clip)).votes == 1
