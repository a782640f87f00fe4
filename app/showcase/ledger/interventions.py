"""Interventions in a job by players and operators: cancel it or start it over, in the caller's transaction."""

from uuid import UUID

from app.db.database import db_now
from app.db.models import Job, JobState, Video, VideoStatus
from app.showcase.errors import JobNotCancellable, JobNotRetryable
from app.showcase.ledger.columns import CANCELLED, back_in_queue, fail_video

ENDED_WITHOUT_RESULT = [JobState.FAILED, JobState.CANCELLED]


def request_cancel(video_id: UUID) -> None:
    """Cancel a video's render: at once if it is queued, otherwise at the worker's next heartbeat."""
    now = db_now()
    of_video = Job.video == video_id
    Job.update(state=JobState.CANCELLED, finished_at=now, error_code=CANCELLED).where(
        of_video, Job.state == JobState.QUEUED
    ).execute()
    Job.update(cancel_requested_at=now).where(of_video, Job.state == JobState.RUNNING).execute()


def cancel(job: Job) -> None:
    """Cancel a render. Its video fails with code `cancelled`, at once or at the worker's next heartbeat.

    Raises:
        JobNotCancellable: the job has already ended.
    """
    request_cancel(job.video_id)
    state = Job.get_by_id(job.id).state
    if state is JobState.CANCELLED and job.state is not JobState.CANCELLED:
        fail_video(job.video_id, CANCELLED)
    elif state is not JobState.RUNNING:
        raise JobNotCancellable(f"Job {job.id} is {state}; only a queued or running one can be cancelled.")


def start_over(job: Job, *, again: bool) -> None:
    """Queue an ended job again, due at once, with all counters reset. Upkeep rings the doorbell for it.

    Args:
        job: the job, read with its video.
        again: also accept a job that succeeded but whose result was lost. The video keeps its votes and remains public.

    Raises:
        JobNotRetryable: the job has not ended, it succeeded and `again` is false, or its owner deleted the video.
    """
    if job.video.deleted_at is not None:
        raise JobNotRetryable(f"The owner of video {job.video_id} deleted it; there is nothing left to render.")
    startable = [*ENDED_WITHOUT_RESULT, JobState.SUCCEEDED] if again else ENDED_WITHOUT_RESULT
    fresh = back_in_queue(
        run_at=db_now(),
        attempt=0,
        rescues=0,
        setbacks=0,
        timeouts=0,
        cancel_requested_at=None,
        error_code=None,
        error_detail=None,
        finished_at=None,
    )
    if not Job.update(fresh).where(Job.id == job.id, Job.state.in_(startable)).execute():
        raise JobNotRetryable(f"Job {job.id} is {job.state}; only a failed or cancelled one can be retried.")
    Video.update(status=VideoStatus.UPLOADED, failure_code=None).where(Video.id == job.video_id).execute()
