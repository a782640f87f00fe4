"""Operators void and restore the same votes concurrently, while the voters vote and withdraw."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import pytest

from app.config import Settings
from app.db.database import database, db_now
from app.db.models import Video, VideoStatus, Vote
from app.operations import voiding
from app.operations.voiding import Ballots
from app.showcase import voting
from app.showcase.errors import ShowcaseError
from tests.ledger import add_clip, add_player

ROUNDS = 10


@pytest.fixture
def clip(settings: Settings) -> uuid.UUID:
    return add_clip(settings, status=VideoStatus.PROCESSED, processed_at=db_now(), published_at=db_now())


def counted(clip: uuid.UUID) -> tuple[int, int]:
    rows = Vote.select().where(Vote.video == clip, Vote.voided_at.is_null()).count()
    return Video.get_by_id(clip).votes, rows


def vote_and_withdraw(voter: uuid.UUID, clip: uuid.UUID) -> None:
    for _ in range(ROUNDS):
        with suppress(ShowcaseError):
            voting.vote(voter, clip, allow_self_vote=True)
        with suppress(ShowcaseError):
            voting.withdraw(voter, clip)


def judge(voters: list[uuid.UUID], clip: uuid.UUID) -> None:
    ballots = Ballots(voters=frozenset(voters))
    for _ in range(ROUNDS):
        voiding.void(ballots, actor="operator", reason="stuffed")
        voiding.restore(ballots, actor="operator", reason="not stuffed")
        voiding.recount(clip, actor="operator")


def closing(act: Callable[[], None]) -> None:
    """Call `act` and close this thread's database connection."""
    try:
        act()
    finally:
        database.close()


def test_concurrent_decisions_about_the_same_votes_succeed_and_the_counter_is_right(clip: uuid.UUID) -> None:
    voters = [add_player() for _ in range(10)]
    acts = [partial(vote_and_withdraw, voter, clip) for voter in voters]
    acts += [partial(judge, voters[first : first + 6], clip) for first in (0, 2, 4)]
    with ThreadPoolExecutor(len(acts)) as threads:
        for done in [threads.submit(closing, act) for act in acts]:
            done.result()
    counter, rows = counted(clip)
    assert counter == rows
