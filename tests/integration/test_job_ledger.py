"""Every transition of the job ledger, on both databases."""

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.config import Settings
from app.db.database import database, read_now
from app.db.models import Audit, Job, JobState, User, Video, VideoStatus
from app.operations import jobs, measuring, moderation
from app.showcase import videos
from app.showcase.errors import (
    JobNotCancellable,
    JobNotFound,
    JobNotRetryable,
    RuleBroken,
    VideoAlreadyPublished,
)
from app.showcase.ledger import claiming, leases, outbox, reaper, retries
from app.showcase.ledger.leases import Lease, Output
from testing.homes import Backend, Home
from tests.ledger import add_clip, add_player, claim, job_of, opened

OUTPUT = Output(key="processed-videos/result.mp4", poster_key="posters/poster.jpg", size_bytes=1000, sha256="ab" * 32)


@pytest.fixture(scope="module")
def ledger_home(backend: Backend, new_home: Callable[[Backend], Home]) -> Home:
    return new_home(backend)


@pytest.fixture
def ledger(ledger_home: Home) -> Iterator[Settings]:
    with opened(ledger_home) as settings:
        yield settings


def expire(lease: Lease) -> None:
    Job.update(lease_expires_at=read_now() - 1).where(Job.id == lease.job_id).execute()


def make_due(video: uuid.UUID) -> None:
    Job.update(run_at=read_now() - 1).where(Job.video == video).execute()


def status_of(video: uuid.UUID) -> VideoStatus:
    return VideoStatus(Video.get_by_id(video).status)


def at_once(count: int, act: Callable[[], object]) -> list[object]:
    """Call `act` in `count` threads at the same moment and return the results."""
    barrier = threading.Barrier(count)

    def run(_: int) -> object:
        try:
            barrier.wait()
            return act()
        finally:
            database.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_eight_workers_claim_two_hundred_jobs_once_each(ledger: Settings) -> None:
    owner = add_player()
    expected = {add_clip(ledger, owner) for _ in range(200)}

    def work_off() -> list[uuid.UUID]:
        claimed = []
        while lease := claiming.claim("worker", ledger):
            claimed.append(lease.video_id)
        return claimed

    claimed = [video for share in at_once(8, work_off) for video in share]  # type: ignore[attr-defined]
    assert len(claimed) == 200
    assert set(claimed) == expected


def test_a_claim_starts_the_attempt_and_shows_the_video_as_processing(ledger: Settings) -> None:
    video = add_clip(ledger)
    lease = claim(ledger, "host:1")
    job = job_of(video)
    assert (lease.video_id, lease.attempt) == (video, 1)
    assert (job.state, job.lease_owner, job.lease_token) == (JobState.RUNNING, "host:1", lease.token)
    assert job.lease_expires_at is not None
    assert job.lease_expires_at - read_now() == pytest.approx(ledger.lease_seconds, abs=5)
    assert status_of(video) is VideoStatus.PROCESSING


def test_a_job_that_is_not_due_yet_is_not_claimed(ledger: Settings) -> None:
    video = add_clip(ledger)
    Job.update(run_at=read_now() + 60).where(Job.video == video).execute()
    assert claiming.claim("worker", ledger) is None


def test_a_player_with_fifty_clips_does_not_starve_one_with_a_single_clip(ledger: Settings) -> None:
    busy = add_player("Busy")
    for _ in range(50):
        add_clip(ledger, busy)
    claim(ledger)
    only = add_clip(ledger, add_player("Patient"))
    assert only in {claim(ledger).video_id for _ in range(2)}


def test_a_second_clip_is_not_overtaken_by_all_later_players(ledger: Settings) -> None:
    player = add_player()
    first, second = add_clip(ledger, player), add_clip(ledger, player)
    claimed = {claim(ledger).video_id}
    newcomers = [add_clip(ledger) for _ in range(20)]
    assert claim(ledger).video_id == next(iter({first, second} - claimed))
    assert claim(ledger).video_id in newcomers


def test_players_take_turns_when_both_have_many_clips(ledger: Settings) -> None:
    players = [add_player(), add_player()]
    for player in players:
        for _ in range(3):
            add_clip(ledger, player)
    turns = [Video.get_by_id(claim(ledger).video_id).user_id for _ in range(6)]
    assert turns[0::2] == [turns[0]] * 3
    assert turns[1::2] == [turns[1]] * 3
    assert turns[0] != turns[1]


def test_a_heartbeat_extends_the_lease_and_notes_the_progress(ledger: Settings) -> None:
    video = add_clip(ledger)
    lease = claim(ledger)
    expire(lease)
    assert leases.heartbeat(lease, 0.4, ledger)
    job = job_of(video)
    assert job.progress == pytest.approx(0.4)
    assert job.lease_expires_at is not None
    assert job.lease_expires_at > read_now()


