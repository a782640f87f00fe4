"""A process with two S3 clients loads S3's service model once."""

import tracemalloc
from collections.abc import Callable

import pytest

from app.storage.s3 import S3Store

MIB = 1 << 20


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> S3Store:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return S3Store("bucket", presigned_url_seconds=60)


def allocated_mib(act: Callable[[], object]) -> float:
    """Return how much memory remains allocated after `act`."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[0] / MIB
    finally:
        tracemalloc.stop()


def test_the_second_client_of_a_store_takes_hardly_any_memory(store: S3Store) -> None:
    first = allocated_mib(lambda: store._client)
    second = allocated_mib(lambda: store._impatient_client)
    assert first > 2
    assert second < 1
