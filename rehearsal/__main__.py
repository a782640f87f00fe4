"""The command line of the rehearsal.

python -m rehearsal run [--scenario core|all|4] [--keep]
python -m rehearsal down
"""

import json
import shutil
import sys
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rehearsal.hosts.podman import find_obstacle
from rehearsal.scenarios import ALL, CORE
from rehearsal.site import FOLDER, Rehearsal, clean_up, container, rehearsal
from testing.figures import FOLDER as RESULTS
from testing.figures import write

commands = typer.Typer(help="Build and test the whole site on one machine.", no_args_is_help=True)
screen = Console(highlight=False)
PROGRAMS = ("haproxy", "dnsmasq")


@commands.command()
def run(
    scenario: Annotated[str, typer.Option(help="core, all, or numbers: 3,7")] = "core",
    *,
    keep: Annotated[bool, typer.Option("--keep", help="leave the site running")] = False,
) -> None:
    """Build the site, run scenarios on it, and destroy it."""
    require_programs()
    numbers = choose(scenario, keep=keep)
    began = time.monotonic()
    with rehearsal(keep=keep) as site:
        figures = {str(number): play(site, number) for number in numbers}
        if keep:
            print_access(site)
    screen.print(f"[bold green]Rehearsed[/] in {time.monotonic() - began:.0f} s")
    scenarios = dict(sorted((earlier_figures() | figures).items(), key=lambda item: int(item[0])))
    write("rehearsal", {"scenarios": scenarios}, command="make rehearse SCENARIO=…")


@commands.command()
def down() -> None:
    """Remove everything that a rehearsal created."""
    require_programs()
    clean_up()


def earlier_figures() -> dict[str, object]:
    """Return the figures of earlier runs, by scenario number."""
    path = RESULTS / "rehearsal.json"
    kept: dict[str, object] = json.loads(path.read_text())["scenarios"] if path.exists() else {}
    return kept


def choose(scenario: str, *, keep: bool) -> list[int]:
    """Return the numbers of the scenarios to run: always 1 (build), and 10 (destroy) unless `keep` is set."""
    if scenario in {"core", "all"}:
        numbers = set(CORE if scenario == "core" else ALL)
    else:
        try:
            numbers = {int(number) for number in scenario.split(",")}
        except ValueError:
            raise typer.BadParameter(f"SCENARIO is {scenario!r}: give core, all, or numbers such as 3,7") from None
    if unknown := numbers - set(ALL):
        known = ", ".join(map(str, ALL))
        raise typer.BadParameter(f"Scenario {min(unknown)} does not exist; the scenarios are {known}")
    return sorted((numbers | {1, 10}) - ({10} if keep else set()))


def play(site: Rehearsal, number: int) -> dict[str, object]:
    """Run a scenario, and print its figures."""
    scenario, began = ALL[number], time.monotonic()
    screen.print(f"[bold]{number:>2}[/]  {scenario.title}")
    figures = scenario.play(site)
    printed = "  ".join(f"{name} {value}" for name, value in figures.items())
    screen.print(f"    [green]✔[/] {time.monotonic() - began:.0f} s  [dim]{printed}[/]")
    return figures


def print_access(site: Rehearsal) -> None:
    """Print each machine's address and the command that opens a shell on it, and the site's URL."""
    table = Table("machine", "address", "role", "open a shell")
    for each in site.control.instances():
        if each.state == "running":
            table.add_row(each.id, each.address, each.tags.get("Role", ""), f"podman exec -it {container(each)} bash")
    screen.print(table)
    screen.print(f"The site: {site.url}   AWS: {site.endpoint}   . {FOLDER}/environment   make rehearse-down")


def require_programs() -> None:
    """Exit with a message when a program is missing."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if reason := find_obstacle():
        sys.exit(reason)
    if missing:
        sys.exit(f"A rehearsal needs {', '.join(missing)}: run tests/services/install-packages as root")


if __name__ == "__main__":
    commands()