def test_success_ends_the_job_and_publishes_the_video_together(ledger: Settings) -> None:
    video = add_clip(ledger)
    assert leases.succeed(claim(ledger), OUTPUT, publish=True)
    job, shown = job_of(video), Video.get_by_id(video)
    assert (job.state, job.progress, job.lease_token) == (JobState.SUCCEEDED, 1, None)
    assert (job.output_key, job.output_bytes, job.output_sha256) == (OUTPUT.key, OUTPUT.size_bytes, OUTPUT.sha256)
    assert (shown.status, shown.processed_key, shown.poster_key) == (
        VideoStatus.PROCESSED,
        OUTPUT.key,
        OUTPUT.poster_key,
    )
    assert shown.published_at is not None


def test_success_under_review_waits_for_an_operator(ledger: Settings) -> None:
    video = add_clip(ledger)
    assert leases.succeed(claim(ledger), OUTPUT, publish=False)
    assert Video.get_by_id(video).published_at is None
    assert [waiting.video_id for waiting in moderation.list_awaiting_review()] == [video]
    moderation.publish(video, actor="operator")
    assert Video.get_by_id(video).published_at is not None
    assert moderation.list_awaiting_review() == []


def test_a_rejected_video_is_never_published(ledger: Settings) -> None:
    video = add_clip(ledger)
    leases.succeed(claim(ledger), OUTPUT, publish=False)
    moderation.reject(video, actor="operator")
    assert status_of(video) is VideoStatus.REJECTED
    assert Video.get_by_id(video).published_at is None
    with pytest.raises(RuleBroken):
        moderation.publish(video, actor="operator")


def test_a_worker_that_lost_its_lease_cannot_change_the_job(ledger: Settings) -> None:
    video = add_clip(ledger)
    zombie = claim(ledger, "zombie")
    expire(zombie)
    assert reaper.reap(ledger) == 1
    rescuer = claim(ledger, "rescuer")
    assert not leases.heartbeat(zombie, 0.9, ledger)
    assert not leases.succeed(zombie, OUTPUT, publish=True)
    assert not leases.fail(zombie, "unreadable_clip", "")
    assert not retries.retry_later(zombie, "internal_error", "", ledger)
    assert not retries.wait_for_dependencies(zombie, "disk_full", "", ledger)
    assert not retries.give_back(zombie)
    assert not leases.acknowledge_cancel(zombie)
    job = job_of(video)
    assert (job.state, job.lease_token, job.lease_owner) == (JobState.RUNNING, rescuer.token, "rescuer")
    assert status_of(video) is VideoStatus.PROCESSING


def test_a_failed_attempt_backs_off_and_is_counted(ledger: Settings) -> None:
    video = add_clip(ledger)
    assert retries.retry_later(claim(ledger), "internal_error", "boom", ledger)
    job = job_of(video)
    assert (job.state, job.attempt, job.error_code, job.error_detail) == (
        JobState.QUEUED,
        1,
        "internal_error",
        "boom",
    )
    assert job.run_at > read_now() + ledger.backoff_base_seconds - 1
    assert job.dispatched_at is None
    assert status_of(video) is VideoStatus.UPLOADED


def test_a_job_whose_attempts_are_spent_fails_with_its_reason(ledger: Settings) -> None:
    video = add_clip(ledger)
    for _ in range(ledger.max_attempts):
        make_due(video)
        assert retries.retry_later(claim(ledger), "render_killed", "killed", ledger)
    assert job_of(video).state is JobState.FAILED
    shown = Video.get_by_id(video)
    assert (shown.status, shown.failure_code) == (VideoStatus.FAILED, "render_killed")


def test_a_render_that_runs_out_of_time_is_tried_twice(ledger: Settings) -> None:
    video = add_clip(ledger)
    assert retries.retry_timed_out(claim(ledger), "render_timed_out", "900 s", ledger)
    assert status_of(video) is VideoStatus.UPLOADED
    make_due(video)
    lease = claim(ledger)
    assert (lease.attempt, lease.timeouts) == (2, 1)
    assert retries.retry_timed_out(lease, "render_timed_out", "900 s", ledger)
    assert status_of(video) is VideoStatus.FAILED
    assert Video.get_by_id(video).failure_code == "render_timed_out"


def test_other_failures_between_do_not_hide_that_a_render_ran_out_of_time(ledger: Settings) -> None:
    video = add_clip(ledger)
    assert retries.retry_timed_out(claim(ledger), "render_timed_out", "900 s", ledger)
    make_due(video)
    assert retries.wait_for_dependencies(claim(ledger), "storage_unavailable", "503", ledger)
    make_due(video)
    assert retries.retry_timed_out(claim(ledger), "render_timed_out", "900 s", ledger)
    assert status_of(video) is VideoStatus.FAILED


