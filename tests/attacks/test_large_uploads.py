"""The largest upload: how many copies of it are on disk, and how much time the hop through Nginx adds."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testing.answers import refusal
from testing.people import Player
from testing.processes import wait_until
from testing.sites import Site
from tests.attacks.edge import Edge, begin_upload

pytestmark = pytest.mark.either_backend

MIB = 1 << 20
CLIP_MIB = 100
TRIES = 3
UPLOAD = "/api/videos/upload"


@contextmanager
def greatest_bytes(edge: Edge) -> Iterator[list[int]]:
    """Yield a list with one item: the largest total size of the buffered request bodies so far, in bytes."""
    over, greatest = threading.Event(), [0]

    def watch() -> None:
        while not over.wait(0.02):
            greatest[0] = max(greatest[0], edge.received_bytes())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield greatest
    finally:
        over.set()
        thread.join()


def test_an_arriving_body_is_on_the_disk_once(edge: Edge) -> None:
    player = edge.site.sign_up()
    with begin_upload(edge.port, headers=player.headers, length=CLIP_MIB * MIB) as upload:
        upload.send(bytes(90 * MIB))
        time.sleep(1)
        assert 85 * MIB < edge.received_bytes() < 95 * MIB


def test_an_aborted_upload_leaves_nothing_on_the_disk(edge: Edge) -> None:
    player = edge.site.sign_up()
    before = edge.received_bytes()
    with begin_upload(edge.port, headers=player.headers, length=CLIP_MIB * MIB) as upload:
        upload.send(bytes(90 * MIB))
        time.sleep(1)
    wait_until(lambda: edge.received_bytes() < before + MIB, what="the end of the file", seconds=10)


def test_a_chunked_upload_is_accepted(edge: Edge, small_clip: Path) -> None:
    player = edge.site.sign_up()
    form = edge.site.api.build_request(
        "POST", UPLOAD, data={"title": "Clip"}, files={"video_file": ("clip.mp4", small_clip.read_bytes())}
    )
    body = form.read()
    headers = {**player.headers, "Content-Type": form.headers["Content-Type"]}
    answer = edge.site.api.post(UPLOAD, headers=headers, content=iter([body[:1000], body[1000:]]))
    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert answer.status_code == 201, answer.text


def upload_zeros(site: Site, player: Player) -> float:
    """Upload 100 MiB of zeros, which are not a clip, and return the seconds until the response."""
    began = time.monotonic()
    answer = site.api.post(
        UPLOAD,
        headers=player.headers,
        data={"title": "Clip"},
        files={"video_file": ("clip.mp4", bytes(CLIP_MIB * MIB - 1024), "video/mp4")},
    )
    assert "Tipo de archivo" in str(refusal(answer, 400))
    return time.monotonic() - began


def test_only_the_clip_is_written_beside_the_received_body(edge: Edge) -> None:
    with greatest_bytes(edge) as greatest:
        upload_zeros(edge.site, edge.site.sign_up())
    assert greatest[0] < 2.1 * CLIP_MIB * MIB


def test_the_hop_through_nginx_at_most_doubles_the_time_of_an_upload(edge: Edge) -> None:
    player = edge.site.sign_up()
    through = min(upload_zeros(edge.site, player) for _ in range(TRIES))
    direct = min(upload_zeros(edge.direct, player) for _ in range(TRIES))
    assert through < 2 * direct + 1
