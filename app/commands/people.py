"""`rising-stars accounts` and `rising-stars sessions`: who may sign in, and who is signed in."""

from typing import Annotated
from uuid import UUID

import typer

from app.commands.site import Reason, acting, open_site
from app.operations import members
from app.operations.bursts import find_burst
from app.operations.voiding import Ballots, count_votes, public_clips_of
from app.showcase.errors import RuleBroken

accounts_cli = typer.Typer(help="Accounts: suspend and reinstate.", no_args_is_help=True)
sessions_cli = typer.Typer(help="Sessions: end them.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(metavar="[ACCOUNT]...", help="Ids or e-mails.")]
BurstOption = Annotated[str | None, typer.Option(metavar="NAME", help="All accounts of a burst that doctor names.")]


def choose_accounts(names: list[str] | None, burst: str | None) -> frozenset[UUID]:
    """The accounts that a command names, one by one or as a burst.

    Raises:
        RuleBroken: it names none.
        AccountNotFound, BurstNotFound
    """
    chosen = frozenset(members.find_account(name) for name in names or ())
    chosen |= find_burst(burst).accounts if burst else frozenset()
    if not chosen:
        raise RuleBroken("Name an account or a burst.")
    return chosen


@accounts_cli.command("suspend")
def suspend_accounts(accounts: Names = None, *, burst: BurstOption = None, reason: Reason) -> None:
    """Shut accounts out: no sign-in, and every token of theirs ends at once. Clips and votes stay."""
    with open_site():
        chosen = choose_accounts(accounts, burst)
        suspended = members.suspend(chosen, actor=acting(), reason=reason)
        votes, clips = count_votes(Ballots(voters=chosen)), public_clips_of(chosen)
    typer.echo(f"{len(suspended)} suspended, {len(chosen) - len(suspended)} were before")
    if votes:
        typer.echo(f"{votes} votes of theirs count: `rising-stars votes void` takes them from the counters.")
    for clip in clips:
        typer.echo(f"The public sees a clip of theirs: `rising-stars videos hide {clip}` takes it down.")


@accounts_cli.command("reinstate")
def reinstate_accounts(accounts: Names = None, *, burst: BurstOption = None, reason: Reason) -> None:
    """Let suspended accounts sign in again."""
    with open_site():
        chosen = choose_accounts(accounts, burst)
        reinstated = members.reinstate(chosen, actor=acting(), reason=reason)
    typer.echo(f"{len(reinstated)} reinstated, {len(chosen) - len(reinstated)} were active")


@sessions_cli.command("end")
def end_sessions(
    *,
    account: Annotated[list[str] | None, typer.Option(metavar="ACCOUNT", help="Id or e-mail; may be repeated.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Every session of the site.")] = False,
    reason: Reason,
) -> None:
    """End sessions: their access and refresh tokens are refused at once, and their people sign in again."""
    with open_site():
        if everybody == bool(account):
            raise RuleBroken("Name accounts (--account), or all of them (--all).")
        chosen = None if everybody else choose_accounts(account, None)
        ended = members.end_sessions(chosen, actor=acting(), reason=reason)
    typer.echo(f"{ended} sessions ended")
