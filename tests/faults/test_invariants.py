"""The invariants allow for overlapping requests and for requests without a response, and report lost data."""

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from faults.evidence import Evidence
from faults.history import History
from faults.invariants import (
    a_deleted_clip_stays_deleted,
    a_poison_clip_is_given_up_with_a_reason,
    check,
    every_sound_clip_is_processed_unless_its_owner_deleted_it,
    nothing_answered_2xx_is_missing,
    votes_match_the_responses,
)
from faults.ledger import Ledger, Row
from faults.run import AFTERWARDS_SECONDS
from faults.schedule import Step
from faults.servers import Servers
from faults.visitors import send_clip_meanwhile
from faults.votes import ALREADY
from tests.faults.conftest import RunMaker

POISONED: Row = {"state": "failed", "error_code": "poison", "error_detail": "", "rescues": 3}


class Story:
    """An invented run: events at chosen times, and the database's rows at its end."""

    def __init__(self, folder: Path) -> None:
        self.history = History(folder / "history.jsonl")
        self.videos: dict[str, Row] = {}
        self.jobs: dict[str, Row] = {}
        self.ballots = Counter[tuple[str, str]]()
        self._numbers = 0

    def row(self, video: str, *, title: str = "key", deleted_at: float | None = None, **columns: Any) -> None:
        known = {"status": "processed", "original_key": video, "failure_code": None, "votes": 0}
        known |= {"processed_key": video, "poster_key": video}
        self.videos[video] = {"id": video, "title": title, "deleted_at": deleted_at, **known, **columns}

    def request(self, op: str, began: float, ended: float | None, status: int | None = None, **facts: Any) -> None:
        """Record a request and, unless `ended` is None, its response."""
        self._numbers += 1
        about = {"op": op, "api": "api-1", "number": self._numbers, **facts}
        self.history.note("player", "sent", mono=began, **about)
        if ended is not None:
            self.history.note("player", "request", mono=ended, began=began, status=status, **about)

    def upload(self, video: str, began: float, ended: float) -> None:
        self.request("upload", began, ended, 201, key="key", user="player", poison=None)
        self.history.note("player", "accepted", mono=ended, key="key", video=video, poison=None)

    def saw(self, began: float, ended: float, *ids: str) -> None:
        self.history.note("player", "saw", mono=ended, began=began, user="player", ids=list(ids))

    @property
    def evidence(self) -> Evidence:
        self.history.close()
        sizes = dict.fromkeys(self.videos, 1)
        return Evidence(self.history, 0, self.videos, self.jobs, self.ballots, set(), [], [], sizes=sizes)


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def test_a_clip_that_is_deleted_while_its_owner_looks_is_not_missing(story: Story) -> None:
    story.row("clip", deleted_at=1.0)
    story.upload("clip", 0, 1)
    story.request("delete", 2, 6, 200, video="clip")
    story.saw(3, 4)
    assert list(nothing_answered_2xx_is_missing(story.evidence)) == []


def test_a_clip_whose_deletion_was_not_answered_is_not_missing(story: Story) -> None:
    story.row("clip", deleted_at=1.0)
    story.upload("clip", 0, 1)
    story.request("delete", 2, None, video="clip")
    story.saw(3, 4)
    assert list(nothing_answered_2xx_is_missing(story.evidence)) == []


def test_a_clip_that_is_missing_before_its_deletion_is_requested_is_noticed(story: Story) -> None:
    story.row("clip", deleted_at=1.0)
    story.upload("clip", 0, 1)
    story.saw(2, 3)
    story.request("delete", 4, 5, 200, video="clip")
    assert [violation.subject for violation in nothing_answered_2xx_is_missing(story.evidence)] == ["clip"]


def test_a_clip_that_is_missing_between_two_answers_for_its_key_is_noticed(story: Story) -> None:
    story.row("clip")
    story.upload("clip", 0, 1)
    story.saw(2, 3)
    story.upload("clip", 4, 5)
    assert [violation.subject for violation in nothing_answered_2xx_is_missing(story.evidence)] == ["clip"]


