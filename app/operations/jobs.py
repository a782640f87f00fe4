"""An operator's view of the job ledger, and an operator's hand on it."""

from uuid import UUID

from app.db.database import transaction
from app.db.models import Job, JobState, Video
from app.operations.audit import record
from app.showcase.errors import JobNotFound
from app.showcase.ledger import interventions


def list_jobs(*, state: JobState | None, limit: int) -> list[Job]:
    """Jobs with their videos, newest first."""
    query = Job.select(Job, Video).join(Video).order_by(Job.created_at.desc()).limit(limit)
    return list(query if state is None else query.where(Job.state == state))


def find_job(job_or_video_id: UUID) -> Job:
    """A job by its own id or its video's.

    Raises:
        JobNotFound: neither is known.
    """
    either = (Job.id == job_or_video_id) | (Job.video == job_or_video_id)
    job: Job | None = Job.select(Job, Video).join(Video).where(either).first()
    if job is None:
        raise JobNotFound
    return job


def retry(job_or_video_id: UUID, *, actor: str, again: bool = False) -> Job:
    """Give a job a fresh start: counters reset, due at once, rung for by upkeep. Audited.

    Args:
        job_or_video_id: which.
        actor: who retries it.
        again: also retry a job that succeeded (its result was lost). The video keeps its votes and stays public.

    Returns:
        The job as it is then.

    Raises:
        JobNotFound
        JobNotRetryable: it has not ended, it succeeded and `again` is false, or its owner deleted the video.
    """
    job = find_job(job_or_video_id)
    with transaction():
        interventions.start_over(job, again=again)
        record(actor, "jobs.retry", str(job.id), f"was {job.state}: {job.error_code}")
    return find_job(job.id)


def cancel(job_or_video_id: UUID, *, actor: str) -> Job:
    """Stop a job; its video fails with code `cancelled`. Audited.

    Returns:
        The job as it is then.

    Raises:
        JobNotFound
        JobNotCancellable: it has ended already.
    """
    job = find_job(job_or_video_id)
    with transaction():
        interventions.cancel(job)
        record(actor, "jobs.cancel", str(job.id), f"was {job.state}")
    return find_job(job.id)
