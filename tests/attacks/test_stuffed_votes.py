"""Vote stuffing: a crowd of free accounts votes within seconds."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import yaml

from app.config import Settings
from app.db.models import Audit, User, Video, Vote
from testing.answers import refusal
from testing.homes import Backend, Home, unique
from testing.people import Player
from testing.sites import Site, running_site
from tests.attacks.operators import operate, rising_stars

ROOT = Path(__file__).parents[2]
CROWD = 12
WHY = ("--reason", "one address, one domain, six seconds")


@pytest.fixture(scope="module")
def site(backend: Backend, new_home: Callable[[Backend], Home]) -> Iterator[Site]:
    with running_site(new_home(backend)) as running:
        yield running


@pytest.fixture
def video_id(site: Site) -> str:
    return site.publish_video(site.sign_up())


def stuff(site: Site, *videos: str, accounts: int = CROWD, domain: str | None = None) -> list[Player]:
    """Create accounts with addresses in one e-mail domain; each account votes for every video."""
    domain = domain or f"{unique('mail')}.com"
    with ThreadPoolExecutor(4) as threads:
        names = [f"{unique('a')}@{domain}" for _ in range(accounts)]
        crowd = list(threads.map(lambda email: site.sign_up(email=email), names))
        for video_id in videos:
            answers = threads.map(lambda player, video_id=video_id: player.vote(video_id), crowd)
            assert {answer.status_code for answer in answers} == {200}
    return crowd


def counted(site: Site, video_id: str) -> tuple[int, int]:
    """Return the public counter and the number of vote rows."""
    with site.tables():
        rows = Vote.select().where(Vote.video == uuid.UUID(video_id)).count()
    return site.api.get(f"/api/public/videos/{video_id}").json()["votes"], rows


def of(*players: Player) -> list[str]:
    return [word for player in players for word in ("--account", player.id)]


def test_stuffed_votes_are_found_and_voided_by_one_command(site: Site, video_id: str) -> None:
    honest = site.sign_up(email=f"{unique('ana')}@example.org")
    assert honest.vote(video_id).status_code == 200
    crowd = stuff(site, video_id)
    burst = f"domain:{crowd[0].email.partition('@')[2]}"
    found = rising_stars(site.home, "doctor")
    assert found.returncode == 1
    assert f"{CROWD} accounts of {burst}" in found.stdout
    assert f"votes void --burst {burst}" in found.stdout
    listed = operate(site.home, "votes", "bursts")
    assert all(player.id in listed for player in crowd)
    assert f"{CROWD} votes void" in operate(site.home, "votes", "void", "--burst", burst, *WHY)
    assert counted(site, video_id) == (1, CROWD + 1)
    assert burst not in rising_stars(site.home, "doctor").stdout
    assert "shows" not in rising_stars(site.home, "doctor").stdout
    assert operate(site.home, "videos", "recount", video_id) == f"{video_id}: 1 votes before, 1 now\n"
    operate(site.home, "votes", "restore", "--burst", burst, *WHY)
    assert counted(site, video_id) == (CROWD + 1, CROWD + 1)


def test_a_void_vote_cannot_be_cast_again(site: Site, video_id: str) -> None:
    (voter,) = stuff(site, video_id, accounts=1)
    operate(site.home, "votes", "void", *of(voter), *WHY)
    assert refusal(voter.vote(video_id), 400) == "Ya has votado por este video."
    assert refusal(voter.request("DELETE", f"/api/public/videos/{video_id}/vote"), 404)
    assert refusal(voter.vote(video_id), 400) == "Ya has votado por este video."
    assert voter.get(f"/api/public/videos/{video_id}/vote-status").json()["has_voted"] is True
    assert counted(site, video_id) == (0, 1)


def test_votes_are_voided_by_account_by_video_or_by_both(site: Site) -> None:
    owner = site.sign_up()
    first, second = (site.publish_video(owner) for _ in range(2))
    one, other = stuff(site, first, second, accounts=2)
    operate(site.home, "votes", "void", *of(one), "--video", first, *WHY)
    assert (counted(site, first), counted(site, second)) == ((1, 2), (2, 2))
    operate(site.home, "votes", "void", "--video", first, *WHY)
    assert (counted(site, first), counted(site, second)) == ((0, 2), (2, 2))
    operate(site.home, "votes", "void", "--account", other.email.upper(), *WHY)
    assert (counted(site, first), counted(site, second)) == ((0, 2), (1, 2))
    operate(site.home, "votes", "restore", "--video", first, "--video", second, *WHY)
    assert (counted(site, first), counted(site, second)) == ((2, 2), (2, 2))


def test_voiding_every_vote_of_the_site_is_refused(site: Site) -> None:
    refused = rising_stars(site.home, "votes", "void", *WHY)
    assert (refused.returncode, "Name the accounts" in refused.stderr) == (1, True)


def test_voiding_races_with_voting_and_the_counter_agrees(site: Site, video_id: str) -> None:
    crowd = stuff(site, video_id, accounts=12)
    later = stuff(site, accounts=12)
    path = f"/api/public/videos/{video_id}/vote"
    with ThreadPoolExecutor(16) as threads:
        judging = [threads.submit(operate, site.home, "votes", "void", *of(*part), *WHY) for part in (crowd, crowd[:6])]
        judging.append(threads.submit(operate, site.home, "videos", "recount", video_id))
        votes = [
            threads.submit(player.request, method, path) for player in later for method in ("POST", "DELETE", "POST")
        ]
        votes += [threads.submit(player.request, "DELETE", path) for player in crowd]
        for done in judging + votes:
            done.result()
    with site.tables():
        count = Vote.select().where(Vote.video == uuid.UUID(video_id), Vote.voided_at.is_null()).count()
        assert Video.get_by_id(uuid.UUID(video_id)).votes == count


def test_the_ranking_excludes_voided_votes(site: Site) -> None:
    owner = site.sign_up(city=unique("Tunja"))
    crowd = stuff(site, site.publish_video(owner), accounts=3)
    operate(site.home, "votes", "void", *of(*crowd), *WHY)
    (row,) = site.api.get("/api/public/rankings", params={"city": str(owner.city)}).json()
    assert row["votes"] == 0


def test_voiding_is_audited_with_its_reason_and_its_votes(site: Site, video_id: str) -> None:
    crowd = stuff(site, video_id, accounts=2)
    operate(site.home, "--actor", "Marta Díaz", "votes", "void", *of(*crowd), *WHY)
    with site.tables():
        row = Audit.select().where(Audit.subject == video_id).get()
    assert (row.action, row.actor.partition(" (")[0]) == ("votes.void", "Marta Díaz")
    assert WHY[1] in row.detail
    assert all(player.id in row.detail for player in crowd)


# Bursts


def test_many_accounts_of_a_large_mail_provider_are_not_reported_as_a_burst(site: Site, video_id: str) -> None:
    domain = f"{unique('large')}.com"
    regulars = stuff(site, accounts=12, domain=domain)
    with site.tables():
        User.update(created_at=User.created_at - 90_000).where(
            User.id.in_([uuid.UUID(p.id) for p in regulars])
        ).execute()
    stuff(site, video_id, accounts=11, domain=domain)
    assert f"domain:{domain}" not in rising_stars(site.home, "doctor").stdout


def test_accounts_of_many_domains_and_one_address_are_a_burst_and_the_address_is_not_kept(
    backend: Backend, new_home: Callable[[Backend], Home]
) -> None:
    with running_site(new_home(backend)) as site:
        video_id = site.publish_video(site.sign_up(email="owner@example.net"))
        for _ in range(10):
            stuff(site, video_id, accounts=1)
        found = rising_stars(site.home, "doctor").stdout
        assert "10 accounts of address:" in found
        assert "domain:" not in found
        with site.tables():
            stored = {user.signup_address for user in User.select()}
        assert len(stored) == 1
        assert "127.0.0.1" not in str(stored)


def test_a_burst_that_an_operator_accepted_is_no_longer_reported(site: Site, video_id: str) -> None:
    crowd = stuff(site, video_id, accounts=10)
    burst = f"domain:{crowd[0].email.partition('@')[2]}"
    assert burst in rising_stars(site.home, "doctor").stdout
    operate(site.home, "votes", "accept", burst, "--reason", "the fans of Tunja, in their hall")
    assert burst not in rising_stars(site.home, "doctor").stdout
    assert rising_stars(site.home, "votes", "accept", burst, *WHY).returncode == 1
    stuff(site, video_id, accounts=11, domain=burst.partition(":")[2])
    assert f"11 accounts of {burst}" in rising_stars(site.home, "doctor").stdout


# Suspended accounts


def test_a_suspended_account_is_refused_at_once_and_can_be_restored(site: Site, video_id: str) -> None:
    (player,) = stuff(site, video_id, accounts=1)
    tokens = player.log_in()
    said = operate(site.home, "accounts", "suspend", player.email, *WHY)
    assert "1 suspended" in said
    assert "1 of their votes count" in said
    assert player.get("/api/videos").status_code == 401
    assert site.api.post("/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 401
    credentials = {"email": player.email, "password": player.password}
    assert site.api.post("/api/auth/login", json=credentials).status_code == 401
    assert counted(site, video_id) == (1, 1)
    assert "0 suspended, 1 were already suspended" in operate(site.home, "accounts", "suspend", player.id, *WHY)
    assert "1 reinstated" in operate(site.home, "accounts", "reinstate", player.id, *WHY)
    assert site.api.post("/api/auth/login", json=credentials).status_code == 200
    assert player.get("/api/videos").status_code == 401
    with site.tables():
        actions = [row.action for row in Audit.select().where(Audit.subject == player.id).order_by(Audit.id)]
    assert actions == ["accounts.suspend", "accounts.reinstate"]


def test_a_sign_in_that_races_with_a_suspension_leaves_no_session_that_survives_it(site: Site) -> None:
    player = site.sign_up()
    credentials = {"email": player.email, "password": player.password}
    sign_in = partial(site.api.post, "/api/auth/login", json=credentials)
    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(sign_in) for _ in range(24)]
        operate(site.home, "accounts", "suspend", player.id, *WHY)
        opened = [answer.result().json() for answer in answers if answer.result().status_code == 200]
    operate(site.home, "accounts", "reinstate", player.id, *WHY)
    for tokens in opened:
        assert site.api.post("/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code == 401


def test_naming_an_account_that_does_not_exist_suspends_no_account(site: Site) -> None:
    player = site.sign_up()
    refused = rising_stars(site.home, "accounts", "suspend", player.id, "nobody@example.com", *WHY)
    assert (refused.returncode, refused.stderr) == (1, "There is no account nobody@example.com.\n")
    assert player.get("/api/videos").status_code == 200


def test_an_operator_ends_the_sessions_of_an_account_or_of_the_whole_site(
    backend: Backend, new_home: Callable[[Backend], Home]
) -> None:
    with running_site(new_home(backend)) as site:
        one, other, third = (site.sign_up() for _ in range(3))
        operate(site.home, "sessions", "end", "--account", one.id, *WHY)
        assert [player.get("/api/videos").status_code for player in (one, other)] == [401, 200]
        assert rising_stars(site.home, "sessions", "end", *WHY).returncode == 1
        assert "2 sessions ended" in operate(site.home, "sessions", "end", "--all", *WHY)
        assert [player.get("/api/videos").status_code for player in (other, third)] == [401, 401]
        assert one.log_in()


# Settings of a deployed site


def test_in_production_votes_for_ones_own_clip_are_refused_and_clips_are_reviewed() -> None:
    inventory = yaml.safe_load((ROOT / "inventory/production/group_vars/all/site.yml").read_text())
    assert inventory["site_settings"] == {"allow_self_vote": False, "review_required": True}
    assert set(inventory["site_settings"]) <= set(Settings.model_fields)
