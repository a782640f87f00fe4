"""The kinds of machines."""

from enum import StrEnum


class Kind(StrEnum):
    """The kind of a machine, as in the tag `Role` and in the user data."""

    WEB = "web"
    WORKER = "worker"
    EXTRA_WORKER = "extra_worker"
    BUILDER = "builder"

    @property
    def group(self) -> str:
        """The kind's name in log groups and metrics, where all workers share one."""
        return "worker" if self is Kind.EXTRA_WORKER else self.value
