"""A client bypasses the proxy and forges X-Request-Start, so that the API accepts an expired token.

This succeeds only for uploads, and only for a token that expired less than 15 minutes ago.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from testing.homes import Backend, Home
from testing.people import Player
from testing.sites import Site, running_site

pytestmark = pytest.mark.either_backend

UPLOAD_SECONDS = 900
HOUR_SECONDS = 3600


@pytest.fixture(scope="module")
def open_site(new_home: Callable[[Backend], Home]) -> Iterator[Site]:
    """A site that trusts its proxy and can also be reached without it."""
    with running_site(new_home("embedded").with_settings(TRUSTED_PROXY="127.0.0.1")) as site:
        yield site


def stamp(seconds_ago: float) -> dict[str, str]:
    return {"X-Request-Start": f"t={time.time() - seconds_ago:.3f}"}


def expired(player: Player, seconds_ago: float) -> Player:
    """Return the player with a token that expired that many seconds ago."""
    return replace(player, access_token=player.site.token(player, exp=int(time.time() - seconds_ago)))


@pytest.mark.parametrize("seconds_ago", [60, 2 * HOUR_SECONDS])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/videos"), ("DELETE", "/api/auth"), ("GET", "/internal/may-upload")],
)
def test_only_an_upload_may_use_a_token_that_was_valid_when_the_request_began(
    open_site: Site, method: str, path: str, seconds_ago: float
) -> None:
    player = expired(open_site.sign_up(), seconds_ago / 2)
    assert player.request(method, path, headers=stamp(seconds_ago)).status_code == 401


def test_the_start_of_an_upload_is_bounded_by_its_maximum_duration(open_site: Site, small_clip: Path) -> None:
    player = expired(open_site.sign_up(), UPLOAD_SECONDS)
    assert player.upload(small_clip, headers=stamp(UPLOAD_SECONDS + 60)).status_code == 401
    assert player.upload(small_clip, headers={"X-Request-Start": "t=100000000"}).status_code == 401
    late = expired(open_site.sign_up(), UPLOAD_SECONDS - 120)
    assert late.upload(small_clip, headers=stamp(UPLOAD_SECONDS - 60)).status_code == 201


@pytest.mark.parametrize("text", ["t=99999999999", "t=-1", "t=NaN", "1700000000", "t=", "rubbish"])
def test_an_impossible_start_is_ignored(open_site: Site, small_clip: Path, text: str) -> None:
    player = open_site.sign_up()
    assert player.upload(small_clip, headers={"X-Request-Start": text}).status_code == 201
    assert expired(player, 1).upload(small_clip, headers={"X-Request-Start": text}).status_code == 401
