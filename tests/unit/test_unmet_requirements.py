"""The filter that evaluates the roles' requirements (plugins/filter/unmet.py)."""

from collections.abc import Iterator, Mapping
from typing import Any

from plugins.filter.unmet import unmet


class Unrendered(Mapping[str, object]):
    """A requirement that is met and whose message cannot be rendered: reading the message raises KeyError."""

    def __getitem__(self, key: str) -> object:
        return {"holds": True}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(("holds", "message"))

    def __len__(self) -> int:
        return 2


def test_the_messages_of_unmet_requirements_are_returned_in_order() -> None:
    requirements: list[dict[str, Any]] = [
        {"holds": False, "message": "first"},
        {"holds": True, "message": "second"},
        {"holds": [], "message": "third"},
    ]
    assert unmet(requirements) == ["first", "third"]


def test_the_message_of_a_met_requirement_is_not_rendered() -> None:
    assert unmet([Unrendered()]) == []
