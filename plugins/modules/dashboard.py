"""A CloudWatch dashboard."""

import json
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
module: dashboard
short_description: A CloudWatch dashboard
description:
  - amazon.aws has no such module. A CloudFormation stack would not see a change made by hand, and writes a change set
    when only a plan is asked for.
author: Rising Stars
extends_documentation_fragment: [amazon.aws.common.modules, amazon.aws.region.modules, amazon.aws.boto3]
options:
  state:
    description: Whether it is to be there or gone.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: Its name.
    type: str
    required: true
  body:
    description: What it shows, as AWS' "Dashboard body structure and syntax" says. Needed when present.
    type: dict
"""

EXAMPLES = r"""
- name: Ensure the dashboard exists
  dashboard:
    name: rising-stars-production
    body: {widgets: [{type: text, width: 6, height: 3, properties: {markdown: "# Rising Stars"}}]}
"""

RETURN = r"""
name: {description: "Its name.", returned: always, type: str}
"""


def main() -> None:
    """Bring the dashboard about, or take it away."""
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
        module.fail_json_aws(error, msg=f"The dashboard {module.params['name']} is not as it should be")


def ensure(module: Any) -> dict[str, Any]:
    """Write or delete it when it differs; say what differs."""
    client = module.client("cloudwatch", retry_decorator=AWSRetry.jittered_backoff())
    name = module.params["name"]
    wanted = module.params["body"] if module.params["state"] == "present" else None
    found = read(client, name)
    changed = found != wanted
    if changed and not module.check_mode:
        if wanted is None:
            client.delete_dashboards(DashboardNames=[name], aws_retry=True)
        else:
            write(module, client, wanted)
    return {"changed": changed, "name": name, "diff": {"before": found or {}, "after": wanted or {}}}


def write(module: Any, client: Any, body: dict[str, Any]) -> None:
    """AWS takes what it half understands, and says what it did not."""
    answer = client.put_dashboard(
        DashboardName=module.params["name"], DashboardBody=json.dumps(body, sort_keys=True), aws_retry=True
    )
    for note in answer.get("DashboardValidationMessages", []):
        module.warn(f"{note.get('DataPath', '')}: {note.get('Message', '')}")


def read(client: Any, name: str) -> dict[str, Any] | None:
    """What it shows; None when there is none."""
    try:
        body = client.get_dashboard(DashboardName=name, aws_retry=True)["DashboardBody"]
    except is_boto3_error_code(["ResourceNotFound", "DashboardNotFoundError"]):
        return None
    found: dict[str, Any] = json.loads(body)
    return found


if __name__ == "__main__":
    main()
