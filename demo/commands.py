"""The command line: `run` tells the story of the platform and ends, `serve` leaves a site running."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from demo.interruption import Interrupted
from demo.paths import shown
from demo.site import Site
from demo.story import tell_story

VAR = Path(__file__).resolve().parent.parent / "var"
CHECK_SECONDS = 0.5
EXAMPLE = """\
  curl -s {url}/api/auth/signup -H 'Content-Type: application/json' -d '{{
    "first_name": "Lucía", "last_name": "Herrera", "email": "lucia@example.com",
    "city": "Bogotá", "password1": "tiro-de-tres", "password2": "tiro-de-tres"}}'"""

cli = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@cli.command()
def run(
    clip: Annotated[Path | None, typer.Option(envvar="CLIP", help="Your own clip instead of a generated one.")] = None,
    data: Annotated[Path, typer.Option(envvar="DATA", help="A folder of its own, made anew.")] = VAR / "demo",
) -> None:
    """Sign up, upload, render, vote, rank: on a fresh site that ends with the story."""
    tell_story(Site(data, fresh=True), clip=clip.expanduser() if clip else None, console=_console())


@cli.command()
def serve(
    port: Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="Where the API listens.")] = 8080,
    data: Annotated[Path, typer.Option(envvar="DATA", help="Where its data are kept.")] = VAR / "site",
) -> None:
    """Run a site until Ctrl-C or SIGTERM; its data are kept for the next time."""
    console = _console()
    site = Site(data, port=port)
    console.print("[bold]Rising Stars[/bold] on this machine")
    try:
        site.start(lambda line: console.print(f"  {line}"))
        console.print(f"\nData and logs are kept in {shown(data)}. Sign somebody up:\n")
        console.print(EXAMPLE.format(url=site.url), markup=False)
        console.print("\nCtrl-C stops it.")
        _stay_until_interrupted(site)
    finally:
        site.stop()
    console.print("\nStopped; nothing is left running.")


def _stay_until_interrupted(site: Site) -> None:
    with suppress(Interrupted):
        while True:
            site.check()
            time.sleep(CHECK_SECONDS)


def _console() -> Console:
    """No guesses at what in a line might be a number or a path, and no line broken to an unknown width."""
    return Console(highlight=False, soft_wrap=True)
