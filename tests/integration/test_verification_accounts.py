"""Verification accounts, with which `verify_site.yml` uses the site as a player. Others do not see them."""

import contextlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import httpx
import pytest

from app.config import Settings
from app.db.database import database, db_now, read_now
from app.db.models import IdempotencyKey, Job, JobState, RefreshToken, Session, User, Video, VideoStatus, Vote
from app.operations.doctor import Doctor
from app.operations.verification import sweep_verification_accounts
from app.services import build_encoder
from app.showcase import voting
from app.showcase.errors import OwnVideo, PublicVideoNotFound
from app.showcase.ledger import leases
from app.showcase.ledger.leases import Output
from app.showcase.rendering import Renderer
from app.storage.s3 import S3Store
from testing.answers import refusal
from testing.homes import PROGRAMS, Home, unique
from testing.people import Player, sign_up_form
from testing.processes import Subprocess, wait_until
from testing.sites import Site, SiteMaker
from tests.ledger import add_clip, add_player, claim

AN_HOUR_AND_MORE = 3700.0
ROWS = (User, Session, RefreshToken, Video, Vote, Job, IdempotencyKey)
DOES_NOT_MATCH = "X-Verification-Secret does not match"


def sign_up(site: Site, *, secret: str | None = None, key: str | None = None, **fields: object) -> httpx.Response:
    headers = {"X-Verification-Secret": site.environment["VERIFICATION_SECRET"] if secret is None else secret}
    if key:
        headers["Idempotency-Key"] = key
    return site.api.post("/api/auth/signup", json=sign_up_form(**fields), headers=headers)


@pytest.fixture
def verifier(site: Site) -> Player:
    """A verification account in a unique city."""
    form = sign_up_form(city=unique("Verification "))
    headers = {"X-Verification-Secret": site.environment["VERIFICATION_SECRET"]}
    made = site.api.post("/api/auth/signup", json=form, headers=headers).json()
    names = form["first_name"], form["last_name"], form["city"]
    return Player(site, made["id"], form["email"], form["password1"], *names, made["access_token"])


def is_verification(site: Site, email: str) -> bool:
    with site.tables():
        return bool(User.get(User.email == email).is_verification)


# Sign-up


def test_a_sign_up_without_the_secret_makes_an_ordinary_account(site: Site) -> None:
    assert not is_verification(site, site.sign_up().email)


def test_the_secret_makes_a_verification_account_that_looks_like_any_other(site: Site) -> None:
    answer = sign_up(site, email="check@example.com", city="Verification 1")
    assert answer.status_code == 201, answer.text
    assert is_verification(site, "check@example.com")
    assert "verification" not in " ".join(answer.json())


@pytest.mark.parametrize("secret", ["", "wrong", "w" * 64, "ñ" * 40])
def test_a_wrong_secret_is_refused_and_makes_no_account(site: Site, secret: str) -> None:
    email = f"{unique('guess')}@example.com"
    headers = httpx.Headers({"X-Verification-Secret": secret}, encoding="utf-8")
    answer = site.api.post("/api/auth/signup", json=sign_up_form(email=email), headers=headers)
    assert refusal(answer, 403) == DOES_NOT_MATCH
    assert site.account_count(email) == 0


def test_a_wrong_secret_is_refused_before_the_body_is_read(site: Site) -> None:
    headers = {"X-Verification-Secret": "wrong"}
    answer = site.api.post("/api/auth/signup", content=b"not JSON", headers=headers)
    assert refusal(answer, 403) == DOES_NOT_MATCH


def test_a_site_without_a_secret_accepts_no_secret(site: Site, make_site: SiteMaker) -> None:
    environment = {name: value for name, value in site.environment.items() if name != "VERIFICATION_SECRET"}
    bare = SiteMaker(make_site._stack, Home(site.backend, site.home.folder, site.bucket, environment))()
    email = f"{unique('check')}@example.com"
    assert refusal(sign_up(bare, secret=site.environment["VERIFICATION_SECRET"], email=email), 403) == DOES_NOT_MATCH
    assert site.account_count(email) == 0


@pytest.mark.parametrize("city", ["Bogotá", "Verification", "Verificationville", "New Verification 1"])
def test_a_verification_account_cannot_be_in_a_city_of_players(site: Site, city: str) -> None:
    detail = refusal(sign_up(site, city=city), 400)
    assert detail == 'The city of a verification account must begin with "Verification ".'


def test_the_idempotency_key_of_an_ordinary_account_creates_no_verification_account(site: Site) -> None:
    form, key = sign_up_form(city="Verification 2"), unique("key")
    assert site.api.post("/api/auth/signup", json=form, headers={"Idempotency-Key": key}).status_code == 201
    assert refusal(sign_up(site, key=key, **form), 422)
    assert not is_verification(site, form["email"])


# Visibility


def listed(site: Site, **query: str) -> list[str]:
    return [video["video_id"] for video in site.api.get("/api/public/videos", params={"limit": "100", **query}).json()]


def ranked(site: Site, **query: str) -> list[str]:
    return [row["username"] for row in site.api.get("/api/public/rankings", params={"limit": "100", **query}).json()]


