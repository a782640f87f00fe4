"""Jinja filter: the messages of requirements that are not met."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def unmet(requirements: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the message of each requirement that is not met.

    Ansible renders only these messages, so a message may use values that exist only if its requirement is not met.

    Args:
        requirements: mappings with the keys `holds`, a condition that Ansible has evaluated, and `message`, the error
            message if the condition is false.
    """
    return [str(requirement["message"]) for requirement in requirements if not requirement["holds"]]


class FilterModule:
    """The class that Ansible loads."""

    def filters(self) -> dict[str, Callable[[Iterable[Mapping[str, Any]]], list[str]]]:
        """Return the filters by name."""
        return {"unmet": unmet}
