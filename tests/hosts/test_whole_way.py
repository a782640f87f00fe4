"""A site of two machines that boot from user data alone processes clips, even after a machine fails."""

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from pymediainfo import MediaInfo

from app.db.models import Job, JobState
from rehearsal.hosts.boots import Machine, Site
from rehearsal.hosts.bundles import Bundle
from rehearsal.hosts.visits import VisitedSite, status_of, visiting, wait_until_ready
from testing.answers import refusal
from testing.clips import make_clip
from testing.homes import unique
from testing.people import Player
from testing.processes import wait_until

pytestmark = [pytest.mark.timeout(1200), pytest.mark.long]

RENDER_SECONDS = 300


@pytest.fixture(scope="module")
def machines(aws_site: Site, baked: tuple[Machine, str], bundle: Bundle) -> Iterator[dict[str, Machine]]:
    """A worker machine, which also runs the queue, and a web machine; they boot at the same time."""
    _, image = baked
    with ExitStack() as running:
        worker = aws_site.launch("worker", bundle, image=image, address=aws_site.queue_address)
        started = {"worker": worker, "web": aws_site.launch("web", bundle, image=image)}
        for machine in started.values():
            running.enter_context(machine)
        for machine in started.values():
            assert machine.wait_for_report() == "ready", machine.log()
        yield started


@pytest.fixture(scope="module")
def visited(machines: dict[str, Machine], aws_site: Site) -> Iterator[VisitedSite]:
    """The site as its web machine serves it."""
    with visiting(machines["web"], aws_site) as site:
        yield site


@pytest.fixture(scope="module")
def lively_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip whose render takes long enough to be interrupted."""
    return make_clip(tmp_path_factory.mktemp("clips") / "lively.mp4", seconds=30, fps=30)


def upload(player: Player, clip: Path) -> str:
    """Upload the clip and return the video's ID."""
    answer = player.upload(clip, title="La final")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["task_id"])


def fetch(url: str) -> bytes:
    answer = httpx.get(url, timeout=60, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.content


def job_of(site: VisitedSite, video_id: str) -> Job:
    with site.tables():
        job: Job = Job.get(Job.video == uuid.UUID(video_id))
    return job


def test_a_clip_is_uploaded_processed_voted_for_and_ranked(
    visited: VisitedSite, small_clip: Path, tmp_path: Path
) -> None:
    player = visited.sign_up(city=unique("Bogotá"))
    video_id = upload(player, small_clip)
    video_view = visited.wait_until(player, video_id, "processed", seconds=RENDER_SECONDS)
    assert fetch(video_view["original_url"]) == small_clip.read_bytes()
    result = tmp_path / "result.mp4"
    result.write_bytes(fetch(video_view["processed_url"]))
    (video,) = MediaInfo.parse(result).video_tracks
    assert (video.format, video.width, video.height, float(video.frame_rate)) == ("AVC", 1280, 720, 30)
    assert fetch(video_view["poster_url"]).startswith(b"\xff\xd8")
    voter = visited.sign_up()
    assert voter.vote(video_id).status_code == 200
    assert refusal(voter.vote(video_id), 400) == "Ya has votado por este video."
    ranking = visited.api.get("/api/public/rankings", params={"city": str(player.city).replace("á", "a")}).json()
    assert ranking == [{"position": 1, "username": player.username, "city": player.city, "votes": 1}]


def test_nginx_forwards_the_clients_address_and_keeps_metrics_private(
    visited: VisitedSite, machines: dict[str, Machine]
) -> None:
    assert refusal(visited.api.get("/metrics"), 404)
    assert visited.api.get("/ready").json()["queue"] == "ok"
    assert "rising_stars" in machines["web"].host.output(
        "python3 -c \"import urllib.request as u; print(u.urlopen('http://127.0.0.1:8081/metrics/1').read().decode())\""
    )


def test_a_web_machine_that_is_power_cycled_serves_again_once_it_reaches_its_database(
    visited: VisitedSite, machines: dict[str, Machine], aws_site: Site
) -> None:
    web, player = machines["web"], visited.sign_up()
    web.host.stop()
    aws_site.database.doorway.shut()
    try:
        web.host.boot()
        wait_until(lambda: status_of(web, "/ready") is not None, what="Nginx's answer", seconds=300)
        web.host.wait_for("journalctl --boot --unit rising-stars-migrate | grep -q 'cannot be used'", seconds=300)
        assert status_of(web, "/ready") == 503
    finally:
        aws_site.database.doorway.open()
    wait_until_ready(web)
    assert player.get("/api/videos").json() == []
    assert web.host.output("grep -c 'PLAY RECAP' /var/log/cloud-init-output.log") == "1", "its disk was enough"


def test_a_worker_that_loses_power_during_a_render_finishes_the_clip_after_its_boot(
    visited: VisitedSite, machines: dict[str, Machine], lively_clip: Path
) -> None:
    worker, player = machines["worker"], visited.sign_up()
    video_id = upload(player, lively_clip)

    def rendering() -> bool:
        job = job_of(visited, video_id)
        assert job.state in {JobState.QUEUED, JobState.RUNNING}
        return bool(job.state is JobState.RUNNING and job.progress > 0)

    wait_until(rendering, what="a render under way", seconds=RENDER_SECONDS)
    worker.host.kill()
    assert job_of(visited, video_id).state is JobState.RUNNING
    time.sleep(1)
    meanwhile = upload(player, lively_clip)
    worker.host.boot()
    video_view = visited.wait_until(player, video_id, "processed", seconds=RENDER_SECONDS)
    assert fetch(video_view["processed_url"])
    job = job_of(visited, video_id)
    assert (job.attempt, job.rescues) == (2, 1)
    assert visited.wait_until(player, meanwhile, "processed", seconds=RENDER_SECONDS)
