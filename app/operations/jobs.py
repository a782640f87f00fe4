"""The operator's use cases for jobs: list, retry, cancel."""

from uuid import UUID

from app.db.database import transaction
from app.db.models import Job, JobState, Video
from app.operations.audit import record
from app.showcase.errors import JobNotFound
from app.showcase.ledger import interventions


def list_jobs(*, state: JobState | None, limit: int) -> list[Job]:
    """Return jobs with their videos, newest first."""
    query = Job.select(Job, Video).join(Video).order_by(Job.created_at.desc()).limit(limit)
    return list(query if state is None else query.where(Job.state == state))


def find_job(job_or_video_id: UUID) -> Job:
    """Return a job by its own id or its video's id.

    Raises:
        JobNotFound: no job or video has this id.
    """
    either = (Job.id == job_or_video_id) | (Job.video == job_or_video_id)
    job: Job | None = Job.select(Job, Video).join(Video).where(either).first()
    if job is None:
        raise JobNotFound
    return job


def retry(job_or_video_id: UUID, *, actor: str, again: bool = False) -> Job:
    """Restart a job: due at once, with all counters reset. Upkeep rings the doorbell; the audit log records the retry.

    Args:
        job_or_video_id: the id of the job or of its video.
        actor: the operator.
        again: also retry a job that succeeded but whose result was lost. The video keeps its votes and remains public.

    Returns:
        The updated job.

    Raises:
        JobNotFound
        JobNotRetryable: the job has not ended, it succeeded and `again` is false, or its owner deleted the video.
    """
    job = find_job(job_or_video_id)
    with transaction():
        interventions.start_over(job, again=again)
        record(actor, "jobs.retry", str(job.id), f"was {job.state}: {job.error_code}")
    return find_job(job.id)


def cancel(job_or_video_id: UUID, *, actor: str) -> Job:
    """Cancel a job; its video fails with code `cancelled`. The audit log records the cancellation.

    Returns:
        The updated job.

    Raises:
        JobNotFound
        JobNotCancellable: the job has already ended.
    """
    job = find_job(job_or_video_id)
    with transaction():
        interventions.cancel(job)
        record(actor, "jobs.cancel", str(job.id), f"was {job.state}")
    return find_job(job.id)