def test_only_a_request_for_its_own_city_shows_a_verification_account(site: Site, verifier: Player) -> None:
    player = site.sign_up(city=unique("Cali"))
    seen, unseen = site.publish_video(player, votes=10_001), site.publish_video(verifier, votes=10_002)
    for order in ("newest", "oldest", "votes"):
        assert unseen not in listed(site, order=order)
    assert seen in listed(site, order="votes")
    assert verifier.username not in ranked(site)
    assert ranked(site)[0] == player.username
    assert unseen not in listed(site, city=str(player.city))
    assert (listed(site, city=str(verifier.city)), ranked(site, city=str(verifier.city))) == (
        [unseen],
        [verifier.username],
    )


def test_a_verification_accounts_vote_counts_and_its_published_clip_may_be_deleted(
    site: Site, verifier: Player
) -> None:
    player = site.sign_up(city=unique("Cali"))
    theirs, own = site.publish_video(player), site.publish_video(verifier)
    assert verifier.vote(theirs).status_code == 200
    assert verifier.vote(own).status_code == 200
    assert site.api.get(f"/api/public/videos/{theirs}").json()["votes"] == 1
    assert verifier.request("DELETE", f"/api/videos/{own}").status_code == 200
    assert site.api.get(f"/api/public/videos/{own}").status_code == 404
    assert verifier.request("DELETE", f"/api/videos/{own}").status_code == 404


def test_verification_accounts_and_players_cannot_delete_each_others_clips(site: Site, verifier: Player) -> None:
    player = site.sign_up()
    theirs, own = site.publish_video(player), site.publish_video(verifier)
    assert refusal(verifier.request("DELETE", f"/api/videos/{theirs}"), 403)
    assert refusal(player.request("DELETE", f"/api/videos/{own}"), 403)
    assert refusal(player.request("DELETE", f"/api/videos/{theirs}"), 400)


# Cleanup


def add_verifier(*, age: float = AN_HOUR_AND_MORE) -> uuid.UUID:
    """Add a verification account with a session, a refresh token and two idempotency keys; return its ID."""
    user, session, now = add_player(), uuid.uuid4(), read_now()
    User.update(is_verification=True, created_at=now - age).where(User.id == user).execute()
    Session.insert(id=session, user=user, created_at=now, expires_at=now + 60).execute()
    RefreshToken.insert(digest=str(user), session=session, expires_at=now + 60).execute()
    for scope, made in ((f"upload:{user}", uuid.uuid4()), ("signup", user)):
        IdempotencyKey.insert(scope=scope, key=str(user), fingerprint="f", resource_id=made, created_at=now).execute()
    return user


def publish(settings: Settings, owner: uuid.UUID) -> uuid.UUID:
    video = add_clip(settings, owner)
    assert leases.succeed(claim(settings), Output(f"r/{video}", f"p/{video}", 1, "00" * 32), publish=True)
    return video


def row_counts() -> list[int]:
    return [table.select().count() for table in ROWS]


def counters_hold(settings: Settings) -> bool:
    store = S3Store(settings.s3_bucket, presigned_url_seconds=600)
    return not list(Doctor(store, settings).check_counters())


@pytest.mark.parametrize("state", [state for state in JobState if state is not JobState.RUNNING])
def test_an_old_verification_account_is_deleted_with_all_its_rows(settings: Settings, state: JobState) -> None:
    player, voter = add_player(), add_player()
    theirs, deleted_of_theirs = publish(settings, player), publish(settings, player)
    before = row_counts()
    verifier = add_verifier()
    own = publish(settings, verifier)
    add_clip(settings, verifier, deleted_at=db_now())
    for video in (theirs, deleted_of_theirs, own):
        voting.vote(verifier, video, allow_self_vote=True)
        voting.vote(voter, video, allow_self_vote=True)
    Video.update(deleted_at=db_now()).where(Video.id == deleted_of_theirs).execute()
    Job.update(state=state).where(Job.video == own).execute()
    assert sweep_verification_accounts() == 1
    Vote.delete().where(Vote.user == voter, Vote.video != own).execute()
    assert row_counts() == before
    assert [Video.get_by_id(video).votes for video in (theirs, deleted_of_theirs)] == [1, 1]


def test_other_players_counters_stay_right_and_no_reference_dangles(settings: Settings) -> None:
    theirs, verifier, voter = publish(settings, add_player()), add_verifier(), add_player()
    for who in (verifier, voter):
        voting.vote(who, theirs, allow_self_vote=True)
    assert sweep_verification_accounts() == 1
    assert Video.get_by_id(theirs).votes == 1
    assert counters_hold(settings)
    assert sweep_verification_accounts() == 0


def test_a_young_verification_account_and_every_ordinary_one_are_kept(settings: Settings) -> None:
    assert settings.s3_bucket
    young, player = add_verifier(age=3500), add_player()
    User.update(created_at=0).where(User.id == player).execute()
    before = row_counts()
    assert sweep_verification_accounts() == 0
    assert row_counts() == before
    assert {user.id for user in User.select()} == {young, player}


