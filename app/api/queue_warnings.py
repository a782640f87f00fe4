"""Summarizes waitress' warnings about requests that wait for a thread: one line a minute instead of one per request."""

import logging
import threading

import structlog

log = structlog.get_logger(__name__)

SUMMARY_SECONDS = 60.0


class QueueWarningsFilter(logging.Filter):
    """Counts the records of the logger `waitress.queue` and drops them.

    waitress warns once for each waiting request, so that an overloaded process would write the most. The first warning
    starts a timer; when it ends, one line has the number of warnings and the greatest depth of the queue.
    """

    def __init__(self, *, seconds: float = SUMMARY_SECONDS) -> None:
        super().__init__()
        self._seconds = seconds
        self._lock = threading.Lock()
        self._waited = 0
        self._deepest = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Count the record, whose only argument is the queue's depth, and drop it."""
        depth = record.args[0] if isinstance(record.args, tuple) and record.args else 0
        with self._lock:
            self._waited += 1
            self._deepest = max(self._deepest, depth if isinstance(depth, int) else 0)
            is_first = self._waited == 1
        if is_first:
            timer = threading.Timer(self._seconds, self._summarize)
            timer.daemon = True
            timer.start()
        return False

    def _summarize(self) -> None:
        with self._lock:
            waited, deepest = self._waited, self._deepest
            self._waited = self._deepest = 0
        log.warning("requests_waited_for_a_thread", requests=waited, deepest_queue=deepest, seconds=self._seconds)
