"""The standings and the lists' columns always match the clips, whatever changes them and whatever release runs."""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest
from peewee import fn

from app.config import Settings
from app.db.database import database, read_now, transaction
from app.db.models import PlayerStanding, User, Video, VideoStatus, Vote
from app.operations import members, moderation, voiding
from app.operations.cities import refold_city_keys
from app.operations.doctor import Doctor, Finding
from app.operations.verification import sweep_verification_accounts
from app.showcase import videos, voting
from app.showcase.catalogue import Order, list_public
from app.showcase.errors import PublicVideoNotFound
from app.showcase.rankings import rank
from app.showcase.standings import players_with_wrong_standings
from app.showcase.visibility import is_public
from app.storage.s3 import S3Store
from tests.ledger import add_player

CITY = "Bogotá"


@pytest.fixture(autouse=True)
def standings_match(settings: Settings) -> Iterator[None]:
    """After each test, every player's standing equals the sum of their public clips."""
    yield
    assert settings.database_url
    assert_standings_match()


def assert_standings_match() -> None:
    assert players_with_wrong_standings() == []
    assert ranked() == summed()


def ranked() -> list[tuple[str, int]]:
    return [(row.username, row.votes) for row in rank(city=None, limit=1000, offset=0)]


def summed() -> list[tuple[str, int]]:
    """Return the ranking, computed from all clips."""
    total = fn.SUM(Video.votes)
    rows = (
        User.select(User.first_name, User.last_name, total)
        .join(Video)
        .where(is_public(), ~User.is_verification)
        .group_by(User.id)
        .order_by(total.desc(), fn.MIN(Video.uploaded_at), User.id)
        .tuples()
    )
    return [(f"{first} {last}", int(votes)) for first, last, votes in cast("Iterator[tuple[str, str, int]]", rows)]


def player(name: str = "Ana", *, city: str | None = CITY, is_verification: bool = False) -> uuid.UUID:
    account = add_player(name)
    key = "bogota" if city == CITY else city
    User.update(city=city, city_key=key, is_verification=is_verification).where(User.id == account).execute()
    return account


def clip(owner: uuid.UUID, *, public: bool = True, uploaded_at: float = 5) -> uuid.UUID:
    made = uuid.uuid4()
    Video.insert(
        id=made,
        user=owner,
        title="Clip",
        status=VideoStatus.PROCESSED,
        uploaded_at=uploaded_at,
        processed_at=uploaded_at,
        published_at=uploaded_at if public else None,
    ).execute()
    return made


def vote_for(video: uuid.UUID, count: int = 1) -> list[uuid.UUID]:
    voters = [add_player() for _ in range(count)]
    for voter in voters:
        voting.vote(voter, video, allow_self_vote=True)
    return voters


def listed(city: str | None = CITY) -> list[uuid.UUID]:
    return [uuid.UUID(video.id) for video in list_public(city=city, order=Order.VOTES, limit=100).videos]


def test_votes_and_withdrawals_change_the_standing_by_one() -> None:
    ana, bea = player("Ana"), player("Bea")
    one, other = clip(ana), clip(bea, uploaded_at=9)
    assert ranked() == [("Ana Rojas", 0), ("Bea Rojas", 0)]
    (voter, *_) = vote_for(other, 2)
    vote_for(one)
    assert ranked() == [("Bea Rojas", 2), ("Ana Rojas", 1)]
    voting.withdraw(voter, other)
    assert ranked() == [("Ana Rojas", 1), ("Bea Rojas", 1)]


def test_a_vote_that_is_rolled_back_leaves_the_standing_unchanged() -> None:
    video = clip(player())

    def vote_and_fail() -> None:
        with transaction():
            Video.update(votes=Video.votes + 1).where(Video.id == video).execute()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        vote_and_fail()
    assert ranked() == [("Ana Rojas", 0)]


def test_a_clip_counts_from_its_publication_until_it_is_hidden() -> None:
    ana = player()
    reviewed = clip(ana, public=False, uploaded_at=3)
    assert ranked() == []
    moderation.publish(reviewed, actor="op")
    vote_for(reviewed, 2)
    assert ranked() == [("Ana Rojas", 2)]
    moderation.hide(reviewed, actor="op", reason="r")
    assert (ranked(), listed()) == ([], [])
    moderation.show(reviewed, actor="op", reason="r")
    assert (ranked(), listed()) == ([("Ana Rojas", 2)], [reviewed])


