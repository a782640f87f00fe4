"""Shorten the sleeps of the operator's processes: of Ansible's modules, and of ansible-playbook between two attempts.

The environment variable SLEEP_FACTOR is the factor, for example 0.02. A module that waits for a resource sleeps for up
to 30 s between two calls. Mock AWS needs no such pauses, because its delays are numbers of calls. Mock AWS and the
process that reports the machines' boots do not import this file, so their sleeps do not change.
"""

import os
import time

FACTOR = "SLEEP_FACTOR"
SHORTEST_SECONDS = 0.5
"""Sleeps below this duration are not shortened, because Ansible uses them to poll its own processes."""


def scale_sleeps() -> None:
    """Replace time.sleep in this process and its future children, if the environment has a factor."""
    factor = float(os.environ.get(FACTOR, "1"))
    if factor == 1:
        return
    sleep = time.sleep

    def scaled_sleep(seconds: float) -> None:
        sleep(seconds * factor if seconds >= SHORTEST_SECONDS else seconds)

    setattr(time, "sleep", scaled_sleep)  # noqa: B010  (mypy accepts no assignment to a function)
