"""`rising-stars videos`: review, hide and show, recount."""

from uuid import UUID

import typer
from rich.table import Table

from app.commands.site import Reason, acting, make_console, open_site, show_moment
from app.operations import moderation
from app.operations.voiding import recount

videos_cli = typer.Typer(
    help="Review clips (with REVIEW_REQUIRED=true), hide them, and recount their votes.", no_args_is_help=True
)


@videos_cli.command("list")
def list_videos() -> None:
    """List the clips that await review, oldest first."""
    table = Table("video", "player", "title", "processed", "watch")
    with open_site() as services:
        for video in moderation.list_awaiting_review():
            watch = services.store.presign(video.processed_key)
            table.add_row(str(video.video_id), video.username, video.title, show_moment(video.processed_at), watch)
    make_console().print(table)


@videos_cli.command("publish")
def publish_video(video: UUID) -> None:
    """Publish a reviewed clip."""
    with open_site():
        moderation.publish(video, actor=acting())
    typer.echo(f"{video} is published")


@videos_cli.command("reject")
def reject_video(video: UUID) -> None:
    """Reject a clip, so that it is never published."""
    with open_site():
        moderation.reject(video, actor=acting())
    typer.echo(f"{video} is rejected")


@videos_cli.command("hide")
def hide_video(video: UUID, *, reason: Reason) -> None:
    """Hide a clip from the public at once; `show` undoes this."""
    with open_site() as services:
        moderation.hide(video, actor=acting(), reason=reason)
        minutes = services.settings.presigned_url_seconds / 60
        cdn = services.settings.media_base_url
    typer.echo(f"{video} is hidden. URLs that were issued before expire within {minutes:.0f} min.")
    if cdn:
        typer.echo(f"Copies under {cdn} do not expire by themselves: docs/runbook.md, Take a clip down.")


@videos_cli.command("show")
def show_video(video: UUID, *, reason: Reason) -> None:
    """Show a hidden clip to the public again, with its votes."""
    with open_site():
        moderation.show(video, actor=acting(), reason=reason)
    typer.echo(f"{video} is no longer hidden")


@videos_cli.command("recount")
def recount_video(video: UUID) -> None:
    """Set a video's vote counter to the number of votes that count, and recompute its player's standing."""
    with open_site():
        before, after = recount(video, actor=acting())
    typer.echo(f"{video}: {before} votes before, {after} now")
