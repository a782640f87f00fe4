"""A browser, and the embedded site that it visits."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from testing.browser import running_browser
from testing.homes import Backend, Home, unique
from testing.sites import Site, running_site


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with running_browser() as running:
        yield running


@pytest.fixture(scope="session")
def embedded(new_home: Callable[[Backend], Home]) -> Iterator[Site]:
    """An embedded site that renders: API, worker and upkeep."""
    with running_site(new_home("embedded"), with_worker=True) as running:
        yield running


@pytest.fixture(scope="session")
def footage(small_clip: Path) -> Path:
    """Real footage if it was downloaded (tests/services/fetch-footage), otherwise a generated clip."""
    return next(iter(sorted(Path("var/footage").resolve().glob("*.mp4"))), small_clip)


def sign_up(page: Page, *, button: str) -> None:
    """Fill in and send the form for an account, which the page shows."""
    typed = {"first_name": "Ana", "last_name": "Gómez", "email": f"{unique('ana')}@example.com", "city": "Cali"}
    for name, text in (typed | {"password1": "tiro-de-tres", "password2": "tiro-de-tres"}).items():
        page.fill(f"#{name}", text)
    page.get_by_role("button", name=button).click()
