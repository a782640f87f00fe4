"""The kinds of machine there are."""

from enum import StrEnum


class Kind(StrEnum):
    """As in the tag `Role` and in the user data."""

    WEB = "web"
    WORKER = "worker"
    EXTRA_WORKER = "extra_worker"
    BUILDER = "builder"

    @property
    def group(self) -> str:
        """What a kind is called where all workers are one: log groups, metrics."""
        return "worker" if self is Kind.EXTRA_WORKER else self.value
