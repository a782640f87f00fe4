"""Functions that run before or after moto handles an operation.

A hook that runs before the operation may raise `Refusal`; moto does not handle the call then.
"""

import functools
import random
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from moto.autoscaling.responses import AutoScalingResponse
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores
from moto.ec2.responses import EC2Response
from moto.elbv2.responses import ELBV2Response
from moto.iam.responses import IamResponse
from moto.logs.responses import LogsResponse
from moto.rds.responses import RDSResponse
from moto.secretsmanager.responses import SecretsManagerResponse
from moto.ssm.responses import SimpleSystemManagerResponse

from rehearsal.aws.recording import SIGNED

Before = Callable[[Any], None]
After = Callable[[Any, Any], None]


class Refusal(ServiceException):
    """An error of AWS: code and message. moto sends it in the format of the request's protocol.

    The class derives directly from ServiceException, because moto would look up the code of its own error classes in
    the model of a service named "core".
    """


RESPONSES: dict[str, Any] = {
    "autoscaling": AutoScalingResponse,
    "cloudwatch": CloudWatchResponse,
    "ec2": EC2Response,
    "elasticloadbalancing": ELBV2Response,
    "iam": IamResponse,
    "logs": LogsResponse,
    "rds": RDSResponse,
    "secretsmanager": SecretsManagerResponse,
    "ssm": SimpleSystemManagerResponse,
}
"""Service → moto's class that handles its requests. A hook receives an instance of this class."""
OPERATOR = "testing"
"""The operator's access key. Delays are counted in the calls that it signs; other callers see no delay."""
MOST_CALLS = 3
"""The longest delay, in calls."""

DICE = random.Random()  # noqa: S311 (not for security)
_BEFORE: dict[tuple[str, str], list[Before]] = defaultdict(list)
_AFTER: dict[tuple[str, str], list[After]] = defaultdict(list)
_LOCK = threading.RLock()


def draw() -> int:
    """Return the length of a delay, in calls."""
    return DICE.randint(1, MOST_CALLS)


def before(service: str, *operations: str) -> Callable[[Before], Before]:
    """Run the function with each request before moto handles it."""

    def note(hook: Before) -> Before:
        for operation in operations:
            _BEFORE[service, operation].append(hook)
        return hook

    return note


def after(service: str, *operations: str) -> Callable[[After], After]:
    """Run the function with each request and its result: a dictionary or one of moto's objects."""

    def note(hook: After) -> After:
        for operation in operations:
            _AFTER[service, operation].append(hook)
        return hook

    return note


def is_operators(request: Any) -> bool:
    """Return whether the operator signed the request."""
    signed = SIGNED.search(request.headers.get("Authorization", ""))
    return signed is not None and signed[1] == OPERATOR


def install() -> None:
    """Wrap moto's handler of each operation that has hooks."""
    for service, operation in {*_BEFORE, *_AFTER}:
        responses, name = RESPONSES[service], camelcase_to_underscores(operation)
        handler = getattr(responses, name)
        setattr(responses, name, _hooked(handler, _BEFORE[service, operation], _AFTER[service, operation]))


def _hooked(handle: Callable[[Any], Any], first: list[Before], last: list[After]) -> Callable[[Any], Any]:
    @functools.wraps(handle)
    def handle_with_hooks(request: Any) -> Any:
        with _LOCK:
            for check in first:
                check(request)
            answer = handle(request)
            for change in last:
                change(request, answer.result if isinstance(answer, ActionResult) else answer)
            return answer

    return handle_with_hooks
