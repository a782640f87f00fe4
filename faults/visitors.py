"""Clips that the nemesis uploads, for faults that need an upload."""

import threading
import uuid
from pathlib import Path

from faults.chance import chance_of
from faults.clients import Player
from faults.history import Event
from faults.schedule import Step
from faults.site import Site


def send_clip(
    site: Site, step: Step, *, clip: Path | None = None, api: str | None = None, poison: str | None = None
) -> Event | None:
    """Sign up and upload a clip, with retries; the first attempt is sent to `api`. Return None if the sign-up fails."""
    seed = f"{step.fault} {step.at}"
    visitor = Player(f"visitor-{step.at:g}", site, seed, site.over)
    try:
        account = visitor.sign_up()
        if account is None:
            return None
        visitor.first_api = api
        key = str(uuid.UUID(int=chance_of("visitor", seed).getrandbits(128)))
        return visitor.upload(account, clip or site.clips.sound[0], key, poison=poison)
    finally:
        visitor.close()


def send_clip_meanwhile(site: Site, step: Step, *, api: str | None = None) -> None:
    """Upload a clip in another thread, because the fault may delay the response."""
    visitor = threading.Thread(target=send_clip, args=(site, step), kwargs={"api": api}, name="visitor", daemon=True)
    site.visitors.append(visitor)
    visitor.start()


def poison_clip(site: Site, step: Step) -> str:
    """A client uploads a clip that kills its worker, or its FFmpeg, on every attempt."""
    kills = str(step.parameters["kills"])
    clip = site.clips.poison["worker" if kills == "worker" else "ffmpeg"]
    event = send_clip(site, step, clip=clip, poison=kills)
    if event is None or event["status"] != 201:
        return "could not be uploaded"
    video = str(event["body"]["task_id"])
    site.breakpoints.spared.add(video)
    return f"uploaded as video {video}"
