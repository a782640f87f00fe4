"""Assertions about the API's responses."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx

Json = Any
"""A parsed JSON document. It has no precise type, so that tests can index into it."""

UNKNOWN_ID = "6f1c5a52-0000-4000-8000-000000000000"
NUMBERS = ("0", "123", "99999999999999999999")
"""Integers, as the platform's predecessor used for IDs."""

MALFORMED_IDS = ("abc", "1.5", "a b", "' OR 1=1 --", "é", "f" * 300, UNKNOWN_ID[:-1], UNKNOWN_ID + "0")
"""IDs that are neither integers nor UUIDs."""


def refusal(answer: httpx.Response, status: int) -> Json:
    """Assert that `answer` is an error with `status` in the API's format, and return its detail."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:500]}"
    assert answer.headers["content-type"].split(";")[0] == "application/json"
    body = answer.json()
    assert set(body) == {"detail"}
    assert isinstance(body["detail"], str | list)
    assert body["detail"]
    return body["detail"]


def shape_refusal(answer: httpx.Response, *location: str) -> str:
    """Assert that `answer` is a 422 in pydantic's format about the field at `location`, and return its message."""
    detail = refusal(answer, 422)
    assert isinstance(detail, list), detail
    for item in detail:
        assert {"loc", "msg", "type"} <= set(item), item
        assert isinstance(item["loc"], list)
    messages = [item["msg"] for item in detail if tuple(item["loc"][-len(location) :]) == location]
    assert messages, f"no item about {location} in {detail}"
    return str(messages[0])


def all_at_once(*acts: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """Start all requests at the same moment, each in its own thread, and return the responses in the same order."""
    start = Barrier(len(acts))

    def wait_and_act(act: Callable[[], httpx.Response]) -> httpx.Response:
        start.wait(timeout=30)
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(wait_and_act, acts))
