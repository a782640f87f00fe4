"""Nginx and the application decide alike which paths belong to the API."""

import re
from pathlib import Path

import yaml

from app.http.paths import API_SEGMENTS

VARIABLES = Path(__file__).parents[2] / "roles" / "host_proxy" / "vars" / "main.yml"
NEVER_PUBLIC = {"internal", "metrics"}


def test_nginx_and_the_application_agree_on_the_paths_of_the_api() -> None:
    pattern = re.compile(yaml.safe_load(VARIABLES.read_text())["__host_proxy_paths"])
    assert {segment for segment in API_SEGMENTS if pattern.fullmatch(segment)} == API_SEGMENTS - NEVER_PUBLIC
    assert len(pattern.pattern.split("|")) == len(API_SEGMENTS - NEVER_PUBLIC)
