"""Upload a mutated clip: the API must refuse it clearly and leave nothing behind, or store it unchanged."""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import psutil

from app.media.bounds import MAX_SIDE, is_too_much_work
from app.media.errors import MediaError
from app.media.probe import WALL_SECONDS, probe
from app.showcase.requirements import MAX_SECONDS, MIN_LONG_SIDE, MIN_SECONDS, MIN_SHORT_SIDE
from fuzz.mutations import mutate
from fuzz.tally import Verdict
from testing.people import Player
from testing.sites import Site

LIMIT_SECONDS = WALL_SECONDS + 20.0
WORDS = {"tipo de archivo": "refused: type", "duración": "refused: duration", "resolución": "refused: resolution"}


def upload_mutant(seed: int, clip: bytes, player: Player, folder: Path) -> Verdict:
    """Mutate a clip, upload it, and return the verdict on the response."""
    kind, content = mutate(seed, clip)
    began = time.monotonic()
    try:
        answer = player.request(
            "POST",
            "/api/videos/upload",
            data={"title": f"seed {seed}"},
            files={"video_file": ("clip.mp4", content, "video/mp4")},
            timeout=LIMIT_SECONDS,
        )
    except httpx.HTTPError as error:
        return Verdict(seed, kind, "no answer", time.monotonic() - began, f"{type(error).__name__}: {error}")
    seconds = time.monotonic() - began
    if answer.status_code == httpx.codes.CREATED:
        return Verdict(
            seed, kind, "accepted", seconds, _wrongly_accepted(answer, content, player, folder / f"{seed}.mp4")
        )
    return Verdict(seed, kind, *_refused(answer, seconds))


def _refused(answer: httpx.Response, seconds: float) -> tuple[str, float, str | None]:
    shown = f"{answer.status_code}: {answer.text[:300]}"
    if answer.status_code != httpx.codes.BAD_REQUEST or not answer.headers["content-type"].startswith(
        "application/json"
    ):
        return "broken", seconds, shown
    detail = str(answer.json().get("detail"))
    outcome = next((name for words, name in WORDS.items() if words in detail.lower()), None)
    return (outcome, seconds, None) if outcome else ("broken", seconds, shown)


def _wrongly_accepted(answer: httpx.Response, content: bytes, player: Player, copy: Path) -> str | None:
    """Return why a clip should not have been accepted, or what is wrong with the stored clip; None if nothing is."""
    copy.write_bytes(content)
    try:
        clip = probe(copy)
    except MediaError as error:
        return f"accepted, though {error}"
    finally:
        copy.unlink()
    short_side, long_side = sorted((clip.width, clip.height))
    if not MIN_SECONDS <= clip.duration_seconds <= MAX_SECONDS:
        return f"accepted with {clip.duration_seconds} s"
    if short_side < MIN_SHORT_SIDE or not MIN_LONG_SIDE <= long_side <= MAX_SIDE:
        return f"accepted with {clip.width} x {clip.height}"
    if is_too_much_work(clip):
        return f"accepted with {clip.pictures} pictures"
    video_id = answer.json()["task_id"]
    with player.site.bucket.client() as store:
        kept = store.get_object(Bucket=player.site.bucket.name, Key=f"unprocessed-videos/{video_id}.mp4")["Body"].read()
    if hashlib.sha256(kept).digest() != hashlib.sha256(content).digest():
        return "the store has other bytes"
    shown = player.get(f"/api/videos/{video_id}")
    return None if shown.status_code == httpx.codes.OK else f"then {shown.status_code}: {shown.text[:300]}"


def left_behind(site: Site, verdicts: Sequence[Verdict], keys_before: set[str]) -> list[str]:
    """Return what the uploads left behind: files, processes, unfinished multipart uploads, surplus objects."""
    accepted = sum(verdict.outcome == "accepted" for verdict in verdicts)
    new_keys = site.bucket.stored_keys() - keys_before
    return [
        *(f"file {path}" for folder in (site.work_dir, site.temporary_dir) for path in folder.iterdir()),
        *(f"process {child.cmdline()}" for child in psutil.Process(site.processes["api"].pid).children(recursive=True)),
        *(f"unfinished upload {key}" for key in site.bucket.unfinished_uploads()),
        *([f"{len(new_keys)} objects for {accepted} accepted clips"] if len(new_keys) != accepted else []),
    ]
