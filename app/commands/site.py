"""Code that the commands share: opening the site, the options for the actor and the reason, and output."""

import getpass
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from app.config import ConfigurationError, Settings, load_settings
from app.db.errors import DATABASE_UNAVAILABLE
from app.logs import configure_logging
from app.services import Services, build_services
from app.showcase.errors import ShowcaseError

REFUSED, NO_SETTINGS, NO_DATABASE = 1, 2, 3
"""Exit codes."""

MAX_ACTOR_CHARS, MAX_REASON_CHARS = 120, 500


def _text(limit: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not text.strip() or not text.isprintable() or len(text) > limit:
            raise typer.BadParameter(f"must be 1 to {limit} printable characters")
        return text.strip()

    return check


ActorOption = Annotated[
    str | None,
    typer.Option(
        envvar="ACTOR",
        parser=_text(MAX_ACTOR_CHARS),
        metavar="NAME",
        help="Your name, and the session that you work in, for the audit log. On a deployed machine, every command "
        "that changes something requires it.",
    ),
]
Reason = Annotated[
    str,
    typer.Option(
        parser=_text(MAX_REASON_CHARS), metavar="TEXT", help="The reason, in one sentence, for the audit log."
    ),
]


actor: ContextVar[str | None] = ContextVar("actor", default=None)
"""The name given with `--actor` or in ACTOR; None if neither is set."""


@contextmanager
def open_site() -> Iterator[Services]:
    """Open the site that the environment describes. Errors become a sentence on stderr and an exit code."""
    try:
        settings = load_settings(Settings)
        configure_logging(settings)
        yield build_services(settings, database_connections=1)
    except ConfigurationError as error:
        typer.echo(f"rising-stars cannot start:\n{error}", err=True)
        raise typer.Exit(NO_SETTINGS) from None
    except ShowcaseError as error:
        typer.echo(error.text, err=True)
        raise typer.Exit(REFUSED) from None
    except DATABASE_UNAVAILABLE as error:
        reason = " ".join(str(error).split())
        typer.echo(
            f"The database cannot be used ({reason}). "
            "Check that it runs, that this machine may reach it, and that DATABASE_URL is right.",
            err=True,
        )
        raise typer.Exit(NO_DATABASE) from None


def acting() -> str:
    """Return the actor for the audit log: the name given with `--actor`, if any, and this machine's user and host.

    Raises:
        typer.Exit: no actor is named on a deployed machine, where all operators share one user.
    """
    where = f"{getpass.getuser()}@{socket.gethostname()}"
    named = actor.get()
    if named:
        return f"{named} ({where})"
    if "HOST_KIND" in os.environ:
        typer.echo(
            f"On this machine every operator is {where}. Name yourself: "
            "`rising-stars --actor NAME …`, or ACTOR in the environment.",
            err=True,
        )
        raise typer.Exit(REFUSED)
    return where


def show_moment(epoch: float) -> str:
    """Return a time in epoch seconds as readable UTC."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(sep=" ", timespec="seconds")


def make_console() -> Console:
    """Return a console for tables. If the output is not a terminal, lines are wide, so that ids are not truncated."""
    console = Console()
    return console if console.is_terminal else Console(width=220)
