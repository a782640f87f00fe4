"""A real browser (Debian's Chromium, driven by Playwright), whose console errors and policy reports fail a test."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from testing.processes import NotInstalled

PATIENCE_MS = 60_000
EXPECTED_STATUSES = ("status of 400", "status of 401", "status of 404", "net::ERR_")
"""What a browser's console says of responses that a test itself causes. All other lines fail the test."""


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run Chromium during the `with` block.

    Raises:
        NotInstalled: this machine has no Chromium.
    """
    program = shutil.which("chromium")
    if program is None:
        raise NotInstalled("Chromium is not installed: apt-get install chromium libatomic1")
    # Chromium's own sandbox does not work for root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Window:
    """A page of the browser with everything that went wrong in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(text in message.text for text in EXPECTED_STATUSES):
            self.problems.append(message.text)


@contextmanager
def window(
    browser: Browser, url: str, *, language: str = "es-CO", width: int = 1280, **options: Any
) -> Iterator[Window]:
    """Open a window with cookies of its own. At the end of the `with` block, nothing may have gone wrong in it."""
    context: BrowserContext = browser.new_context(
        base_url=url, locale=language, viewport={"width": width, "height": 800}, **options
    )
    context.set_default_timeout(PATIENCE_MS)
    try:
        opened = Window(context.new_page())
        yield opened
        assert opened.problems == []
    finally:
        context.close()
