#!/usr/bin/python
"""Read the end of an instance's console output."""

import re
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = """
module: console_output
short_description: Read the end of an instance's console output
description:
  - The console output contains what the kernel and cloud-init print, including the output of user data. Reading it
    requires no agent on the instance.
  - Changes nothing. Needs C(ec2:GetConsoleOutput) on the instance.
options:
  instance_id:
    description: The instance's ID.
    type: str
    required: true
  lines:
    description: The largest number of lines to return.
    type: int
    default: 50
author: Rising Stars
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = """
- name: Read the end of the builder's console output
  console_output:
    instance_id: i-0123456789abcdef0
"""

RETURN = """
lines: {description: "The last lines, without empty ones.", type: list, elements: str, returned: always}
"""

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[^\n\x20-\x7e\xa0-\U0010ffff]")
"""Sequences that move a terminal's cursor or set colours, and other control characters."""


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={"instance_id": {"type": "str", "required": True}, "lines": {"type": "int", "default": 50}},
        supports_check_mode=True,
    )
    client = module.client("ec2", retry_decorator=AWSRetry.jittered_backoff())
    try:
        text = read(client, module.params["instance_id"])
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"The console output of {module.params['instance_id']} could not be read")
    module.exit_json(changed=False, lines=last_lines(text, module.params["lines"]))


def read(client: Any, instance_id: str) -> str:
    """Return the latest console output or, for instance types that do not support this, the output after the boot."""
    try:
        answer = client.get_console_output(InstanceId=instance_id, Latest=True, aws_retry=True)
    except is_boto3_error_code("UnsupportedOperation"):
        answer = client.get_console_output(InstanceId=instance_id, aws_retry=True)
    return str(answer.get("Output", ""))


def last_lines(text: str, count: int) -> list[str]:
    """Return the last lines of a console's output as plain text, without empty lines."""
    plain = (CONTROL.sub("", line).rstrip() for line in text.split("\n"))
    return [line for line in plain if line][-count:]


if __name__ == "__main__":
    main()