def test_an_account_whose_clip_is_being_rendered_waits_for_the_next_sweep(settings: Settings) -> None:
    verifier, other = add_verifier(), add_verifier()
    add_clip(settings, verifier)
    lease = claim(settings)
    waiting = add_clip(settings, verifier)
    before = {user.id for user in User.select().where(User.id == verifier)}
    assert sweep_verification_accounts() == 1
    assert {user.id for user in User.select()} == before != {other}
    assert Job.get(Job.video == waiting).state is JobState.QUEUED
    assert leases.succeed(lease, Output("r", "p", 1, "00" * 32), publish=True)
    assert sweep_verification_accounts() == 1
    assert [table.select().count() for table in (User, Video, Job)] == [0, 0, 0]


def test_concurrent_votes_and_sweeps_leave_consistent_rows(settings: Settings) -> None:
    theirs, voters = publish(settings, add_player()), [add_player() for _ in range(6)]
    verifiers = [add_verifier() for _ in range(4)]
    clips = [publish(settings, verifier) for verifier in verifiers]
    for verifier in verifiers:
        voting.vote(verifier, theirs, allow_self_vote=True)
    start = Barrier(len(voters) + 2)

    def sweep() -> None:
        start.wait(timeout=30)
        try:
            sweep_verification_accounts()
        finally:
            database.close()

    def vote_for_all(voter: uuid.UUID) -> None:
        start.wait(timeout=30)
        try:
            for clip in [*clips, theirs]:
                with contextlib.suppress(PublicVideoNotFound):
                    voting.vote(voter, clip, allow_self_vote=True)
        finally:
            database.close()

    with ThreadPoolExecutor(len(voters) + 2) as threads:
        acts = [threads.submit(sweep) for _ in range(2)] + [threads.submit(vote_for_all, voter) for voter in voters]
        for act in acts:
            act.result(timeout=60)
    sweep_verification_accounts()
    assert not User.select().where(User.is_verification).exists()
    assert [vote.video.id for vote in Vote.select()] == [theirs] * len(voters)
    assert Video.get_by_id(theirs).votes == len(voters)
    assert counters_hold(settings)


def test_upkeep_sweeps_verification_accounts(working_site: Site, small_clip: Path) -> None:
    """Run a complete check of the site, then wait until upkeep has deleted its accounts."""
    city, site = unique("Verification "), working_site
    form, secret = sign_up_form(city=city), site.environment["VERIFICATION_SECRET"]
    made = site.api.post("/api/auth/signup", json=form, headers={"X-Verification-Secret": secret}).json()
    verifier = Player(site, made["id"], form["email"], form["password1"], "Ana", "R", city, made["access_token"])
    video = verifier.upload(small_clip).json()["task_id"]
    site.wait_until(verifier, video, VideoStatus.PROCESSED.value)
    assert verifier.vote(video).status_code == 200
    assert [row["votes"] for row in site.api.get("/api/public/rankings", params={"city": city}).json()] == [1]
    assert verifier.request("DELETE", f"/api/videos/{video}").status_code == 200
    of_verifier = User.id == uuid.UUID(verifier.id)
    with site.tables():
        User.update(created_at=0).where(of_verifier).execute()
        restart_upkeep(site)
        wait_until(lambda: not User.select().where(of_verifier).exists(), what="the sweep", seconds=30)


def restart_upkeep(site: Site) -> None:
    """Restart upkeep, because it sweeps in its first pass after a start."""
    site.processes["upkeep"].stop()
    log = site.home.folder / "sweeping.log"
    site.processes["upkeep"] = Subprocess(
        [str(PROGRAMS / "rising-stars-upkeep")], log=log, environment=site.environment
    )


def test_settings_that_restrict_players_do_not_stop_a_check_of_the_site(settings: Settings) -> None:
    verifier, player = add_verifier(), add_player()
    own, theirs = publish(settings, verifier), publish(settings, player)
    voting.vote(verifier, own, allow_self_vote=False)
    with pytest.raises(OwnVideo):
        voting.vote(player, theirs, allow_self_vote=False)


@pytest.mark.parametrize("verifies", [True, False])
def test_where_clips_are_reviewed_only_verification_clips_skip_the_review(settings: Settings, verifies: bool) -> None:
    reviewing = settings.model_copy(update={"review_required": True})
    renderer = Renderer(S3Store(settings.s3_bucket, presigned_url_seconds=60), build_encoder(settings), reviewing)
    add_clip(settings, add_verifier() if verifies else add_player())
    assert renderer._needs_no_review(claim(settings)) is verifies


# Compatibility with the code of earlier releases


def test_earlier_code_can_still_create_accounts(settings: Settings) -> None:
    assert settings.s3_bucket
    database.execute_sql(
        "INSERT INTO users (id, email, password_hash, first_name, last_name, is_active, created_at, last_claimed_at) "
        "VALUES ('6f1c5a52000040008000000000000000', 'old@example.com', '!', 'Ana', 'Rojas', TRUE, 1, 0)"
    )
    assert not User.get(User.email == "old@example.com").is_verification
    assert sweep_verification_accounts() == 0
