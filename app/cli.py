"""`rising-stars`: the operator's command line."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from app.api.application import list_documented_routes
from app.api.documentation import format_document
from app.commands import site
from app.commands.people import accounts_cli, sessions_cli
from app.commands.site import REFUSED, ActorOption, acting, make_console, open_site, show_moment
from app.commands.videos import videos_cli
from app.commands.votes import votes_cli
from app.db.migrating import migrate as migrate_schema
from app.db.models import Job, JobState
from app.host.cli import host_cli
from app.operations import jobs
from app.operations.archive import find_clips
from app.operations.doctor import Doctor
from app.operations.importing import Importer, find_owner

cli = typer.Typer(
    help="Operate a Rising Stars site. Settings come from the environment. "
    "Exit codes: 1 the command was refused, 2 the settings are wrong, 3 the database cannot be used.",
    no_args_is_help=True,
)
jobs_cli = typer.Typer(help="List, show, retry and cancel the render jobs in the ledger.", no_args_is_help=True)
media_cli = typer.Typer(help="Import clips.", no_args_is_help=True)
cli.add_typer(jobs_cli, name="jobs")
cli.add_typer(media_cli, name="media")
cli.add_typer(videos_cli, name="videos")
cli.add_typer(votes_cli, name="votes")
cli.add_typer(accounts_cli, name="accounts")
cli.add_typer(sessions_cli, name="sessions")
cli.add_typer(host_cli, name="host")

JobOrVideo = Annotated[UUID, typer.Argument(help="The id of the job or of its video.")]


def main() -> None:
    """Run the console command."""
    cli()


@cli.callback()
def name_actor(*, actor: ActorOption = None) -> None:
    """Store the actor for the command that is about to run."""
    site.actor.set(actor)


@cli.command()
def migrate() -> None:
    """Migrate the database schema. Several machines may do this at the same time."""
    with open_site():
        applied = migrate_schema()
    typer.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do")


@jobs_cli.command("list")
def list_jobs(
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
) -> None:
    """List jobs, newest first."""
    table = Table("job", "video", "state", "attempt", "rescues", "progress", "created", "reason")
    with open_site():
        for job in jobs.list_jobs(state=state, limit=limit):
            table.add_row(
                str(job.id),
                str(job.video_id),
                job.state.value,
                f"{job.attempt}/{job.max_attempts}",
                str(job.rescues),
                f"{job.progress:.0%}",
                show_moment(job.created_at),
                job.error_code or "",
            )
    make_console().print(table)


@jobs_cli.command("show")
def show_job(job: JobOrVideo) -> None:
    """Show a job with all its columns."""
    with open_site():
        _show(jobs.find_job(job))


@jobs_cli.command("retry")
def retry_job(
    job: JobOrVideo,
    *,
    again: Annotated[
        bool, typer.Option("--again", help="Also retry a job that succeeded but whose result was lost.")
    ] = False,
) -> None:
    """Restart a failed or cancelled job with its counters reset."""
    with open_site():
        _show(jobs.retry(job, actor=acting(), again=again))


@jobs_cli.command("cancel")
def cancel_job(job: JobOrVideo) -> None:
    """Cancel a queued or running job. A running one stops at its next heartbeat."""
    with open_site():
        _show(jobs.cancel(job, actor=acting()))


@media_cli.command("import")
def import_media(
    folder: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="The folder that contains these two folders.")
    ],
    owner: Annotated[str | None, typer.Option(help="E-mail address of the account that will own the clips.")] = None,
) -> None:
    """Import the clips in unprocessed-videos/ and processed-videos/ of an old file system.

    The folder is not changed. A repeated import only adds the missing clips.
    """
    refused = 0
    with open_site() as services:
        clips = find_clips(folder)
        importer = Importer(services.store, services.settings, owner_id=find_owner(owner), actor=acting())
        for clip in clips:
            result = importer.bring_in(clip)
            refused += result.outcome == "refused"
            typer.echo(f"{result.outcome:8}  {typer.format_filename(clip.name)}  {result.detail}")
    typer.echo(f"{len(clips)} clips, {refused} refused")
    if refused:
        raise typer.Exit(REFUSED)


@cli.command()
def openapi() -> None:
    """Print the API's OpenAPI document. This needs no settings."""
    typer.echo(format_document(list_documented_routes()))


@cli.command()
def doctor() -> None:
    """Check the site without changing it. Report each problem and its remedy.

    The exit code is 1 if there is a problem.
    """
    findings = 0
    with open_site() as services:
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
        shown = show_moment(value) if name.endswith("_at") and value is not None else value
        table.add_row(name, "" if shown is None else str(shown))
    table.add_row("video title", job.video.title)
    table.add_row("video status", job.video.status.value)
    make_console().print(table)