def test_a_players_clips_are_added_up_and_the_first_upload_decides_a_tie() -> None:
    ana, bea = player("Ana"), player("Bea")
    first, second, other = clip(ana, uploaded_at=1), clip(ana, uploaded_at=8), clip(bea, uploaded_at=4)
    vote_for(first)
    vote_for(second, 2)
    vote_for(other, 2)
    assert ranked() == [("Ana Rojas", 3), ("Bea Rojas", 2)]
    moderation.hide(first, actor="op", reason="r")
    assert ranked() == [("Bea Rojas", 2), ("Ana Rojas", 2)]


def test_a_deleted_clip_never_counted_and_a_deleted_row_counts_no_more() -> None:
    ana = player()
    videos.delete_own(ana, clip(ana, public=False))
    assert ranked() == []
    kept, gone = clip(ana), clip(ana)
    vote_for(kept)
    Video.update(votes=4).where(Video.id == gone).execute()
    assert ranked() == [("Ana Rojas", 5)]
    Video.delete().where(Video.id == gone).execute()
    assert ranked() == [("Ana Rojas", 1)]


def test_a_suspended_or_renamed_player_keeps_the_standing_under_the_current_name() -> None:
    ana = player()
    vote_for(clip(ana))
    members.suspend([ana], actor="op", reason="r")
    assert ranked() == [("Ana Rojas", 1)]
    User.update(first_name="Ada").where(User.id == ana).execute()
    assert ranked() == [("Ada Rojas", 1)]


def test_a_player_who_moves_appears_in_the_lists_of_the_new_city_only() -> None:
    ana = player()
    video = clip(ana)
    User.update(city="Cali", city_key="cali").where(User.id == ana).execute()
    for city, expected in (("Cali", [video]), (CITY, [])):
        assert listed(city) == expected
        assert len(rank(city=city, limit=9, offset=0)) == len(expected)
    User.update(city_key="çali").where(User.id == ana).execute()
    assert listed("Cali") == []
    assert refold_city_keys() == 1
    assert listed("Cali") == [video]


def test_a_clip_given_to_another_player_counts_for_that_player() -> None:
    ana, bea = player("Ana"), player("Bea", city="cali")
    video = clip(ana)
    vote_for(video)
    Video.update(user=bea).where(Video.id == video).execute()
    assert ranked() == [("Bea Rojas", 1)]
    assert (listed("Cali"), listed(CITY)) == ([video], [])


def test_voided_and_restored_votes_change_the_standings() -> None:
    ana, bea = player("Ana"), player("Bea")
    clips = [clip(owner, uploaded_at=at) for at, owner in enumerate((ana, bea, ana))]
    stuffer = add_player()
    for video in clips:
        voting.vote(stuffer, video, allow_self_vote=True)
    ballots = voiding.Ballots(voters=frozenset({stuffer}))
    voiding.void(ballots, actor="op", reason="r")
    assert ranked() == [("Ana Rojas", 0), ("Bea Rojas", 0)]
    voiding.restore(ballots, actor="op", reason="r")
    assert ranked() == [("Ana Rojas", 2), ("Bea Rojas", 1)]


def test_a_swept_verification_account_leaves_no_standing_and_takes_its_votes_along() -> None:
    ana, verifier = player("Ana"), player("Verifier", city="verification x", is_verification=True)
    own, other = clip(verifier), clip(ana)
    for video in (own, other):
        voting.vote(verifier, video, allow_self_vote=True)
    assert ranked() == [("Ana Rojas", 1)]
    assert [row.votes for row in rank(city="verification x", limit=9, offset=0)] == [1]
    User.update(created_at=read_now() - 9999).where(User.id == verifier).execute()
    assert sweep_verification_accounts() == 1
    assert ranked() == [("Ana Rojas", 0)]
    assert not PlayerStanding.select().where(PlayerStanding.user == verifier).exists()


