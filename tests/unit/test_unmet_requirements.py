"""The filter that the roles' requirements go through (plugins/filter/unmet.py)."""

from collections.abc import Iterator, Mapping
from typing import Any

from plugins.filter.unmet import unmet


class Unrendered(Mapping[str, object]):
    """A requirement that holds, and whose message cannot be rendered then."""

    def __getitem__(self, key: str) -> object:
        return {"holds": True}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(("holds", "message"))

    def __len__(self) -> int:
        return 2


def test_the_messages_of_what_does_not_hold_come_in_their_order() -> None:
    requirements: list[dict[str, Any]] = [
        {"holds": False, "message": "first"},
        {"holds": True, "message": "second"},
        {"holds": [], "message": "third"},
    ]
    assert unmet(requirements) == ["first", "third"]


def test_the_message_of_what_holds_is_not_rendered() -> None:
    assert unmet([Unrendered()]) == []
