"""The schedule of faults: a pure function of the seed."""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from faults.chance import chance_of

FIRST_SECONDS = 3.0
"""The start of the first fault. By then, the site is already processing requests and clips of the clients."""

GAP_SECONDS = (1.0, 3.0)
"""The range of the time between the end of one fault and the start of the next."""

LONG_OUTAGE_SECONDS = 60.0
LONG_RUN_MINUTES = 5.0
"""In runs shorter than this, no fault takes more than a tenth of the run."""

Parameter = str | float


@dataclass(frozen=True, slots=True)
class Card:
    """A fault in the deck: the range of its length in seconds, and the choices for each parameter."""

    fault: str
    seconds: tuple[float, float]
    choices: Mapping[str, Sequence[Parameter]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """A scheduled fault: `at` is its start, in seconds after the schedule's start; `seconds` is its length."""

    at: float
    fault: str
    seconds: float
    parameters: Mapping[str, Parameter]


STAGES = ("download", "probe", "encode", "upload", "stored", "committed")
"""The stages of a job at which its worker is killed. `stored` follows the upload; `committed` follows the commit."""

CONSUMERS = ("worker-1", "worker-2")
APIS = ("api-1", "api-2")

DECK = (
    *(Card("kill_worker", (3, 3), {"stage": (stage,)}) for stage in STAGES),
    Card("stop_worker", (6, 7), {"ffmpeg_too": ("yes", "no")}),
    Card("kill_consumer", (2, 3)),
    Card("kill_ffmpeg", (2, 3)),
    Card("hang_ffmpeg", (2, 3)),
    Card("crash_ffmpeg", (2, 3)),
    Card("poison_clip", (2, 3), {"kills": ("worker", "ffmpeg")}),
    Card("redis_kill", (2, 5)),
    Card("redis_flush", (1, 1)),
    Card("redis_refuses_writes", (3, 5)),
    Card("redis_slow", (3, 5), {"delay": (0.2, 0.6, 1.5)}),
    Card("postgres_restart", (1, 3)),
    Card("postgres_terminate", (1, 1)),
    Card("postgres_slow_commits", (3, 5), {"delay": (0.5, 1.0)}),
    Card("postgres_answer_lost", (2, 3)),
    Card("postgres_refused", (LONG_OUTAGE_SECONDS, LONG_OUTAGE_SECONDS)),
    Card("s3_errors", (3, 5), {"status": (500,), "share": (0.5, 1.0)}),
    Card("s3_errors", (3, 5), {"status": (503,), "share": (0.5, 1.0)}),
    Card("s3_hangs", (3, 5), {"share": (0.5, 1.0)}),
    Card("s3_resets", (3, 5), {"share": (0.5, 1.0)}),
    Card("s3_loses_puts", (2, 3), {"prefix": ("unprocessed-videos/",)}),
    Card("s3_loses_puts", (2, 3), {"prefix": ("processed-videos/",)}),
    Card("s3_loses_puts", (2, 3), {"prefix": ("posters/",)}),
    Card("disk_full", (3, 5), {"machine": ("1", "2")}),
    Card("api_killed_before_ring", (2, 3), {"api": APIS}),
    Card("api_killed_in_upload", (2, 3), {"api": APIS}),
    Card("api_stopped", (2, 3), {"api": APIS}),
    Card("worker_stopped", (2, 3), {"worker": CONSUMERS}),
    Card("doorbells", (1, 1), {"rings": (20, 60)}),
    Card("clock_wrong", (6, 8), {"worker": CONSUMERS, "offset": ("+1h", "-1h")}),
    Card("two_reapers", (4, 5)),
    Card("previous_version", (6, 8)),
)
"""All cards; each is drawn once before any is drawn again."""

FAULTS = tuple(dict.fromkeys(card.fault for card in DECK))


def schedule(seed: int, minutes: float, *, only: Collection[str] = ()) -> list[Step]:
    """Return the steps of the nemesis. Equal arguments give equal steps.

    Args:
        seed: the seed of all random choices.
        minutes: the length of the schedule.
        only: the names of the faults to draw; all if empty.
    """
    chance = chance_of("faults", seed)
    steps, at, end = list[Step](), FIRST_SECONDS, minutes * 60
    for card in _draw(chance, only):
        seconds = _length(card, minutes, chance)
        parameters = {name: chance.choice(values) for name, values in card.choices.items()}
        if at + seconds > end:
            return steps
        steps.append(Step(round(at, 1), card.fault, seconds, parameters))
        at += seconds + chance.uniform(*GAP_SECONDS)
    return steps


def _draw(chance: random.Random, only: Collection[str]) -> Iterator[Card]:
    """Yield the cards of the deck endlessly, shuffled anew for each pass."""
    deck = [card for card in DECK if not only or card.fault in only]
    while deck:
        chance.shuffle(deck)
        yield from deck


def _length(card: Card, minutes: float, chance: random.Random) -> float:
    seconds = round(chance.uniform(*card.seconds), 1)
    return seconds if minutes >= LONG_RUN_MINUTES else min(seconds, round(minutes * 6, 1))
