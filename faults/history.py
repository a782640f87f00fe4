"""The history of a run: each request when it is sent and when it ends, each fault, and each transition of a job."""

import json
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Event = dict[str, Any]
"""`mono` (seconds since the run's start), `wall` (ISO), `who`, `what`, and further fields that depend on `what`."""

AROUND_SECONDS = 3.0
SHOWN_EVENTS = 60


class History:
    """A file of JSON lines that is also kept in memory. It is thread-safe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("a", buffering=1)
        self._events: list[Event] = []
        self._lock = threading.Lock()
        self._epoch = time.monotonic()
        self.wall_epoch = time.time()
        """The run's start in epoch seconds. It also converts timestamps of the database, which uses the same clock."""

    @property
    def now(self) -> float:
        """The seconds since the run's start."""
        return time.monotonic() - self._epoch

    def note(self, who: str, what: str, **facts: Any) -> Event:
        """Append one event."""
        with self._lock:
            wall = datetime.now(UTC).isoformat(timespec="milliseconds")
            event = {"mono": round(self.now, 4), "wall": wall, "who": who, "what": what, **facts}
            self._events.append(event)
            self._file.write(json.dumps(event, default=str) + "\n")
        return event

    def events(self, what: str | None = None) -> list[Event]:
        """Return all events so far, or those of one kind."""
        with self._lock:
            return [event for event in self._events if what is None or event["what"] == what]

    def around(self, subject: str) -> list[str]:
        """Return, as lines, the events that name `subject`, and the nemesis' and keeper's events close to them."""
        known = self.events()
        shown = [*(event for event in known if event["what"] != "sent"), *never_ended(known)]
        events = sorted(shown, key=lambda event: event["mono"])
        named = [event["mono"] for event in events if _names(event, subject)]
        chosen = [event for event in events if _belongs(event, subject, named)]
        return [_line(event) for event in _ends(chosen)]

    def close(self) -> None:
        """Close the file. The events remain in memory."""
        self._file.close()


def never_ended(events: Sequence[Event]) -> list[Event]:
    """For each request that was sent but never ended, return a `request` event whose status is None."""
    ended = {event.get("number") for event in events if event["what"] == "request"}
    sent = (event for event in events if event["what"] == "sent" and event["number"] not in ended)
    return [{**event, "what": "request", "began": event["mono"], "status": None} for event in sent]


def _belongs(event: Event, subject: str, named: list[float]) -> bool:
    near = any(abs(event["mono"] - at) < AROUND_SECONDS for at in named)
    return _names(event, subject) or (near and event["who"] in {"nemesis", "keeper"})


def _names(event: Event, subject: str) -> bool:
    """Whether an event is about `subject`. The API process that received a request does not count as its subject."""
    return event.get("api") != subject and subject in json.dumps(event, default=str)


def _ends(events: list[Event]) -> Iterable[Event]:
    """Return all events or, if there are more than `SHOWN_EVENTS`, only the first and the last ones."""
    half = SHOWN_EVENTS // 2
    return events if len(events) <= SHOWN_EVENTS else [*events[:half], *events[-half:]]


def _line(event: Event) -> str:
    facts = " ".join(f"{name}={value}" for name, value in _facts(event))
    return f"{event['mono']:9.3f}  {event['who']:<12} {event['what']:<12} {facts}"


def _facts(event: Event) -> Iterator[tuple[str, Any]]:
    shown = {name: value for name, value in event.items() if name not in {"mono", "wall", "who", "what", "ids"}}
    return ((name, value) for name, value in shown.items() if value not in (None, ""))
