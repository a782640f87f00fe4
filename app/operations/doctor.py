"""The doctor: read-only checks of a live site. Each finding names a problem and its remedy."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from peewee import JOIN, fn

from app.config import Settings
from app.db.database import read_now
from app.db.models import Job, JobState, Video, VideoStatus, Vote
from app.media.sandbox import sandbox_gaps
from app.operations.bursts import find_bursts
from app.operations.presence import list_workers
from app.operations.voiding import Ballots, count_votes
from app.showcase.standings import players_with_wrong_standings
from app.showcase.visibility import is_counted, is_kept
from app.storage.errors import ObjectNotFound
from app.storage.keys import ORIGINALS, POSTERS, RESULTS
from app.storage.s3 import S3Store

GRACE_SECONDS = 60.0
"""Delays of up to this many seconds, plus two upkeep intervals, are not reported."""

NAMED = 5
"""The maximum number of examples in a finding; further ones are only counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem and its remedy."""

    what: str
    remedy: str


class Doctor:
    """The checks. Each changes nothing, and yields a finding for each violation of the claim in its docstring."""

    def __init__(self, store: S3Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    def checks(self) -> Iterable[tuple[str, Callable[[], Iterator[Finding]]]]:
        """Return every check with the claim that is true when the check finds no problem."""
        return (
            ("workers are running and healthy", self.check_workers),
            ("every job with an expired lease has been rescued", self.check_leases),
            ("the doorbell has rung for every due job", self.check_due_jobs),
            ("no clip is stuck between upload and result", self.check_stuck_videos),
            ("every vote counter matches the votes", self.check_counters),
            ("every standing matches its player's clips", self.check_standings),
            ("no burst of new accounts has voted", self.check_bursts),
            ("every original, result and poster is in the store", self.check_objects),
            ("the store has no old, unreferenced objects", self.check_leftovers),
            ("FFmpeg and MediaInfo are confined on this machine", self.check_sandbox),
        )

    def check_workers(self) -> Iterator[Finding]:
        """Workers are running, and each reports that it is healthy."""
        workers = list_workers()
        living = [worker for worker in workers if worker.silent_seconds < self._patience]
        if not living:
            yield Finding("No worker has reported lately.", "systemctl status rising-stars-worker, on each worker host")
        for worker in workers:
            if worker.silent_seconds >= self._patience:
                what = f"Worker {worker.name} ({worker.version}) last reported {worker.silent_seconds:.0f} s ago."
                yield Finding(what, "nothing, if its host is gone: upkeep removes it after a day; else read its log")
            elif worker.problem:
                yield Finding(f"Worker {worker.name} is not healthy.", worker.problem)

    def check_leases(self) -> Iterator[Finding]:
        """Upkeep has rescued every job whose lease has expired."""
        limit = read_now() - self._patience
        late = [job.id for job in Job.select().where(Job.state == JobState.RUNNING, Job.lease_expires_at < limit)]
        if late:
            what = f"{_some(late, 'job')} with an expired lease, and upkeep has not rescued {_it(late)}."
            yield Finding(what, "systemctl restart rising-stars-upkeep: at least one must run")

    def check_due_jobs(self) -> Iterator[Finding]:
        """The doorbell has rung for every due job, and due jobs wait only while another job is running."""
        limit = read_now() - self._settings.redispatch_after_seconds - self._patience
        waiting = (Job.state == JobState.QUEUED) & (Job.run_at < limit)
        without_ring = Job.dispatched_at.is_null() | (Job.dispatched_at < limit)
        late = [job.id for job in Job.select().where(waiting, without_ring)]
        if late:
            what = f"{_some(late, 'due job')} for which the doorbell has not rung."
            yield Finding(what, "systemctl restart rising-stars-upkeep")
        busy = Job.select().where(Job.state == JobState.RUNNING).exists()
        if not late and not busy and Job.select().where(waiting).exists():
            yield Finding(
                "Due jobs wait while no worker works.", "systemctl restart rising-stars-worker; is the queue up?"
            )

    def check_stuck_videos(self) -> Iterator[Finding]:
        """Every unfinished video has an unfinished job."""
        undone = Video.status.in_([VideoStatus.UPLOADED, VideoStatus.PROCESSING]) & is_kept()
        open_jobs = Job.select(Job.video).where(Job.state.in_([JobState.QUEUED, JobState.RUNNING]))
        for video in Video.select().where(undone, Video.id.not_in(open_jobs)):
            yield Finding(f"Video {video.id} waits for a render that has ended.", f"rising-stars jobs retry {video.id}")

    def check_counters(self) -> Iterator[Finding]:
        """The counter of each video is the number of its votes that count."""
        counted = (
            Video.select(Video.id, Video.votes, fn.COUNT(Vote.user))
            .join(Vote, JOIN.LEFT_OUTER, on=(Vote.video == Video.id) & is_counted())
            .group_by(Video.id, Video.votes)
            .having(Video.votes != fn.COUNT(Vote.user))
        )
        for video_id, shown, given in cast("Iterable[tuple[UUID, int, int]]", counted.tuples()):
            what = f"Video {video_id} shows {shown} votes, but {given} count."
            yield Finding(what, f"rising-stars videos recount {video_id}")

    def check_standings(self) -> Iterator[Finding]:
        """The standing of each player, and the city of each clip, match the player's account and public clips."""
        for account in players_with_wrong_standings():
            what = f"The standing of account {account}, or the city of its clips, is wrong."
            yield Finding(what, f"rising-stars accounts recount {account}")

    def check_bursts(self) -> Iterator[Finding]:
        """No burst has votes that count: see `app.operations.bursts`."""
        for burst in find_bursts():
            votes = count_votes(Ballots(voters=burst.accounts))
            if votes:
                yield Finding(
                    f"{len(burst.newcomers)} accounts of {burst.name} signed up within an hour of each other and voted "
                    f"within minutes; {votes} of their votes count.",
                    f"rising-stars votes bursts lists them; then votes void --burst {burst.name}, "
                    "or votes accept if they are real people, for example in one hall",
                )

    def check_objects(self) -> Iterator[Finding]:
        """Every referenced object is in the store, and each result has the size and checksum of its job."""
        living = Video.select(Video, Job).join(Job, JOIN.LEFT_OUTER).where(is_kept())
        for video in living.order_by(Video.uploaded_at):
            yield from self._check_original(video)
            yield from self._check_result(video)

    def _check_original(self, video: Video) -> Iterator[Finding]:
        if video.original_key and self._lacks(video.original_key, video.original_bytes, None):
            done = video.status is VideoStatus.PROCESSED
            remedy = "nothing: its result exists" if done else "ask its player to upload it again"
            yield Finding(f"The original of video {video.id} is missing or damaged.", remedy)

    def _check_result(self, video: Video) -> Iterator[Finding]:
        job: Job | None = getattr(video, "job", None)
        known = (job.output_bytes, job.output_sha256) if job and job.output_key == video.processed_key else (None, None)
        lost = video.processed_key and self._lacks(video.processed_key, *known)
        if lost or (video.poster_key and self._lacks(video.poster_key, None, None)):
            remedy = f"rising-stars jobs retry --again {video.id}"
            yield Finding(f"The result or poster of video {video.id} is missing or damaged.", remedy)

    def _lacks(self, key: str, size_bytes: int | None, sha256: str | None) -> bool:
        try:
            stored = self._store.stat(key)
        except ObjectNotFound:
            return True
        differs = size_bytes is not None and stored.size_bytes != size_bytes
        return differs or (sha256 is not None and stored.sha256 is not None and stored.sha256 != sha256)

    def check_leftovers(self) -> Iterator[Finding]:
        """No unreferenced object is older than the age at which upkeep sweeps it, plus one sweep interval."""
        limit = read_now() - self._settings.sweep_age_seconds - self._settings.sweep_interval_seconds - self._patience
        columns = ((ORIGINALS, Video.original_key), (RESULTS, Video.processed_key), (POSTERS, Video.poster_key))
        for prefix, column in columns:
            old = {stored.key for stored in self._store.list(prefix) if stored.modified_at < limit}
            living = Video.select(column).where(is_kept(), column.is_null(False)).tuples()
            leftover = sorted(old.difference(key for (key,) in cast("Iterable[tuple[str]]", living)))
            if leftover:
                what = f"{_some(leftover, 'unreferenced object')} in the store."
                yield Finding(what, "systemctl restart rising-stars-upkeep")

    def check_sandbox(self) -> Iterator[Finding]:
        """This kernel can sandbox the programs that parse clips (FFmpeg and MediaInfo). Run this check on each host."""
        for gap in sandbox_gaps():
            yield Finding(gap, "docs/security.md, Sandbox: which kernels support it, and how to allow it")

    @property
    def _patience(self) -> float:
        return GRACE_SECONDS + 2 * self._settings.upkeep_interval_seconds


def _some(things: list[UUID] | list[str], noun: str) -> str:
    named = ", ".join(str(thing) for thing in things[:NAMED])
    more = f" and {len(things) - NAMED} more" if len(things) > NAMED else ""
    return f"{len(things)} {noun}{'s' if len(things) > 1 else ''} ({named}{more})"


def _it(things: list[UUID]) -> str:
    return "it" if len(things) == 1 else "them"
