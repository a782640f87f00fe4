"""Presigned URLs have exactly the parameters and the signature that botocore computes."""

from datetime import UTC, datetime
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import Credentials

from app.storage.presigning import Presigner

NOW = datetime(2026, 11, 30, 23, 59, 58, tzinfo=UTC)
KEYS = ("processed-videos/6f1c/a.mp4", "posters/ñandú (1)+~&=%.jpg", "a b/c")


def parsed(url: str) -> tuple[str, str, dict[str, str]]:
    parts = urlsplit(url)
    return parts.netloc, parts.path, dict(parse_qsl(parts.query))


@pytest.mark.parametrize("token", [None, "a+b/c=="])
@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:8333"])
@pytest.mark.parametrize("key", KEYS)
def test_a_url_equals_botocores(key: str, endpoint: str | None, token: str | None) -> None:
    client = boto3.session.Session("AKIA", "secret/key", token, "eu-west-1").client(
        "s3", endpoint_url=endpoint, config=Config(signature_version="s3v4")
    )

    def model(name: str) -> str:
        return client.generate_presigned_url("get_object", Params={"Bucket": "stars", "Key": name}, ExpiresIn=600)

    with mock.patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
        expected = model(key)
    presigner = Presigner(
        model, Credentials("AKIA", "secret/key", token), "eu-west-1", seconds=600, clock=NOW.timestamp
    )
    assert parsed(presigner.sign(key)) == parsed(expected)
