"""`rising-stars`: what an operator does by hand."""

import getpass
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from peewee import InterfaceError, OperationalError
from rich.console import Console
from rich.table import Table

from app.config import ConfigurationError, load_settings
from app.db.migrating import migrate as bring_schema_up
from app.db.models import Job, JobState
from app.host.cli import host_cli
from app.logs import configure_logging
from app.services import Services, build_services
from app.showcase import archive, jobs, videos
from app.showcase.doctor import Doctor
from app.showcase.errors import ShowcaseError
from app.showcase.voting import recount

REFUSED, NO_SETTINGS, NO_DATABASE = 1, 2, 3
"""Exit codes."""

cli = typer.Typer(
    help="Operate a Rising Stars site. Settings come from the environment. "
    "Exit codes: 1 what was asked is refused, 2 the settings are wrong, 3 the database cannot be used.",
    no_args_is_help=True,
)
jobs_cli = typer.Typer(help="The ledger of renders.", no_args_is_help=True)
media_cli = typer.Typer(help="Clips from elsewhere.", no_args_is_help=True)
videos_cli = typer.Typer(help="Clips: review (REVIEW_REQUIRED=true) and counters.", no_args_is_help=True)
cli.add_typer(jobs_cli, name="jobs")
cli.add_typer(media_cli, name="media")
cli.add_typer(videos_cli, name="videos")
cli.add_typer(host_cli, name="host")

JobOrVideo = Annotated[UUID, typer.Argument(help="The id of the job or of its video.")]


def main() -> None:
    """Console entry."""
    cli()


@contextmanager
def _site() -> Iterator[Services]:
    """The site that the environment describes; its refusals become sentences and exit codes."""
    try:
        settings = load_settings()
        configure_logging(settings)
        services = build_services(settings, threads=1)
        yield services
    except ConfigurationError as error:
        typer.echo(f"rising-stars cannot start:\n{error}", err=True)
        raise typer.Exit(NO_SETTINGS) from None
    except ShowcaseError as error:
        typer.echo(error.text, err=True)
        raise typer.Exit(REFUSED) from None
    except (OperationalError, InterfaceError) as error:
        reason = " ".join(str(error).split())
        typer.echo(
            f"The database cannot be used ({reason}). "
            "See that it runs, that this machine may reach it, and that DATABASE_URL is right.",
            err=True,
        )
        raise typer.Exit(NO_DATABASE) from None


def _actor() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


@cli.command()
def migrate() -> None:
    """Bring the database's schema up to date; safe to run on many machines at once."""
    with _site():
        applied = bring_schema_up()
    typer.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do")


@jobs_cli.command("list")
def list_jobs(
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
) -> None:
    """Show jobs, newest first."""
    table = Table("job", "video", "state", "attempt", "rescues", "progress", "created", "reason")
    with _site():
        for job in jobs.list_jobs(state=state, limit=limit):
            table.add_row(
                str(job.id),
                str(job.video_id),
                job.state.value,
                f"{job.attempt}/{job.max_attempts}",
                str(job.rescues),
                f"{job.progress:.0%}",
                _moment(job.created_at),
                job.error_code or "",
            )
    _console().print(table)


@jobs_cli.command("show")
def show_job(job: JobOrVideo) -> None:
    """Show all that the ledger knows of one job."""
    with _site():
        _show(jobs.find_job(job))


@jobs_cli.command("retry")
def retry_job(
    job: JobOrVideo,
    *,
    again: Annotated[bool, typer.Option("--again", help="Also one that succeeded: its result was lost.")] = False,
) -> None:
    """Give a failed or cancelled job a fresh start."""
    with _site():
        _show(jobs.retry(job, actor=_actor(), again=again))


@jobs_cli.command("cancel")
def cancel_job(job: JobOrVideo) -> None:
    """Stop a queued or running job; a running one stops at its next heartbeat."""
    with _site():
        _show(jobs.cancel(job, actor=_actor()))


@media_cli.command("import")
def import_media(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The folder above the two.")],
    owner: Annotated[str | None, typer.Option(help="E-mail of the account they belong to.")] = None,
) -> None:
    """Move unprocessed-videos/ and processed-videos/ of an old file system into the site.

    Nothing is removed from the folder. Running it again brings in only what is not there yet.
    """
    refused = 0
    with _site() as services:
        clips = archive.find_clips(folder)
        importer = archive.Archive(
            services.store, services.settings, owner_id=archive.find_owner(owner), actor=_actor()
        )
        for clip in clips:
            result = importer.bring_in(clip)
            refused += result.outcome == "refused"
            typer.echo(f"{result.outcome:8}  {clip.name}  {result.detail}")
    typer.echo(f"{len(clips)} clips, {refused} refused")
    if refused:
        raise typer.Exit(REFUSED)


@videos_cli.command("list")
def list_videos() -> None:
    """Show the clips that wait for review, oldest first."""
    table = Table("video", "player", "title", "processed", "watch")
    with _site() as services:
        for video in videos.list_awaiting_review():
            watch = services.store.presign(video.processed_key)
            table.add_row(str(video.video_id), video.username, video.title, _moment(video.processed_at), watch)
    _console().print(table)


@videos_cli.command("publish")
def publish_video(video: UUID) -> None:
    """Put a reviewed clip before the public."""
    with _site():
        videos.publish(video, actor=_actor())
    typer.echo(f"{video} is published")


@videos_cli.command("reject")
def reject_video(video: UUID) -> None:
    """Keep a clip from the public for good."""
    with _site():
        videos.reject(video, actor=_actor())
    typer.echo(f"{video} is rejected")


@videos_cli.command("recount")
def recount_video(video: UUID) -> None:
    """Set a video's vote counter to the votes that were given."""
    with _site():
        before, after = recount(video, actor=_actor())
    typer.echo(f"{video}: {before} votes before, {after} now")


@cli.command()
def doctor() -> None:
    """Look the site over, read-only: what is not as it must be, and what to run for it. Exit code 1 when ill."""
    findings = 0
    with _site() as services:
        for claim, check in Doctor(services.store, services.settings).checks():
            found = list(check())
            findings += len(found)
            typer.echo(f"{'✘' if found else '✔'} {claim}")
            for finding in found:
                typer.echo(f"    {finding.what}\n    → {finding.remedy}")
    if findings:
        raise typer.Exit(1)


def _show(job: Job) -> None:
    table = Table(show_header=False)
    for name, value in job.__data__.items():
        shown = _moment(value) if name.endswith("_at") and value is not None else value
        table.add_row(name, "" if shown is None else str(shown))
    table.add_row("video title", job.video.title)
    table.add_row("video status", job.video.status.value)
    _console().print(table)


def _moment(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(sep=" ", timespec="seconds")


def _console() -> Console:
    """Wide when nobody watches, so that a script can read whole ids."""
    console = Console()
    return console if console.is_terminal else Console(width=220)
