"""A few players, clips and votes, so that the pages of a new site have something to show (`make serve SAMPLE=1`)."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo.client import Client, Player
from demo.errors import DemoError
from demo.site import Site
from demo.story import CLIP_SECONDS, FILM, FILM_SECONDS, OPEN_STATES, RENDER_SECONDS

POLL_SECONDS = 1.0
FANS = 7
"""How many of the players vote for the first clip; each further clip gets one vote less."""


@dataclass(frozen=True)
class SampleClip:
    """A player of the sample and the title of their clip."""

    first_name: str
    last_name: str
    city: str
    title: str


CLIPS = (
    SampleClip("Lucía", "Herrera", "Bogotá", "Triple desde el logo"),
    SampleClip("Andrés", "Mosquera", "Cali", "Clavada en contraataque"),
    SampleClip("Valentina", "Restrepo", "Medellín", "Pase sin mirar"),
    SampleClip("Camilo", "Rincón", "Bogotá", "Bandeja con la izquierda"),
    SampleClip("Daniela", "Ortiz", "Barranquilla", "Robo y canasta sobre la bocina"),
    SampleClip("Julián", "Palacios", "Quibdó", "Tapón y salida rápida"),
)


def fill(site: Site, report: Callable[[str], None]) -> None:
    """Fill a new site; leave a site that has players as it is. Renders take a minute or more for each clip.

    Raises:
        DemoError: a process failed, or the API rejected a request.
    """
    with Client(site.url) as client:
        if client.ranking():
            report("The site has players already, so the sample is left out.")
            return
        players = [client.sign_up(each.first_name, each.last_name, each.city)[0] for each in CLIPS]
        voters = [*players, *(client.sign_up("Fan", str(number + 1), "Bogotá")[0] for number in range(FANS))]
        report(f"{len(players)} players upload a clip each; the page shows each clip when it is rendered.")
        film = _film(site)
        clips = [_upload(client, player, each.title, film) for player, each in zip(players, CLIPS, strict=True)]
        for rank, (player, video_id) in enumerate(zip(players, clips, strict=True)):
            _wait(site, client, player, video_id)
            for voter in voters[rank : rank + FANS - rank]:
                client.vote(voter, video_id)
            report(f"{player.name}: {CLIPS[rank].title}")


def _film(site: Site) -> Path:
    path = site.root / "sample.mp4"
    site.run("clip", [sys.executable, "-c", FILM, str(path), str(CLIP_SECONDS)], seconds=FILM_SECONDS)
    return path


def _upload(client: Client, player: Player, title: str, film: Path) -> str:
    answer = client.upload(player, title, film)
    if "task_id" not in answer.body:
        raise DemoError(f"The API rejected the sample clip: {answer.message}")
    return str(answer.body["task_id"])


def _wait(site: Site, client: Client, player: Player, video_id: str) -> None:
    deadline = time.monotonic() + RENDER_SECONDS
    while client.video(player, video_id)["status"] in OPEN_STATES:
        site.check()
        if time.monotonic() > deadline:
            raise DemoError(f"No result after {RENDER_SECONDS} s. See {site.log_dir}/worker.log.")
        time.sleep(POLL_SECONDS)
