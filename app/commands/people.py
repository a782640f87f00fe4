"""`rising-stars accounts` and `rising-stars sessions`: suspend, reinstate and recount accounts, end sessions."""

from typing import Annotated
from uuid import UUID

import typer

from app.commands.site import Reason, acting, open_site
from app.operations import members
from app.operations.bursts import find_burst
from app.operations.voiding import Ballots, count_votes, public_clips_of, recount_player
from app.showcase.errors import RuleBroken

accounts_cli = typer.Typer(help="Suspend and reinstate accounts; recount a player's votes.", no_args_is_help=True)
sessions_cli = typer.Typer(help="End sessions.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(metavar="[ACCOUNT]...", help="Ids or e-mail addresses.")]
BurstOption = Annotated[str | None, typer.Option(metavar="NAME", help="All accounts in a burst that doctor reports.")]


def choose_accounts(names: list[str] | None, burst: str | None) -> frozenset[UUID]:
    """Return the accounts that a command names, one by one or as a burst.

    Raises:
        RuleBroken: the command names neither an account nor a burst.
        AccountNotFound, BurstNotFound
    """
    chosen = frozenset(members.find_account(name) for name in names or ())
    chosen |= find_burst(burst).accounts if burst else frozenset()
    if not chosen:
        raise RuleBroken("Name an account or a burst.")
    return chosen


@accounts_cli.command("suspend")
def suspend_accounts(accounts: Names = None, *, burst: BurstOption = None, reason: Reason) -> None:
    """Suspend accounts: they cannot sign in, and their tokens become invalid at once. Clips and votes are kept."""
    with open_site():
        chosen = choose_accounts(accounts, burst)
        suspended = members.suspend(chosen, actor=acting(), reason=reason)
        votes, clips = count_votes(Ballots(voters=chosen)), public_clips_of(chosen)
    typer.echo(f"{len(suspended)} suspended, {len(chosen) - len(suspended)} were already suspended")
    if votes:
        typer.echo(f"{votes} of their votes count: `rising-stars votes void` removes them from the counters.")
    for clip in clips:
        typer.echo(f"One of their clips is public: `rising-stars videos hide {clip}` hides it.")


@accounts_cli.command("reinstate")
def reinstate_accounts(accounts: Names = None, *, burst: BurstOption = None, reason: Reason) -> None:
    """Let suspended accounts sign in again."""
    with open_site():
        chosen = choose_accounts(accounts, burst)
        reinstated = members.reinstate(chosen, actor=acting(), reason=reason)
    typer.echo(f"{len(reinstated)} reinstated, {len(chosen) - len(reinstated)} were already active")


@accounts_cli.command("recount")
def recount_account(account: Annotated[str, typer.Argument(help="Id or e-mail address.")]) -> None:
    """Recompute a player's standing in the ranking from the counters of their public clips."""
    with open_site():
        before, after = recount_player(members.find_account(account), actor=acting())
    typer.echo(f"{account}: {before} votes before, {after} now")


@sessions_cli.command("end")
def end_sessions(
    *,
    account: Annotated[
        list[str] | None, typer.Option(metavar="ACCOUNT", help="Id or e-mail address; may be repeated.")
    ] = None,
    every_session: Annotated[bool, typer.Option("--all", help="End every session on the site.")] = False,
    reason: Reason,
) -> None:
    """End sessions: their access and refresh tokens become invalid at once, and their users must sign in again."""
    with open_site():
        if every_session == bool(account):
            raise RuleBroken("Give either --account (once for each account) or --all.")
        chosen = None if every_session else choose_accounts(account, None)
        ended = members.end_sessions(chosen, actor=acting(), reason=reason)
    typer.echo(f"{ended} sessions ended")
