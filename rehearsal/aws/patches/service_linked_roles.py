"""Patches for service-linked roles. A new account has none: a service creates its role when it is first used.

rehearsal/aws/README.md, Service-linked roles, gives the source of each behaviour.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from moto import settings
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.responses import BaseResponse
from moto.elbv2.responses import ELBV2Response
from moto.iam import models
from moto.iam.access_control import IAMRequest
from moto.iam.exceptions import EntityAlreadyExists, InvalidInput
from moto.iam.models import IAMBackend, iam_backends
from moto.rds.exceptions import RDSClientError
from moto.rds.responses import RDSResponse
from werkzeug.exceptions import HTTPException

from rehearsal.aws.patches import restores

NAMES = {"elasticloadbalancing": "ElasticLoadBalancing", "events": "CloudWatchEvents", "rds": "RDS"}
"""Service → the part of its role's name that follows AWSServiceRoleFor. moto already contains that of Auto Scaling."""

Operation = Callable[[Any], Any]


@restores("CreateServiceLinkedRole names the role as AWS does, and rejects a second one: InvalidInput")
def name_roles() -> None:
    models.SERVICE_NAME_CONVERSION.update(NAMES)
    create = IAMBackend.create_service_linked_role

    def create_once(self: IAMBackend, service_name: str, description: str, suffix: str) -> Any:
        try:
            return create(self, service_name, description, suffix)
        except EntityAlreadyExists:
            message = f"Service role name {_role(service_name)} has been taken in this account, please try another."
            raise InvalidInput(message) from None

    IAMBackend.create_service_linked_role = create_once


@restores("The first group, load balancer or target group creates its service's role, if permitted")
def create_roles_at_first_use() -> None:
    for responses, operation in (
        (AutoScalingResponse, "create_auto_scaling_group"),
        (ELBV2Response, "create_load_balancer"),
        (ELBV2Response, "create_target_group"),
    ):
        service = "autoscaling" if responses is AutoScalingResponse else "elasticloadbalancing"
        setattr(responses, operation, _with_role(f"{service}.amazonaws.com", getattr(responses, operation)))


def _with_role(service: str, operation: Operation) -> Operation:
    def ask(self: Any) -> Any:
        if not _exists(self, service):
            _create(self, service)
        return operation(self)

    return ask


@restores("Without RDS' role, the first call that creates or restores a database fails: InvalidParameterValue")
def fail_without_the_role_of_rds() -> None:
    for operation in ("create_db_instance", "restore_db_instance_from_db_snapshot"):
        setattr(RDSResponse, operation, _fail_first(getattr(RDSResponse, operation)))
    create_group = RDSResponse.create_db_subnet_group

    def create_db_subnet_group(self: Any) -> Any:
        if not _exists(self, "rds.amazonaws.com"):
            raise RDSClientError("InvalidParameterValue", "Missing necessary credentials.")
        return create_group(self)

    RDSResponse.create_db_subnet_group = create_db_subnet_group


def _fail_first(operation: Operation) -> Operation:
    """Return an operation that, if RDS' role is missing, creates the role and fails; a second call succeeds."""

    def ask(self: Any) -> Any:
        if not _exists(self, "rds.amazonaws.com"):
            with suppress(HTTPException):
                _create(self, "rds.amazonaws.com")
            raise RDSClientError(
                "InvalidParameterValue",
                "Unable to create the resource. Verify that you have permission to create service linked role. "
                "Otherwise wait and try again later",
            )
        return operation(self)

    return ask


def _role(service: str) -> str:
    name = service.removesuffix(".amazonaws.com")
    return f"AWSServiceRoleFor{models.SERVICE_NAME_CONVERSION.get(name, name)}"


def _backend(responses: BaseResponse) -> IAMBackend:
    return iam_backends[responses.current_account][responses.partition]


def _exists(responses: BaseResponse, service: str) -> bool:
    return any(role.name == _role(service) for role in _backend(responses).roles.values())


def _create(responses: BaseResponse, service: str) -> None:
    _authorize(responses, f"arn:aws:iam::{responses.current_account}:role/aws-service-role/{service}/{_role(service)}")
    _backend(responses).create_service_linked_role(service, "", "")


def _authorize(responses: BaseResponse, role_arn: str) -> None:
    """Raise an error if moto enforces IAM policies and the caller may not create the role."""
    if ActionAuthenticatorMixin.request_count < settings.INITIAL_NO_AUTH_ACTION_COUNT:
        return
    request = IAMRequest(
        account_id=responses.current_account,
        method=responses.method,
        path=responses.path,
        data={},
        body=b"",
        headers=responses.headers,
        action="",
    )
    request._action = "iam:CreateServiceLinkedRole"
    request.check_action_permitted(role_arn)
