"""The data that the invariants check, from the database, the store and the history of the run."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property

from faults.history import Event, History, never_ended
from faults.ledger import Ledger, Row

EPOCH = "SELECT extract(epoch from transaction_timestamp())::float8 AS now"

Pair = tuple[str, str]
"""An account's ID and a video's ID."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One violation of an invariant: the subject, for example a video, and what is wrong with that subject."""

    subject: str
    text: str


@dataclass
class Evidence:
    """All data that the invariants check. IDs are strings."""

    history: History
    now: float
    videos: dict[str, Row]
    jobs: dict[str, Row]
    """Video → its job."""
    ballots: Counter[Pair]
    emails: set[str]
    seen_jobs: list[Row]
    seen_videos: list[Row]
    max_rescues: int = 3
    sizes: dict[str, int] = field(default_factory=dict)
    """Key of each object in the store → its size."""
    damaged: dict[str, str] = field(default_factory=dict)
    """Key of each damaged result → what is wrong with it."""
    doctors_findings: list[str] = field(default_factory=list)
    """The failed checks of `rising-stars doctor`."""
    leftovers: list[Violation] = field(default_factory=list)
    """What `aftermath.leftovers` found after the sweep."""

    @cached_property
    def requests(self) -> list[Event]:
        return self.history.events("request")

    @cached_property
    def accepted(self) -> dict[str, Event]:
        """Video → the first 201 response to its upload."""
        return {event["video"]: event for event in reversed(self.history.events("accepted"))}

    @cached_property
    def poison(self) -> dict[str, str]:
        """Video of each poison clip → what it kills. The title identifies the video even if the response was lost."""
        sent = [event for event in self.history.events("sent") if event["op"] == "upload" and event["poison"]]
        kills = {event["key"]: event["poison"] for event in sent}
        return {video: kills[row["title"]] for video, row in self.videos.items() if row["title"] in kills}

    @cached_property
    def deletions(self) -> dict[str, list[Event]]:
        """Video → the requests to delete it, including those without a response."""
        found = defaultdict(list)
        for event in (*self.requests, *never_ended(self.history.events())):
            if event["op"] == "delete":
                found[event["video"]].append(event)
        return found

    @cached_property
    def deleted_at(self) -> dict[str, float]:
        """Video → the time of the first response that confirmed its deletion, in seconds since the start."""
        answered = {
            video: [e["mono"] for e in events if e["status"] == 200] for video, events in self.deletions.items()
        }
        return {video: min(times) for video, times in answered.items() if times}

    def may_be_deleted(self, video: str, by: float) -> bool:
        """Whether a request to delete the video had begun at the time `by`, in seconds since the start."""
        return any(event["began"] <= by for event in self.deletions.get(video, ()))

    @cached_property
    def by_title(self) -> dict[str, list[Row]]:
        found = defaultdict(list)
        for video in self.videos.values():
            found[video["title"]].append(video)
        return found


def gather(ledger: Ledger, history: History) -> Evidence:
    """Read the rows and transitions from the database, in one snapshot. The caller sets the other fields."""
    with ledger.snapshot() as ask:
        ballots = ask("SELECT user_id::text AS u, video_id::text AS v FROM votes")
        return Evidence(
            history=history,
            now=ask(EPOCH)[0]["now"],
            videos={row["id"]: row for row in ask("SELECT *, id::text AS id FROM videos")},
            jobs={row["video_id"]: row for row in ask("SELECT *, video_id::text AS video_id FROM jobs")},
            ballots=Counter((row["u"], row["v"]) for row in ballots),
            emails={row["email"] for row in ask("SELECT email FROM users")},
            seen_jobs=ask("SELECT *, video::text AS video FROM seen_jobs ORDER BY n"),
            seen_videos=ask("SELECT *, video::text AS video FROM seen_videos ORDER BY n"),
        )
