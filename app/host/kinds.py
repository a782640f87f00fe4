"""The kinds of machines."""

from enum import StrEnum


class Kind(StrEnum):
    """The kind of a machine, as its `Role` tag and its user data name it."""

    WEB = "web"
    WORKER = "worker"
    EXTRA_WORKER = "extra_worker"
    BUILDER = "builder"

    @property
    def group(self) -> str:
        """The kind's name in log groups and metrics, which is the same for both kinds of worker."""
        return "worker" if self is Kind.EXTRA_WORKER else self.value
