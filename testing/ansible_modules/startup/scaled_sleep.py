"""Shorten the sleeps of the operator's processes: of Ansible's modules, and of ansible-playbook between two attempts.

The environment variable SLEEP_FACTOR is the factor, for example 0.02. Modules wait up to 30 s between two calls until
AWS has created a resource, and mock AWS counts calls instead of seconds. Mock AWS and the machines' process do not
import this file, so their time does not change.
"""

import os
import time

FACTOR = "SLEEP_FACTOR"
SHORTEST_SECONDS = 0.5
"""Shorter sleeps stay as they are: Ansible polls its own processes with them."""


def scale_sleeps() -> None:
    """Replace time.sleep in this process and its future children, if the environment has a factor."""
    factor = float(os.environ.get(FACTOR, "1"))
    if factor == 1:
        return
    sleep = time.sleep

    def scaled_sleep(seconds: float) -> None:
        sleep(seconds * factor if seconds >= SHORTEST_SECONDS else seconds)

    setattr(time, "sleep", scaled_sleep)  # noqa: B010  (mypy accepts no assignment to a function)
