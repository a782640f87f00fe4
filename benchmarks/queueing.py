"""The model of one API process: a server that divides its time among all requests in progress, with Poisson arrivals.

The mean response time of such a server (M/G/1 with processor sharing) is S / (1 - u), whatever the distribution of the
service times: L. Kleinrock, Queueing Systems, volume 2, section 4.4. S is the mean service time, and u the utilization.
Python's interpreter lock makes a process such a server. The rest of a response time (the client, the network, the
database's core) does not depend on the load.
"""

import math
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class ApiProcess:
    """One API process, calibrated by two measurements."""

    per_second: float
    """The most requests per second: the throughput with every connection busy."""
    unloaded_seconds: float
    """The mean response time of a request without any other request in progress."""

    @classmethod
    def calibrated(cls, per_second: float, mean_seconds: float, *, utilization: float) -> Self:
        """Return the process whose mean response time at a low `utilization` was measured as `mean_seconds`.

        A load of one request after the other would not do: a process that never sleeps responds faster.
        """
        waiting = utilization / (1 - utilization) / per_second
        return cls(per_second, max(mean_seconds - waiting, 1 / per_second))

    def mean_seconds(self, utilization: float) -> float:
        """Return the mean response time at a utilization between 0 and 1.

        Raises:
            ValueError: at a utilization of 1 or more, the queue grows without limit.
        """
        if not 0 <= utilization < 1:
            raise ValueError(f"The utilization is {utilization}, but must be at least 0 and less than 1.")
        service = min(1 / self.per_second, self.unloaded_seconds)
        return self.unloaded_seconds - service + service / (1 - utilization)


def servers_needed(arrivals_per_second: float, service_seconds: float, *, utilization: float) -> int:
    """Return how many servers keep their utilization below `utilization`; at least one."""
    return max(1, math.ceil(arrivals_per_second * service_seconds / utilization))
