"""Parameters that AWS rejects and moto accepts.

Each rule is a function that returns whether AWS rejects a request. It quotes the sentence that documents the rule.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from moto.ec2.models import ec2_backends

from rehearsal.aws.strict.hooks import Refusal, before

Judge = Callable[[Any], bool]

REFERENCES = {
    "autoscaling": "https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_{}.html",
    "cloudwatch": "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_{}.html",
    "ec2": "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_{}.html",
    "elasticloadbalancing": "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_{}.html",
    "logs": "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_{}.html",
    "rds": "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_{}.html",
    "ssm": "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_{}.html",
}
"""Service → address of an operation's page in the API reference."""


class Rule(NamedTuple):
    """A rule of AWS about requests."""

    about: str
    service: str
    operation: str
    """The operation whose page in the API reference contains the words, unless `page` names another page."""
    words: str
    page: str


RULES: list[Rule] = []


def refuses(
    about: str, service: str, *operations: str, code: str, words: str, page: str = ""
) -> Callable[[Judge], Judge]:
    """Register a rule: a function that returns whether AWS rejects a request to one of the operations."""

    def note(is_refused: Judge) -> Judge:
        RULES.append(Rule(about, service, operations[0], words, page or REFERENCES[service].format(operations[0])))

        @before(service, *operations)
        def refuse(request: Any) -> None:
            if is_refused(request):
                raise Refusal(code, f"{about}: {words}")

        return is_refused

    return note


def number(request: Any, parameter: str) -> int | None:
    """Return a parameter as a number; None if the request lacks it."""
    value = request._get_param(parameter)
    return None if value is None else int(value)


def outside(value: float | None, least: float, most: float) -> bool:
    """Return whether the value exists and is outside the range."""
    return value is not None and not least <= value <= most


def zones(request: Any, subnets: Iterable[str]) -> set[str]:
    """Return the availability zones of subnets."""
    ec2 = ec2_backends[request.current_account][request.region]
    return {ec2.get_subnet(name).availability_zone for name in subnets}
