"""`rising-stars videos`: review, take down, count again."""

from uuid import UUID

import typer
from rich.table import Table

from app.commands.site import Reason, acting, make_console, open_site, show_moment
from app.operations import moderation
from app.operations.voiding import recount

videos_cli = typer.Typer(help="Clips: review (REVIEW_REQUIRED=true), take down, count votes.", no_args_is_help=True)


@videos_cli.command("list")
def list_videos() -> None:
    """Show the clips that wait for review, oldest first."""
    table = Table("video", "player", "title", "processed", "watch")
    with open_site() as services:
        for video in moderation.list_awaiting_review():
            watch = services.store.presign(video.processed_key)
            table.add_row(str(video.video_id), video.username, video.title, show_moment(video.processed_at), watch)
    make_console().print(table)


@videos_cli.command("publish")
def publish_video(video: UUID) -> None:
    """Put a reviewed clip before the public."""
    with open_site():
        moderation.publish(video, actor=acting())
    typer.echo(f"{video} is published")


@videos_cli.command("reject")
def reject_video(video: UUID) -> None:
    """Keep a clip from the public for good."""
    with open_site():
        moderation.reject(video, actor=acting())
    typer.echo(f"{video} is rejected")


@videos_cli.command("hide")
def hide_video(video: UUID, *, reason: Reason) -> None:
    """Take a clip from the public at once; `show` gives it back."""
    with open_site() as services:
        moderation.hide(video, actor=acting(), reason=reason)
        minutes = services.settings.presigned_url_seconds / 60
        cdn = services.settings.media_base_url
    typer.echo(f"{video} is hidden. URLs that were issued before end within {minutes:.0f} min.")
    if cdn:
        typer.echo(f"Copies under {cdn} do not end by themselves: docs/runbook.md, Take a clip down.")


@videos_cli.command("show")
def show_video(video: UUID, *, reason: Reason) -> None:
    """Give a hidden clip back to the public, with its votes."""
    with open_site():
        moderation.show(video, actor=acting(), reason=reason)
    typer.echo(f"{video} is no longer hidden")


@videos_cli.command("recount")
def recount_video(video: UUID) -> None:
    """Set a video's vote counter to the votes that count."""
    with open_site():
        before, after = recount(video, actor=acting())
    typer.echo(f"{video}: {before} votes before, {after} now")