def test_after_a_time_out_a_players_clips_wait_behind_clips_of_later_players(ledger: Settings) -> None:
    greedy = add_player()
    first, second = add_clip(ledger, greedy), add_clip(ledger, greedy)
    lease = claim(ledger)
    assert retries.retry_timed_out(lease, "render_timed_out", "900 s", ledger)
    for video in (first, second):
        make_due(video)
    later = [add_clip(ledger) for _ in range(3)]
    assert [claim(ledger).video_id for _ in range(3)] == later
    assert {claim(ledger).video_id for _ in range(2)} == {first, second}
    served = User.get_by_id(greedy).last_claimed_at
    assert served == pytest.approx(read_now() + ledger.render_timeout_seconds, abs=30)


def test_failing_dependencies_never_use_up_an_attempt(ledger: Settings) -> None:
    video = add_clip(ledger)
    for _ in range(2 * ledger.max_attempts):
        make_due(video)
        assert retries.wait_for_dependencies(claim(ledger), "storage_unavailable", "503", ledger)
    job = job_of(video)
    assert (job.state, job.attempt, job.setbacks) == (JobState.QUEUED, 0, 2 * ledger.max_attempts)
    assert job.run_at - read_now() <= ledger.backoff_max_seconds * 1.25


def test_a_returned_job_is_due_at_once_and_uses_no_attempt(ledger: Settings) -> None:
    video = add_clip(ledger)
    assert retries.give_back(claim(ledger))
    assert (job_of(video).attempt, status_of(video)) == (0, VideoStatus.UPLOADED)
    assert claim(ledger).video_id == video


@pytest.mark.parametrize(("failures", "seconds"), [(1, 10), (2, 20), (3, 40), (6, 320), (7, 600), (8, 600), (50, 600)])
def test_the_backoff_doubles_up_to_its_bound(failures: int, seconds: float, ledger: Settings) -> None:
    assert seconds <= retries.backoff_seconds(failures, ledger) <= 1.25 * seconds


def test_the_reaper_takes_only_expired_leases(ledger: Settings) -> None:
    living, dead = add_clip(ledger), add_clip(ledger)
    leases = {lease.video_id: lease for lease in (claim(ledger), claim(ledger))}
    expire(leases[dead])
    assert reaper.reap(ledger) == 1
    assert job_of(living).state is JobState.RUNNING
    rescued = job_of(dead)
    assert (rescued.state, rescued.rescues, rescued.dispatched_at) == (JobState.QUEUED, 1, None)
    assert status_of(dead) is VideoStatus.UPLOADED


def test_eight_reapers_at_once_rescue_a_job_once(ledger: Settings) -> None:
    video = add_clip(ledger)
    expire(claim(ledger))
    assert sorted(at_once(8, lambda: reaper.reap(ledger))) == [0] * 7 + [1]  # type: ignore[type-var]
    assert job_of(video).rescues == 1


def test_a_clip_that_killed_three_workers_is_given_up_as_poison(ledger: Settings) -> None:
    video = add_clip(ledger)
    for _ in range(ledger.max_rescues):
        make_due(video)
        expire(claim(ledger))
        assert reaper.reap(ledger) == 1
    job, shown = job_of(video), Video.get_by_id(video)
    assert (job.state, job.error_code) == (JobState.FAILED, "poison")
    assert (shown.status, shown.failure_code) == (VideoStatus.FAILED, "poison")


def test_deleting_a_queued_clip_cancels_its_render(ledger: Settings) -> None:
    owner = add_player()
    video = add_clip(ledger, owner)
    videos.delete_own(owner, video)
    assert job_of(video).state is JobState.CANCELLED
    assert claiming.claim("worker", ledger) is None


def test_deleting_a_clip_stops_its_render_at_the_next_heartbeat(ledger: Settings) -> None:
    owner = add_player()
    video = add_clip(ledger, owner)
    lease = claim(ledger)
    videos.delete_own(owner, video)
    assert not leases.heartbeat(lease, 0.5, ledger)
    assert not leases.succeed(lease, OUTPUT, publish=True)
    assert leases.acknowledge_cancel(lease)
    assert job_of(video).state is JobState.CANCELLED
    assert Video.get_by_id(video).processed_key is None


def test_the_reaper_ends_a_cancelled_render_whose_worker_died(ledger: Settings) -> None:
    owner = add_player()
    video = add_clip(ledger, owner)
    lease = claim(ledger)
    videos.delete_own(owner, video)
    expire(lease)
    assert reaper.reap(ledger) == 1
    assert (job_of(video).state, job_of(video).rescues) == (JobState.CANCELLED, 0)


