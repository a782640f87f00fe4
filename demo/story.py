"""The story of `make demo`: every step from sign-up to ranking, through the REST API of a new site."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from demo.client import Answer, Client, Player
from demo.errors import DemoError
from demo.inspection import describe
from demo.paths import shown
from demo.site import Site

CAST = (
    ("Lucía", "Herrera", "Bogotá"),
    ("Mateo", "Rojas", "Medellín"),
    ("Valentina", "Cruz", "Cali"),
    ("Sofía", "Gómez", "Bogotá"),
)
TITLES = ("Tiro de tres", "Contraataque")
"""The titles of the clips that the first members of the cast upload."""
VOTERS = ((1, 2, 3), (0,))
"""For each clip, its voters, as indexes in `CAST`. The story then repeats the last vote, and the API rejects it."""
PLAIN_CITY = "bogota"
"""Bogotá, spelled as a user without accents on the keyboard would: the ranking accepts this spelling too."""
CLIP_SECONDS = 22
FILM = (
    "import sys; from pathlib import Path; from demo.clip import make_basketball_clip; "
    "make_basketball_clip(Path(sys.argv[1]), int(sys.argv[2]))"
)
"""A Python program that generates the clip. It runs in a process of its own, so that `Site.stop` can end it."""
FILM_SECONDS = 120
POLL_SECONDS = 0.3
RENDER_SECONDS = 900
"""How long the story waits for a render; longer than the platform's own timeout for a render."""
CLIP_FILE = "clip.mp4"
POSTER_FILE = "poster.jpg"
OPEN_STATES = {"uploaded", "processing"}


@dataclass(frozen=True)
class Entry:
    """A player's clip in the showcase."""

    player: Player
    video_id: str


