"""Secrets are removed from log events."""

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