def test_a_published_clip_is_not_deleted_and_its_job_stays_as_it_is(ledger: Settings) -> None:
    owner = add_player()
    video = add_clip(ledger, owner)
    leases.succeed(claim(ledger), OUTPUT, publish=True)
    with pytest.raises(VideoAlreadyPublished):
        videos.delete_own(owner, video)
    assert job_of(video).state is JobState.SUCCEEDED
    assert Video.get_by_id(video).deleted_at is None


def test_an_operator_cancels_a_queued_job_and_it_is_audited(ledger: Settings) -> None:
    video = add_clip(ledger)
    assert jobs.cancel(video, actor="operator").state is JobState.CANCELLED
    shown = Video.get_by_id(video)
    assert (shown.status, shown.failure_code) == (VideoStatus.FAILED, "cancelled")
    assert [(row.actor, row.action) for row in Audit.select()] == [("operator", "jobs.cancel")]


def test_an_operator_cancels_a_running_job_and_its_worker_learns_of_it(ledger: Settings) -> None:
    video = add_clip(ledger)
    lease = claim(ledger)
    assert jobs.cancel(video, actor="operator").state is JobState.RUNNING
    assert not leases.heartbeat(lease, 0.5, ledger)
    assert leases.acknowledge_cancel(lease)
    assert Video.get_by_id(video).failure_code == "cancelled"


def test_a_job_that_has_ended_is_not_cancelled(ledger: Settings) -> None:
    video = add_clip(ledger)
    leases.succeed(claim(ledger), OUTPUT, publish=True)
    with pytest.raises(JobNotCancellable):
        jobs.cancel(video, actor="operator")
    assert Audit.select().count() == 0


def test_an_operator_can_retry_a_failed_job_with_all_its_attempts(ledger: Settings) -> None:
    video = add_clip(ledger)
    leases.fail(claim(ledger), "unreadable_clip", "bad")
    retried = jobs.retry(video, actor="operator")
    assert (retried.state, retried.attempt, retried.rescues, retried.error_code) == (JobState.QUEUED, 0, 0, None)
    shown = Video.get_by_id(video)
    assert (shown.status, shown.failure_code) == (VideoStatus.UPLOADED, None)
    assert [row.action for row in Audit.select()] == ["jobs.retry"]
    assert leases.succeed(claim(ledger), OUTPUT, publish=True)


def test_a_job_cancelled_while_it_ran_can_be_retried(ledger: Settings) -> None:
    video = add_clip(ledger)
    lease = claim(ledger)
    jobs.cancel(video, actor="operator")
    leases.acknowledge_cancel(lease)
    jobs.retry(video, actor="operator")
    assert leases.heartbeat(claim(ledger), 0.1, ledger)


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED])
def test_only_a_job_that_ended_without_a_result_can_be_retried(state: JobState, ledger: Settings) -> None:
    video = add_clip(ledger)
    Job.update(state=state).where(Job.video == video).execute()
    with pytest.raises(JobNotRetryable):
        jobs.retry(video, actor="operator")


def test_the_render_of_a_deleted_clip_is_not_retried(ledger: Settings) -> None:
    owner = add_player()
    video = add_clip(ledger, owner)
    videos.delete_own(owner, video)
    with pytest.raises(JobNotRetryable):
        jobs.retry(video, actor="operator")


def test_an_unknown_job_is_reported_as_unknown(ledger: Settings) -> None:
    assert ledger.max_attempts
    with pytest.raises(JobNotFound):
        jobs.retry(uuid.uuid4(), actor="operator")


def test_upkeep_rings_again_for_due_jobs_but_not_in_every_pass(ledger: Settings) -> None:
    video = add_clip(ledger)
    later = add_clip(ledger)
    Job.update(run_at=read_now() + 600).where(Job.video == later).execute()
    assert outbox.mark_redispatched(ledger) == 1
    assert outbox.mark_redispatched(ledger) == 0
    long_ago = read_now() - ledger.redispatch_after_seconds - 1
    Job.update(dispatched_at=long_ago).where(Job.video == video).execute()
    assert outbox.mark_redispatched(ledger) == 1


def test_the_backlog_counts_states_and_the_longest_wait(ledger: Settings) -> None:
    waiting = add_clip(ledger)
    Job.update(run_at=read_now() - 100).where(Job.video == waiting).execute()
    add_clip(ledger)
    leases.fail(_claim_other_than(waiting, ledger), "unreadable_clip", "bad")
    backlog = measuring.measure_backlog()
    assert (backlog.by_state["queued"], backlog.by_state["failed"], backlog.due) == (1, 1, 1)
    assert backlog.oldest_due_seconds == pytest.approx(100, abs=10)


def _claim_other_than(video: uuid.UUID, settings: Settings) -> Lease:
    first, second = claim(settings), claim(settings)
    kept, other = (first, second) if first.video_id == video else (second, first)
    retries.give_back(kept)
    Job.update(run_at=read_now() - 100).where(Job.video == video).execute()
    return other