class Story:
    """The steps of the story, in order. Each step prints its results."""

    def __init__(self, site: Site, client: Client, console: Console) -> None:
        self._site = site
        self._client = client
        self._console = console

    def sign_up(self) -> list[Player]:
        """Sign up the cast."""
        self._print_heading("Players sign up")
        players = []
        for first_name, last_name, city in CAST:
            player, answer = self._client.sign_up(first_name, last_name, city)
            self._print_answer(answer, f"{player.name}, {city}")
            players.append(player)
        return players

    def upload(self, players: list[Player], own_clip: Path | None) -> list[Entry]:
        """Upload a generated clip for each of the first players, or the caller's clip for the first player only."""
        self._print_heading(f"One uploads {own_clip}" if own_clip else "Two upload a clip each")
        clip, titles = (own_clip, TITLES[:1]) if own_clip else (self._generated(), TITLES)
        entries = []
        for player, title in zip(players, titles, strict=False):
            answer = self._client.upload(player, title, clip)
            if "task_id" not in answer.body:
                raise DemoError(f"The API rejected {clip}: {answer.message}")
            self._print_answer(answer, player.name)
            entries.append(Entry(player, answer.body["task_id"]))
        return entries

    def follow(self, entries: list[Entry]) -> list[dict[str, Any]]:
        """Show the progress of each render until all renders have ended, and return the videos."""
        self._print_heading("The worker brands them: watermark, intro, outro and loudness in one encode")
        if not self._console.is_terminal:
            self._console.print("  rendering…")
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(bar_width=34),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[state]}"),
        )
        with Progress(*columns, console=self._console) as bars:
            tasks = [bars.add_task(entry.player.name, start=False, total=1, state="") for entry in entries]
            return self._until_over(entries, bars, tasks)

    def vote(self, players: list[Player], entries: list[Entry]) -> None:
        """Cast the votes, and repeat the last one, which the API rejects."""
        self._print_heading("The public votes")
        pairs = zip(entries, VOTERS, strict=False)
        ballots = [(players[voter], entry) for entry, voters in pairs for voter in voters]
        for voter, entry in ballots:
            self._vote(voter, entry)
        self._vote(*ballots[-1], again=True)

    def rank(self) -> None:
        """Print the ranking of all cities, and the ranking of one city."""
        self._print_heading("The ranking")
        table = Table("", "Player", "City", "Votes", box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
        table.columns[3].justify = "right"
        for row in self._client.ranking():
            table.add_row(str(row["position"]), row["username"], row["city"], str(row["votes"]))
        self._console.print(Padding.indent(table, 2))
        local = [f"{row['position']} {row['username']}" for row in self._client.ranking(city=PLAIN_CITY)]
        self._console.print(f"  [dim]asked with city={PLAIN_CITY}:[/] {', '.join(local)}")

    def keep(self, video: dict[str, Any], folder: Path) -> None:
        """Save the result and its poster, and describe them."""
        self._print_heading("The result, as MediaInfo sees it")
        clip, poster = folder / CLIP_FILE, folder / POSTER_FILE
        self._client.save(video["processed_url"], clip)
        self._client.save(video["poster_url"], poster)
        for path in (clip, poster):
            for name, description in describe(path):
                self._console.print(f"  {name:<11} {description}")

    def _generated(self) -> Path:
        path = self._site.root / "upload.mp4"
        with self._console.status("  filming a game…"):
            self._site.run("clip", [sys.executable, "-c", FILM, str(path), str(CLIP_SECONDS)], seconds=FILM_SECONDS)
        return path

    def _until_over(self, entries: list[Entry], bars: Progress, tasks: list[TaskID]) -> list[dict[str, Any]]:
        deadline = time.monotonic() + RENDER_SECONDS
        while True:
            self._site.check()
            videos = [self._client.video(entry.player, entry.video_id) for entry in entries]
            for task, video in zip(tasks, videos, strict=True):
                _draw(bars, task, video)
            if not any(video["status"] in OPEN_STATES for video in videos):
                return [_processed(video) for video in videos]
            if time.monotonic() > deadline:
                raise DemoError(f"No result after {RENDER_SECONDS} s. See {shown(self._site.log_dir)}/worker.log.")
            time.sleep(POLL_SECONDS)

    def _vote(self, voter: Player, entry: Entry, *, again: bool = False) -> None:
        answer = self._client.vote(voter, entry.video_id)
        self._print_answer(answer, f"{voter.first_name} → {entry.player.first_name}" + (", once more" if again else ""))

    def _print_heading(self, text: str) -> None:
        self._console.print(f"\n[bold]{text}[/bold]")

    def _print_answer(self, answer: Answer, what: str) -> None:
        colour = "green" if answer.status < httpx.codes.BAD_REQUEST else "yellow"
        self._console.print(f"  [{colour}]{answer.status}[/] {escape(answer.message)}  [dim]{escape(what)}[/]")


def run_story(site: Site, *, clip: Path | None, console: Console) -> None:
    """Start the site, run the story, and stop the site.

    Raises:
        DemoError: a file is missing, a process failed, or the API rejected a request.
    """
    if clip is not None and not clip.is_file():
        raise DemoError(f"CLIP={clip}: the file does not exist.")
    began = time.monotonic()
    console.print("[bold]Rising Stars[/bold]: the whole platform on this machine, from sign-up to ranking")
    try:
        site.start(lambda line: console.print(f"  {line}"))
        with Client(site.url) as client:
            _play(Story(site, client, console), site, clip)
    except httpx.HTTPError as error:
        site.check()
        raise DemoError(f"The API stopped answering ({error!r}). See {shown(site.log_dir)}/api.log.") from error
    finally:
        site.stop()
    took = time.monotonic() - began
    console.print(f"\n[green]✔[/] {took:.0f} s, and everything is stopped. Watch {shown(site.root / CLIP_FILE)}")
    console.print("  Next: `make serve` leaves it running, `make test` puts it to the test.")


def _play(story: Story, site: Site, clip: Path | None) -> None:
    players = story.sign_up()
    entries = story.upload(players, clip)
    videos = story.follow(entries)
    story.vote(players, entries)
    story.rank()
    story.keep(videos[0], site.root)


def _draw(bars: Progress, task: TaskID, video: dict[str, Any]) -> None:
    if video["status"] != "uploaded":
        bars.start_task(task)
    done = video["status"] == "processed"
    bars.update(task, completed=1 if done else min(video["progress"], 0.99), state=video["status"])


def _processed(video: dict[str, Any]) -> dict[str, Any]:
    if video["status"] != "processed":
        failure = video.get("failure") or {}
        raise DemoError(f"The clip could not be processed: {failure.get('message', video['status'])}")
    return video
