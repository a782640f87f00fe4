"""Makes screenshots of every page of a running site: `python -m testing.screenshots URL FOLDER`.

The site has the sample of `make serve SAMPLE=1`.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
from playwright.sync_api import Browser

from demo.client import PASSWORD
from demo.sample import CLIPS
from testing.browser import running_browser

PHONE, DESKTOP = (390, 844), (1280, 800)
VIEWS = (
    ("phone", PHONE, "light", "es"),
    ("phone-dark", PHONE, "dark", "es"),
    ("phone-english", PHONE, "light", "en"),
    ("desktop", DESKTOP, "light", "es"),
    ("desktop-dark", DESKTOP, "dark", "es"),
)
"""Name, size of the window in pixels, theme and language."""

PUBLIC = {"gallery": "/", "ranking": "/ranking", "ranking-city": "/ranking/bogota", "about": "/about"}
FORMS = {"sign-up": "/signup", "sign-in": "/signin", "missing": "/nothing"}
PERSONAL = {"own-clips": "/me", "upload": "/me/upload", "sign-out": "/signout"}


def main(url: str, folder: Path) -> None:
    """Write a PNG for each page and view."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = httpx.get(f"{url}/api/public/videos", params={"order": "votes"}, trust_env=False).json()
    pages = PUBLIC | FORMS | {"clip": f"/v/{clips[0]['video_id']}"}
    with running_browser() as browser:
        for file in _shoot(browser, url, pages, folder):
            sys.stdout.write(f"{file}\n")


def _shoot(browser: Browser, url: str, pages: dict[str, str], folder: Path) -> Iterator[Path]:
    for view, (width, height), theme, language in VIEWS:
        context = browser.new_context(
            base_url=url,
            locale=language,
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
        )
        page = context.new_page()
        for name, path in (pages | PERSONAL).items():
            page.goto(path)
            if name in PERSONAL and page.url.partition("?")[0].endswith("/signin"):
                page.fill("#email", f"{CLIPS[0].first_name}.{CLIPS[0].last_name}@example.com")
                page.fill("#password", PASSWORD)
                page.locator("main button").click()
                page.wait_for_url(f"**{path}")
            # Posters below the first screen load when they come into view.
            page.mouse.wheel(0, 20_000)
            page.wait_for_timeout(1_000)
            page.evaluate("scrollTo(0, 0)")
            file = folder / f"{name}-{view}.png"
            page.screenshot(path=file, full_page=True)
            yield file
        context.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
