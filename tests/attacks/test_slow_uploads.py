"""Slow and stalled uploads must not block other players."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.telemetry.proxy import requests_in_progress
from testing.answers import refusal
from testing.homes import Home
from testing.people import Player
from testing.processes import wait_until
from tests.attacks.edge import Edge, begin_upload, running_edge, slow_uploads, statuses

pytestmark = pytest.mark.either_backend

UPLOADS_AT_ONCE = 8
PER_ACCOUNT = 4
PER_ADDRESS = 16
ROOM_FOR_EIGHT = {"host_proxy_uploads_at_once": UPLOADS_AT_ONCE, "host_proxy_uploads_per_account": PER_ACCOUNT}
FULL = "As many uploads are under way as there is room for; try again in 5 s."


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def from_address(address: str, player: Player) -> dict[str, str]:
    return {**player.headers, "X-Forwarded-For": address}


@pytest.fixture(scope="module")
def small_edge(deployed_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """An edge with slots for eight uploads, of which an account may use four."""
    with running_edge(deployed_home, tmp_path_factory.mktemp("small"), ROOM_FOR_EIGHT) as running:
        yield running


def test_eight_slow_anonymous_uploads_do_not_block_players_on_an_edge_with_eight_slots(
    small_edge: Edge, small_clip: Path
) -> None:
    player = small_edge.site.sign_up()
    with slow_uploads(small_edge.port, UPLOADS_AT_ONCE) as attack:
        assert player.upload(small_clip).status_code == 201
        assert set(statuses(attack)) == {401}


def test_the_watch_counts_an_upload_as_in_progress_while_its_body_arrives(small_edge: Edge) -> None:
    def is_busy() -> bool:
        return bool(requests_in_progress(small_edge.requests_url))

    player = small_edge.site.sign_up()
    wait_until(lambda: not is_busy(), what="an idle Nginx", seconds=30)
    with begin_upload(small_edge.port, headers=player.headers):
        wait_until(is_busy, what="the upload's start", seconds=10)
        assert [is_busy() for _ in range(20)] == [True] * 20
    wait_until(lambda: not is_busy(), what="the upload's end", seconds=30)


def test_32_slow_anonymous_uploads_do_not_block_players_by_default(edge: Edge, small_clip: Path) -> None:
    player = edge.site.sign_up()
    with slow_uploads(edge.port, 32) as attack:
        assert player.upload(small_clip).status_code == 201
        assert set(statuses(attack)) == {401}


@pytest.mark.parametrize("kind", ["garbage", "expired", "signed out"])
def test_slow_uploads_with_an_invalid_token_do_not_block_players(small_edge: Edge, small_clip: Path, kind: str) -> None:
    player, other = small_edge.site.sign_up(), small_edge.site.sign_up()
    tokens = {"garbage": "x.y.z", "expired": small_edge.site.token(other, exp=1), "signed out": other.access_token}
    assert other.request("DELETE", "/api/auth").status_code == 204
    with slow_uploads(small_edge.port, UPLOADS_AT_ONCE, headers=bearer(tokens[kind])):
        assert player.upload(small_clip).status_code == 201


def test_an_account_uses_no_more_than_its_share_of_slots(small_edge: Edge, small_clip: Path) -> None:
    attacker, player = small_edge.site.sign_up(), small_edge.site.sign_up()
    with slow_uploads(small_edge.port, UPLOADS_AT_ONCE, headers=attacker.headers) as attack:
        assert player.upload(small_clip).status_code == 201
        found = statuses(attack)
    assert (found.count(None), found.count(503)) == (PER_ACCOUNT, UPLOADS_AT_ONCE - PER_ACCOUNT)


def test_all_addresses_of_an_account_have_one_share(small_edge: Edge) -> None:
    attacker = small_edge.site.sign_up()
    here, there = from_address("203.0.113.1", attacker), from_address("203.0.113.2", attacker)
    with (
        slow_uploads(small_edge.port, PER_ACCOUNT, headers=here),
        begin_upload(small_edge.port, headers=there) as last,
    ):
        assert last.status() == 503


def test_a_client_cannot_choose_the_account_whose_share_it_uses(small_edge: Edge, small_clip: Path) -> None:
    attacker, player = small_edge.site.sign_up(), small_edge.site.sign_up()
    stolen = {**attacker.headers, "X-Upload-Account": player.id}
    with slow_uploads(small_edge.port, UPLOADS_AT_ONCE, headers=stolen) as attack:
        assert player.upload(small_clip, headers={"X-Upload-Account": attacker.id}).status_code == 201
        assert statuses(attack).count(None) == PER_ACCOUNT


def test_a_venue_behind_one_address_uploads_sixteen_clips_at_once_and_leaves_room_for_others(edge: Edge) -> None:
    venue = [edge.site.sign_up() for _ in range(PER_ADDRESS)]
    with ExitStack() as stack:
        uploads = [begin_upload(edge.port, headers=from_address("203.0.113.9", player)) for player in venue]
        for upload in uploads:
            stack.enter_context(upload)
        assert set(statuses(uploads)) == {None}
        late, elsewhere = edge.site.sign_up(), edge.site.sign_up()
        one_more = edge.site.api.post("/api/videos/upload", headers=from_address("203.0.113.9", late), content=b"x")
        assert refusal(one_more, 503) == FULL
        assert one_more.headers["Retry-After"] == "5"
        other = edge.site.api.post("/api/videos/upload", headers=from_address("203.0.113.10", elsewhere), content=b"x")
        assert other.status_code == 422


def test_an_aborted_upload_frees_its_slot(small_edge: Edge, small_clip: Path) -> None:
    player = small_edge.site.sign_up()
    with slow_uploads(small_edge.port, PER_ACCOUNT, headers=player.headers):
        assert player.upload(small_clip).status_code == 503
    wait_until(lambda: player.upload(small_clip).status_code == 201, what="a free place", seconds=10)
