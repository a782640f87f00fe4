"""CloudFormation."""

from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.responses import CloudFormationResponse

from tests.aws.patches import restores


@restores("UpdateStack with the template and the parameters that it has is refused: No updates are to be performed")
def refuse_empty_updates() -> None:
    def validate(_self: Any, asked: list[dict[str, Any]] | None, template: str, stack: Any) -> None:
        parameters = {item["ParameterKey"]: str(item.get("ParameterValue")) for item in asked or []}
        known = {key: str(value) for key, value in stack.stack_parameters.items() if not key.startswith("AWS::")}
        if template == stack.template and parameters == known:
            raise ValidationError(stack.name, message="No updates are to be performed.")

    CloudFormationResponse._validate_different_update = validate
