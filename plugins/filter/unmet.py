"""Jinja filter: the messages of the requirements that do not hold."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def unmet(requirements: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the message of each requirement that does not hold.

    Only those messages are read, and thus rendered by Ansible: a message may use values that exist in no other case.

    Args:
        requirements: mappings of `holds`, a condition that Ansible has evaluated, and `message`, a sentence.
    """
    return [str(requirement["message"]) for requirement in requirements if not requirement["holds"]]


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[[Iterable[Mapping[str, Any]]], list[str]]]:
        """Name → function."""
        return {"unmet": unmet}