def test_a_list_that_overlaps_an_upload_need_not_show_it(story: Story) -> None:
    story.row("clip")
    story.upload("clip", 0, 4)
    story.saw(3, 5)
    assert list(nothing_answered_2xx_is_missing(story.evidence)) == []


@pytest.mark.parametrize("ended", [None, 3.0])
def test_a_poison_clip_whose_answer_was_lost_is_known_as_poison(story: Story, ended: float | None) -> None:
    story.row("clip", status="failed", failure_code="poison")
    story.jobs["clip"] = POISONED
    story.request("upload", 1, ended, key="key", user="player", poison="worker")
    evidence = story.evidence
    assert list(every_sound_clip_is_processed_unless_its_owner_deleted_it(evidence)) == []
    assert list(a_poison_clip_is_given_up_with_a_reason(evidence)) == []
    evidence.jobs["clip"] = {**POISONED, "rescues": 4}
    assert len(list(a_poison_clip_is_given_up_with_a_reason(evidence))) == 1


def test_a_list_that_overlaps_a_deletion_may_still_show_the_clip(story: Story) -> None:
    story.row("clip", deleted_at=1.0)
    story.request("delete", 2, 4, 200, video="clip")
    story.saw(3, 5, "clip")
    assert list(a_deleted_clip_stays_deleted(story.evidence)) == []


def test_a_list_that_begins_after_a_deletions_answer_must_not_show_the_clip(story: Story) -> None:
    story.row("clip", deleted_at=1.0)
    story.request("delete", 2, 4, 200, video="clip")
    story.saw(5, 6, "clip")
    assert len(list(a_deleted_clip_stays_deleted(story.evidence))) == 1


def test_lost_rows_are_reported_and_do_not_abort_the_check(story: Story) -> None:
    story.row("jobless")
    story.request("upload", 0, 1, 201, key="key", user="player", poison="worker")
    story.upload("lost", 2, 3)
    story.request("delete", 4, 5, 200, video="lost")
    found = check(story.evidence)
    assert "a poison clip is given up with a reason" in found
    assert [violation.subject for violation in found["a deleted clip stays deleted"]] == ["lost"]


@pytest.mark.parametrize(("rows", "held"), [(1, True), (0, False)])
def test_of_two_concurrent_votes_the_one_answered_503_may_be_the_counted_one(
    story: Story, rows: int, held: bool
) -> None:
    about = {"user": "voter", "video": "clip"}
    story.request("vote", 1.0, 1.5, 400, detail=ALREADY, **about)
    story.request("vote", 1.1, 1.6, 503, **about)
    story.ballots["voter", "clip"] = rows
    assert (list(votes_match_the_responses(story.evidence)) == []) is held


def test_a_snapshot_does_not_see_later_commits(servers: Servers, tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.close()
    ledger = Ledger(servers.postgres.at.url(servers.postgres.at.create_database()), history)
    ledger.rows("CREATE TABLE votes (n int)")
    with ledger.snapshot() as ask:
        assert ask("SELECT * FROM votes") == []
        ledger.rows("INSERT INTO votes VALUES (1)")
        assert ask("SELECT * FROM votes") == []
    assert ledger.rows("SELECT * FROM votes") == [{"n": 1}]


def test_nothing_is_judged_while_a_visitor_is_still_sending_a_clip(begin_run: RunMaker) -> None:
    run = begin_run()
    lines = run.site.lines_to("postgres")
    for line in lines:
        line.refuse()
    send_clip_meanwhile(run.site, Step(0, "postgres_refused", 0, {}))
    healing = [threading.Timer(2 * AFTERWARDS_SECONDS, line.accept) for line in lines]
    for timer in healing:
        timer.start()
    run.inject([])
    assert len(run.history.events("accepted")) == 1