def test_concurrent_votes_publications_and_hidings_leave_every_standing_right(settings: Settings) -> None:
    assert settings.database_url
    owners = [player(name) for name in ("Ana", "Bea")]
    clips = [clip(owner, public=number % 3 > 0) for number in range(6) for owner in owners]
    voters = [add_player() for _ in range(12)]

    def act(work: Callable[[], object]) -> None:
        try:
            work()
        except PublicVideoNotFound:
            pass
        finally:
            database.close()

    def flip(video: uuid.UUID) -> None:
        for hidden_at in (1.0, None, 1.0, None):
            Video.update(hidden_at=hidden_at, published_at=1.0).where(Video.id == video).execute()

    def void_and_restore() -> None:
        ballots = voiding.Ballots(videos=frozenset(clips))
        for judge in (voiding.void, voiding.restore):
            judge(ballots, actor="op", reason="r")

    work: list[Callable[[], object]] = [lambda video=video: flip(video) for video in clips[:6]]  # type: ignore[misc]
    work += [
        lambda voter=voter, video=video: voting.vote(voter, video, allow_self_vote=True)  # type: ignore[misc]
        for voter in voters
        for video in clips
    ]
    work.insert(60, void_and_restore)
    work.insert(90, void_and_restore)
    database.close()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(act, work))
    counted = Counter(vote.video_id for vote in Vote.select())
    assert {video.id: video.votes for video in Video.select()} == {video: counted[video] for video in clips}
    assert sum(votes for _, votes in ranked()) == sum(counted.values()) > 0


def test_a_vote_for_a_clip_that_is_hidden_in_the_meantime_is_not_cast() -> None:
    video, voter = clip(player()), add_player()

    def vote() -> None:
        try:
            voting.vote(voter, video, allow_self_vote=True)
        finally:
            database.close()

    with ThreadPoolExecutor(1) as thread:
        with transaction():
            Video.update(hidden_at=1.0).where(Video.id == video).execute()
            voting_now = thread.submit(vote)
            time.sleep(0.3)
        with pytest.raises(PublicVideoNotFound):
            voting_now.result(10)
    assert not Vote.select().exists()
    assert Video.get_by_id(video).votes == 0


@pytest.mark.only_on("production")
def test_a_vote_and_a_withdrawal_are_one_statement_each(monkeypatch: pytest.MonkeyPatch) -> None:
    video, voter = clip(player()), add_player()
    sent: list[str] = []
    execute = database.obj.execute_sql

    def spy(sql: str, params: object = None) -> object:
        sent.append(sql)
        return execute(sql, params)

    monkeypatch.setattr(database.obj, "execute_sql", spy)
    voting.vote(voter, video, allow_self_vote=False)
    voting.withdraw(voter, video)
    assert sent == [voting.VOTE, voting.WITHDRAW]


# The doctor and the recount


def doctor(settings: Settings) -> list[Finding]:
    return list(Doctor(S3Store("b", presigned_url_seconds=60), settings).check_standings())


@pytest.mark.parametrize("fault", ["votes", "first_uploaded_at", "missing", "city", "city of a clip"])
def test_a_wrong_standing_is_found_and_the_remedy_cures_it(settings: Settings, fault: str) -> None:
    ana = player()
    vote_for(clip(ana, uploaded_at=2))
    assert doctor(settings) == []
    mine = PlayerStanding.user == ana
    harm: dict[str, Callable[[], object]] = {
        "votes": lambda: PlayerStanding.update(votes=7).where(mine).execute(),
        "first_uploaded_at": lambda: PlayerStanding.update(first_uploaded_at=None).where(mine).execute(),
        "missing": lambda: PlayerStanding.delete().where(mine).execute(),
        "city": lambda: PlayerStanding.update(city_key="cali").where(mine).execute(),
        "city of a clip": lambda: Video.update(city_key=None).where(Video.user == ana).execute(),
    }
    harm[fault]()
    (finding,) = doctor(settings)
    assert finding.remedy == f"rising-stars accounts recount {ana}"
    voiding.recount_player(ana, actor="op")
    assert doctor(settings) == []
    assert ranked() == [("Ana Rojas", 1)]


def test_the_recount_of_a_video_mends_its_players_standing_too(settings: Settings) -> None:
    ana = player()
    video = clip(ana)
    vote_for(video)
    Video.update(votes=5).where(Video.id == video).execute()
    PlayerStanding.update(votes=9).where(PlayerStanding.user == ana).execute()
    assert voiding.recount(video, actor="op") == (5, 1)
    assert doctor(settings) == []
