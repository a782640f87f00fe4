"""The timing settings of the site under test, which recovers in seconds instead of minutes."""

import math
from dataclasses import dataclass

from testing.homes import GENEROUS

WORKERS = 2
"""The number of consumers, each of which renders one clip at a time."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The settings that determine how fast a site recovers, in seconds."""

    lease: float = 4.0
    heartbeat: float = 0.8
    upkeep: float = 0.5
    redispatch: float = 2.0
    backoff_base: float = 0.2
    backoff_max: float = 2.0
    render_timeout: float = 30.0
    """Enough time for a render, which takes 2 s on an idle machine, and 15 s on one that is busy with other tests."""
    drain: float = 2.0

    @property
    def environment(self) -> dict[str, str]:
        """The settings as the platform's environment variables."""
        return {
            **GENEROUS,
            "LEASE_SECONDS": f"{self.lease}",
            "HEARTBEAT_SECONDS": f"{self.heartbeat}",
            "UPKEEP_INTERVAL_SECONDS": f"{self.upkeep}",
            "REDISPATCH_AFTER_SECONDS": f"{self.redispatch}",
            "BACKOFF_BASE_SECONDS": f"{self.backoff_base}",
            "BACKOFF_MAX_SECONDS": f"{self.backoff_max}",
            "RENDER_TIMEOUT_SECONDS": f"{self.render_timeout}",
            "MAX_TIMEOUTS": "5",  # the fault hang_ffmpeg may hit a valid clip twice; the clip's job must not fail
            "DRAIN_SECONDS": f"{self.drain}",
            "RENDER_PRESET": "ultrafast",
            "RENDER_PROFILE": "lite",
            "API_THREADS": "8",
            "WORKERS": "1",
        }

    def bound(self, unfinished: int) -> float:
        """Return the maximum time, in seconds, that `unfinished` jobs may take after the clients stopped.

        The bound is the sum of a lease, two passes of upkeep (the first may run just before the lease expires), the
        time after which upkeep repeats a lost ring, the longest backoff with its jitter, and one render timeout for
        each clip that a worker must render.
        """
        rounds = max(1, math.ceil(unfinished / WORKERS))
        waiting = self.lease + 2 * self.upkeep + self.redispatch + 1.25 * self.backoff_max
        return waiting + rounds * self.render_timeout
