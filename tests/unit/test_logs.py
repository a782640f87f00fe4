"""Secrets are removed from log events, and each event is one line on stderr, whichever logger emits it."""

import json
import subprocess
import sys

import pytest

from app.logs import redact


@pytest.mark.parametrize("name", ["password", "password1", "refresh_token", "Authorization", "jwt_secret", "cookie"])
def test_values_with_secret_names_are_redacted(name: str) -> None:
    assert redact(None, "info", {name: "s3cr3t"})[name] == "[redacted]"


@pytest.mark.parametrize(
    "text",
    [
        "https://s3/clip?X-Amz-Signature=s3cr3t&X-Amz-Expires=60",
        "https://s3/clip?X-Amz-Security-Token=s3cr3t",
        "Authorization: Bearer s3cr3t",
        "postgresql://stars:s3cr3t@db/site",
        "redis://:s3cr3t@queue:6379/0",
    ],
)
def test_secrets_inside_texts_are_redacted(text: str) -> None:
    redacted = redact(None, "info", {"event": text})["event"]
    assert "s3cr3t" not in redacted
    assert "[redacted]" in redacted


def test_the_rest_of_an_event_stays_as_it_is() -> None:
    event = {"event": "no answer from http://127.0.0.1:9000/clips?max-keys=1", "path": "/api/videos", "ms": 3.5}
    assert redact(None, "info", dict(event)) == event


PROGRAM = """
import logging, structlog
from app.config import LogFormat
from app.logs import send_logs

send_logs(LogFormat("FORMAT"), "info")
log = structlog.get_logger("platform")
log.debug("too detailed")
with structlog.contextvars.bound_contextvars(request_id="r1"):
    log.info("request", path="/\\udcff\\n", token="s3cr3t")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed")
logging.getLogger("library").warning("%s:s3cr3t@host", "redis://")
"""


def stderr_of(log_format: str) -> str:
    program = PROGRAM.replace("FORMAT", log_format)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr


def test_events_of_the_platform_and_of_libraries_have_the_same_format() -> None:
    request, failure, warning = map(json.loads, stderr_of("json").splitlines())
    for event in (request, failure, warning):
        event.pop("timestamp")
    assert request == {
        "event": "request",
        "path": "/\udcff\n",
        "token": "[redacted]",
        "request_id": "r1",
        "level": "info",
        "logger": "platform",
    }
    assert (failure["event"], failure["level"], failure["logger"]) == ("failed", "error", "platform")
    assert failure["exception"].endswith("ZeroDivisionError: division by zero")
    assert warning == {"event": "redis://:[redacted]@host", "level": "warning", "logger": "library"}


def test_text_that_is_not_unicode_does_not_prevent_an_event_on_the_console() -> None:
    lines = stderr_of("console")
    assert "too detailed" not in lines
    assert r"\udcff" in lines
    assert "s3cr3t" not in lines
