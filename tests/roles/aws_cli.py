"""A replacement for the AWS CLI's `aws rds`, with which test_point_in_time.py runs the runbook's commands.

It supports only what these commands use: options with values, flags, `wait`, and `--query` with `--output text`.
"""

import sys
from typing import Any

import boto3
import jmespath  # type: ignore[import-untyped] # no type information
from botocore import xform_name


def main(words: list[str]) -> None:
    """Run the command, and print the result of its query."""
    assert words[0] == "rds"
    operation, *rest = words[1:]
    client: Any = boto3.client("rds")
    if operation == "wait":
        waiter = client.get_waiter(rest.pop(0).replace("-", "_"))
        call, name = waiter.wait, waiter.config.operation
    else:
        method = operation.replace("-", "_")
        call, name = getattr(client, method), client.meta.method_to_api_mapping[method]
    options = _options(rest)
    query = options.pop("query", ["@"])[0]
    options.pop("output", None)
    shape = client.meta.service_model.operation_model(name).input_shape
    found = jmespath.search(query, call(**dict(_argument(option, values, shape) for option, values in options.items())))
    sys.stdout.write(("\t".join(found) if isinstance(found, list) else str(found)) + "\n")


def _options(words: list[str]) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            values = options.setdefault(word.removeprefix("--"), [])
        else:
            values.append(word)
    return options


def _argument(name: str, values: list[str], shape: Any) -> tuple[str, Any]:
    members: dict[str, str] = {xform_name(member, "-"): member for member in shape.members}
    if not values:
        return members[name.removeprefix("no-")], not name.startswith("no-")
    member = members[name]
    return member, values if shape.members[member].type_name == "list" else values[0]


if __name__ == "__main__":
    main(sys.argv[1:])
