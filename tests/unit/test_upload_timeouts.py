"""Every timeout that could cut off the longest upload follows from playbooks/vars/uploads.yml."""

from pathlib import Path
from typing import Any

import yaml

from app.api.server import CHECK_SECONDS
from app.config import Settings
from app.host.cli import DRAIN_SECONDS
from release.__main__ import HOST_SIDE

REPOSITORY = Path(__file__).parents[2]
AT_ONE_MBIT = 100 * 2**20 * 8 / 1_000_000
"""How many seconds the largest clip takes at 1 Mbit/s."""


def read(path: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((REPOSITORY / path).read_text())
    return found


UPLOADS = read("playbooks/vars/uploads.yml")
BODY, CHECK = UPLOADS["longest_upload_seconds"], UPLOADS["clip_check_seconds"]


def default(role: str, option: str) -> int:
    value: int = read(f"roles/{role}/defaults/main.yml")[f"{role}_{option}"]
    return value


def test_the_largest_clip_arrives_in_time_on_a_slow_connection() -> None:
    assert BODY > AT_ONE_MBIT


def test_the_programs_own_defaults_are_the_sites() -> None:
    assert Settings.model_fields["body_seconds"].default == BODY
    assert (CHECK_SECONDS, DRAIN_SECONDS) == (CHECK, BODY + CHECK)


def test_no_default_of_a_role_cuts_an_upload_off() -> None:
    draining = default("aws_load_balancer", "draining_seconds")
    assert draining == default("host_telemetry", "drain_seconds") == BODY + CHECK
    assert default("host_api", "body_seconds") == BODY
    assert default("aws_web_fleet", "drain_timeout_seconds") > draining
    assert min(default(role, "finish_seconds") for role in ("host_api", "host_proxy")) > draining


def test_a_releases_bundle_contains_the_time_outs() -> None:
    assert "playbooks/vars/uploads.yml" in HOST_SIDE
