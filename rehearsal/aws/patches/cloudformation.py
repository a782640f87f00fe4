"""Patches for CloudFormation."""

from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.responses import CloudFormationResponse
from moto.ec2.models import ec2_backends
from moto.ec2.models.flow_logs import FlowLogs

from rehearsal.aws.patches import restores


@restores("UpdateStack with unchanged template and parameters fails: No updates are to be performed")
def refuse_empty_updates() -> None:
    def validate(_self: Any, asked: list[dict[str, Any]] | None, template: str, stack: Any) -> None:
        parameters = {item["ParameterKey"]: str(item.get("ParameterValue")) for item in asked or []}
        known = {key: str(value) for key, value in stack.stack_parameters.items() if not key.startswith("AWS::")}
        if template == stack.template and parameters == known:
            raise ValidationError(stack.name, message="No updates are to be performed.")

    CloudFormationResponse._validate_different_update = validate


@restores("DeleteStack deletes the stack's flow log")
def delete_flow_logs_with_their_stack() -> None:
    def delete(_cls: Any, resource_name: str, _json: Any, account_id: str, region_name: str, /, **_more: Any) -> None:
        ec2_backends[account_id][region_name].delete_flow_logs([resource_name])

    FlowLogs.delete_from_cloudformation_json = classmethod(delete)
