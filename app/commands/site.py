"""What every command needs: the site that the environment describes, who acts and why, and how to print."""

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
            raise typer.BadParameter(f"1 to {limit} printable characters, please")
        return text.strip()

    return check


ActorOption = Annotated[
    str | None,
    typer.Option(
        envvar="ACTOR",
        parser=_text(MAX_ACTOR_CHARS),
        metavar="NAME",
        help="Who acts: a person, and the session they act in. The audit keeps it. On a deployed machine, every "
        "command that changes something asks for it.",
    ),
]
Reason = Annotated[
    str, typer.Option(parser=_text(MAX_REASON_CHARS), metavar="TEXT", help="Why, in a sentence that the audit keeps.")
]


actor: ContextVar[str | None] = ContextVar("actor", default=None)
"""The person that `--actor` named."""


@contextmanager
def open_site() -> Iterator[Services]:
    """Open the site that the environment describes; refusals become sentences and exit codes."""
    try:
        settings = load_settings(Settings)
        configure_logging(settings)
        yield build_services(settings, threads=1)
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
            "See that it runs, that this machine may reach it, and that DATABASE_URL is right.",
            err=True,
        )
        raise typer.Exit(NO_DATABASE) from None


def acting() -> str:
    """Who acts, for the audit: the person that `--actor` names, and where.

    Raises:
        typer.Exit: nobody is named on a deployed machine, where every operator is the same user.
    """
    where = f"{getpass.getuser()}@{socket.gethostname()}"
    named = actor.get()
    if named:
        return f"{named} ({where})"
    if "HOST_KIND" in os.environ:
        typer.echo(
            f"On this machine everybody is {where}. Say who you are: "
            "`rising-stars --actor NAME …`, or ACTOR in the environment.",
            err=True,
        )
        raise typer.Exit(REFUSED)
    return where


def show_moment(epoch: float) -> str:
    """An epoch second as a person reads it, in UTC."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(sep=" ", timespec="seconds")


def make_console() -> Console:
    """A console that is wide when its output goes to a program, which then reads whole ids."""
    console = Console()
    return console if console.is_terminal else Console(width=220)
