"""`rising-stars votes`: find, void and restore stuffed votes."""

from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from app.commands.people import BurstOption, choose_accounts
from app.commands.site import Reason, acting, make_console, open_site, show_moment
from app.operations import bursts, voiding
from app.operations.voiding import Ballots

votes_cli = typer.Typer(help="Find stuffed votes; void and restore votes.", no_args_is_help=True)

AccountOption = Annotated[
    list[str] | None,
    typer.Option(metavar="ACCOUNT", help="Votes of this account: id or e-mail address; may be repeated."),
]
VideoOption = Annotated[list[UUID] | None, typer.Option(metavar="VIDEO", help="Votes for this video; may be repeated.")]


@votes_cli.command("bursts")
def list_bursts() -> None:
    """List the accounts that signed up together within the last week and voted soon after."""
    table = Table("burst", "account", "e-mail", "signed up", "votes that count")
    with open_site():
        for burst in bursts.find_bursts():
            for newcomer in burst.newcomers:
                votes = voiding.count_votes(Ballots(voters=frozenset({newcomer.id})))
                moment = show_moment(newcomer.created_at)
                table.add_row(burst.name, str(newcomer.id), newcomer.email, moment, str(votes))
    make_console().print(table)


@votes_cli.command("accept")
def accept_burst(burst: str, *, reason: Reason) -> None:
    """Accept a burst as real people, for example in one sports hall, so that doctor no longer reports it."""
    with open_site():
        bursts.accept(burst, actor=acting(), reason=reason)
    typer.echo(f"{burst} is accepted")


@votes_cli.command("void")
def void_votes(
    *, account: AccountOption = None, video: VideoOption = None, burst: BurstOption = None, reason: Reason
) -> None:
    """Void the votes of accounts, the votes for videos, or (with both options) the accounts' votes for these videos."""
    with open_site():
        lost = voiding.void(_choose(account, video, burst), actor=acting(), reason=reason)
    _print_judged(lost, "void")


@votes_cli.command("restore")
def restore_votes(
    *, account: AccountOption = None, video: VideoOption = None, burst: BurstOption = None, reason: Reason
) -> None:
    """Restore voided votes, so that they count again."""
    with open_site():
        regained = voiding.restore(_choose(account, video, burst), actor=acting(), reason=reason)
    _print_judged(regained, "restored")


def _choose(accounts: list[str] | None, videos: list[UUID] | None, burst: str | None) -> Ballots:
    voters = choose_accounts(accounts, burst) if accounts or burst else None
    return Ballots(voters=voters, videos=frozenset(videos) if videos else None)


def _print_judged(votes: dict[UUID, int], what: str) -> None:
    for video_id, count in sorted(votes.items()):
        typer.echo(f"video {video_id}: {count} votes {what}")
    typer.echo(f"{sum(votes.values())} votes {what}")
