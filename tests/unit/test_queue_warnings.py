"""An overloaded API process writes one line a minute about its queue, not one for each waiting request."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from structlog.testing import LogCapture

from app.api.queue_warnings import QueueWarningsFilter

WARNINGS = 400


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger like waitress' own, with the filter."""
    made = logging.getLogger("waitress.queue.test")
    summary = QueueWarningsFilter(seconds=0.3)
    made.addFilter(summary)
    yield made
    made.removeFilter(summary)


@pytest.fixture
def lines() -> Iterator[LogCapture]:
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[capture])
    yield capture
    structlog.configure(**before)


def warn_and_wait(logger: logging.Logger) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda depth: logger.warning("Task queue depth is %d", depth), range(WARNINGS)))
    for timer in (thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)):
        timer.join()


def test_a_minutes_warnings_become_one_line(
    logger: logging.Logger, lines: LogCapture, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        warn_and_wait(logger)
    assert caplog.records == []
    summary = {"event": "requests_waited_for_a_thread", "log_level": "warning", "seconds": 0.3}
    assert lines.entries == [{**summary, "requests": WARNINGS, "deepest_queue": WARNINGS - 1}] * 2
