"""Evaluate IAM policies. Only the parts of IAM that this project's policies use are implemented."""

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
    """The statements of policies, which must all be Allow statements."""

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
        """Return the statements that grant a permission. If there are none, the permission is denied."""
        return [statement for statement in self.statements if _grants(statement, asked)]

    def exceeded_by(self, statements: Iterable[Statement]) -> list[str]:
        """Return the permissions that the given statements grant and that these policies do not grant.

        A statement of these policies counts only if the given statement also has each of its conditions.
        """
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
    """Return the value as a list, because IAM also accepts a single string in place of a list."""
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
    """Evaluate a condition. `found` is None if the request lacks the key; …IfExists and ForAllValues… are then true."""
    match operator:
        case "StringEquals":
            return found in values
        case "StringEqualsIfExists" | "ForAllValues:StringEquals":
            return found is None or found in values
    raise NotImplementedError(operator)


def _covers(statement: Statement, action: str, resource: str, conditions: Mapping[str, Any]) -> bool:
    """Whether the statement allows the action on all resources that match the pattern, if the conditions hold."""
    return (
        action in listed(statement["Action"])
        and any(_fits_pattern(own, resource) for own in listed(statement["Resource"]))
        and all(conditions.get(operator) == keys for operator, keys in statement.get("Condition", {}).items())
    )


def _fits_pattern(pattern: str, other: str) -> bool:
    """Whether `pattern` matches every text that `other` matches.

    A "*" in `pattern` covers every wildcard in `other`. A "?" in `pattern` does not cover a "*".
    """
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "[^*]"), other) is not None


def _fits(pattern: str, value: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value) is not None
