"""Policies, and what they grant: the part of IAM's rules that this project's own need."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.aws.permissions.asked import Asked

Statement = Mapping[str, Any]


@dataclass(frozen=True)
class Policies:
    """Allow-statements; anything else in them is an error."""

    statements: tuple[Statement, ...]

    @staticmethod
    def read(files: Iterable[Path], placeholders: Mapping[str, str]) -> "Policies":
        statements: list[Statement] = []
        for file in files:
            text = file.read_text()
            for name, value in placeholders.items():
                text = text.replace(name, value)
            statements += json.loads(text)["Statement"]
        return Policies(tuple(statements))

    def granting(self, asked: Asked) -> list[Statement]:
        """The statements that allow it; none: it is refused."""
        return [statement for statement in self.statements if _grants(statement, asked)]

    def exceeded_by(self, statements: Iterable[Statement]) -> list[str]:
        """What statements of another policy allow and these do not allow under any of the same conditions."""
        return [
            f"{action} on {resource}"
            for statement in statements
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
            if not any(_covers(own, action, resource, statement.get("Condition", {})) for own in self.statements)
        ]

    def actions(self) -> set[str]:
        return {action for statement in self.statements for action in listed(statement["Action"])}


def listed(value: Any) -> list[str]:
    """IAM takes a text for a list of one."""
    return [value] if isinstance(value, str) else list(value)


def _grants(statement: Statement, asked: Asked) -> bool:
    assert statement["Effect"] == "Allow"
    return (
        any(_fits(action, asked.action) for action in listed(statement["Action"]))
        and any(_fits(resource, asked.resource) for resource in listed(statement["Resource"]))
        and all(
            _holds(operator, listed(values), asked.context.get(key))
            for operator, conditions in statement.get("Condition", {}).items()
            for key, values in conditions.items()
        )
    )


def _holds(operator: str, values: list[str], found: str | None) -> bool:
    """A key that the request does not have: only these two operators let it pass."""
    match operator:
        case "StringEquals":
            return found in values
        case "StringEqualsIfExists" | "ForAllValues:StringEquals":
            return found is None or found in values
    raise NotImplementedError(operator)


def _covers(statement: Statement, action: str, resource: str, conditions: Mapping[str, Any]) -> bool:
    """Whether one statement allows all that a pattern of resources stands for, whenever the conditions hold."""
    return (
        action in listed(statement["Action"])
        and any(_fits_pattern(own, resource) for own in listed(statement["Resource"]))
        and all(conditions.get(operator) == keys for operator, keys in statement.get("Condition", {}).items())
    )


def _fits_pattern(pattern: str, other: str) -> bool:
    """Every text that `other` stands for fits `pattern`: a "*" may stand for any wildcard, a "?" for no "*"."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "[^*]"), other) is not None


def _fits(pattern: str, value: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value) is not None
