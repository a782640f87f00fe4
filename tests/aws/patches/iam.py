"""IAM: how policies are judged."""

import re
from collections.abc import Callable
from typing import Any

from moto.core.responses import BaseResponse
from moto.iam.access_control import IAMPolicyStatement

from tests.aws.patches import restores


@restores("In a policy's actions and resources * is any text, ? any character, and all else stands for itself")
def match_wildcards() -> None:
    def match(pattern: str, value: str) -> re.Match[str] | None:
        return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value)

    IAMPolicyStatement._match = staticmethod(match)


def judge_by(responses: type[BaseResponse], resources: Callable[[Any], list[str]]) -> None:
    """Have a service's requests judged by the ARNs they are about, each of which must be allowed."""

    def authorize(self: Any, _resource: str = "*") -> None:
        for arn in resources(self):
            super(responses, self)._authenticate_and_authorize_normal_action(arn)

    responses._authenticate_and_authorize_normal_action = authorize
