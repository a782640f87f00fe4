"""Patches for IAM's evaluation of policies and boundaries."""

import inspect
import re
from collections.abc import Callable
from typing import Any

from moto.core.responses import BaseResponse
from moto.iam.access_control import (
    AssumedRoleAccessKey,
    IAMPolicy,
    IAMPolicyStatement,
    IAMRequestBase,
    PermissionResult,
)
from moto.iam.models import IAMBackend

from rehearsal.aws.patches import restores


@restores("In a policy's actions and resources, * matches any text, ? any character, and all else is literal")
def match_wildcards() -> None:
    def match(pattern: str, value: str) -> re.Match[str] | None:
        return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value)

    IAMPolicyStatement._match = staticmethod(match)


@restores("A role with a permissions boundary has only the permissions that both its policies and the boundary allow")
def enforce_boundaries() -> None:
    by_policies = IAMRequestBase.check_action_permitted

    def check_action_permitted(self: Any, resource: str) -> None:
        by_policies(self, resource)
        boundary = _boundary(self._access_key)
        if boundary and IAMPolicy(boundary).is_action_permitted(self._action, resource) != PermissionResult.PERMITTED:
            self._raise_access_denied()

    IAMRequestBase.check_action_permitted = check_action_permitted


def _boundary(key: Any) -> Any:
    """Return the permissions boundary of the role that an access key belongs to; None if there is none."""
    if not isinstance(key, AssumedRoleAccessKey):
        return None
    arn = key.backend.get_role(key._owner_role_name).permissions_boundary_arn
    return key.backend.get_policy(arn) if arn else None


@restores("CreateRole and PutRolePermissionsBoundary fail if the boundary does not exist: NoSuchEntity")
def require_existing_boundaries() -> None:
    for name in ("create_role", "put_role_permissions_boundary"):
        setattr(IAMBackend, name, _with_boundary(getattr(IAMBackend, name)))


def _with_boundary(ask: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(ask)

    def ask_with_boundary(self: Any, *positional: Any, **named: Any) -> Any:
        arn = signature.bind(self, *positional, **named).arguments.get("permissions_boundary")
        if arn:
            self.get_policy(arn)
        return ask(self, *positional, **named)

    return ask_with_boundary


def judge_by(responses: type[BaseResponse], resources: Callable[[Any], list[str]]) -> None:
    """Authorize each request to a service against the ARN of every resource that the request names."""

    def authorize(self: Any, _resource: str = "*") -> None:
        for arn in resources(self):
            super(responses, self)._authenticate_and_authorize_normal_action(arn)

    responses._authenticate_and_authorize_normal_action = authorize
