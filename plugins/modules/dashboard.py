"""Manage a CloudWatch dashboard."""

import json
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
module: dashboard
short_description: Manage a CloudWatch dashboard
description:
  - Writes the dashboard if it differs from O(body), or deletes it.
  - amazon.aws has no module for dashboards. A dashboard in a CloudFormation stack is no alternative, because a stack
    does not detect a change made by hand, and the module for stacks creates a change set even in check mode.
author: Rising Stars
extends_documentation_fragment: [amazon.aws.common.modules, amazon.aws.region.modules, amazon.aws.boto3]
options:
  state:
    description: Whether the dashboard exists after the run.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: The dashboard's name.
    type: str
    required: true
  body:
    description: The body, as described in AWS' "Dashboard body structure and syntax". Required with O(state=present).
    type: dict
"""

EXAMPLES = r"""
- name: Create or update the dashboard
  dashboard:
    name: rising-stars-production
    body: {widgets: [{type: text, width: 6, height: 3, properties: {markdown: "# Rising Stars"}}]}
"""

RETURN = r"""
name: {description: "The dashboard's name.", returned: always, type: str}
"""


def main() -> None:
    """Run the module."""
    spec = {
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "name": {"type": "str", "required": True},
        "body": {"type": "dict"},
    }
    module = AnsibleAWSModule(
        argument_spec=spec, required_if=[["state", "present", ["body"]]], supports_check_mode=True
    )
    try:
        module.exit_json(**ensure(module))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The dashboard {module.params['name']} could not be updated")


def ensure(module: Any) -> dict[str, Any]:
    """Write the dashboard if it differs, or delete it; return the module's result."""
    client = module.client("cloudwatch", retry_decorator=AWSRetry.jittered_backoff())
    name = module.params["name"]
    desired = module.params["body"] if module.params["state"] == "present" else None
    found = read(client, name)
    changed = found != desired
    if changed and not module.check_mode:
        if desired is None:
            client.delete_dashboards(DashboardNames=[name], aws_retry=True)
        else:
            write(module, client, desired)
    return {"changed": changed, "name": name, "diff": {"before": found or {}, "after": desired or {}}}


def write(module: Any, client: Any, body: dict[str, Any]) -> None:
    """Write the dashboard, and show AWS' validation messages about it as warnings."""
    answer = client.put_dashboard(
        DashboardName=module.params["name"], DashboardBody=json.dumps(body, sort_keys=True), aws_retry=True
    )
    for note in answer.get("DashboardValidationMessages", []):
        module.warn(f"{note.get('DataPath', '')}: {note.get('Message', '')}")


def read(client: Any, name: str) -> dict[str, Any] | None:
    """Return the dashboard's body, or None if it does not exist."""
    try:
        body = client.get_dashboard(DashboardName=name, aws_retry=True)["DashboardBody"]
    except is_boto3_error_code(["ResourceNotFound", "DashboardNotFoundError"]):
        return None
    found: dict[str, Any] = json.loads(body)
    return found


if __name__ == "__main__":
    main()
