"""Check that the permissions boundary of the site's IAM roles exists, and warn if it differs from this release's."""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
module: permissions_boundary
short_description: Check that the permissions boundary of the site's IAM roles exists
description:
  - Fails if the policy O(arn), which an administrator creates once, does not exist.
  - Warns if the policy differs from O(document), because machines may then lack permissions that this release needs.
    Also warns if the policy cannot be read.
  - Changes nothing.
author: Rising Stars
extends_documentation_fragment: [amazon.aws.common.modules, amazon.aws.region.modules, amazon.aws.boto3]
options:
  arn:
    description: The policy's ARN.
    type: str
    required: true
  document:
    description: The expected policy document.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Fail if the permissions boundary does not exist
  permissions_boundary:
    arn: arn:aws:iam::123456789012:policy/rising-stars-production-boundary
    document: "{{ lookup('ansible.builtin.file', 'boundary.json') | from_json }}"
"""

RETURN = r"""
as_documented: {description: Whether the policy equals O(document)., returned: when the policy was read, type: bool}
"""

MISSING = (
    "There is no policy {arn}, which limits what the site's machines may do. An administrator creates it once: "
    "docs/deploy.md, Boundary."
)
OUTDATED = (
    "The policy {arn} differs from docs/operator-policy/boundary/machines.json: machines may lack permissions that "
    "this release needs. An administrator updates it: docs/deploy.md, Boundary."
)


def read(client: Any, arn: str) -> Any:
    """Return the document of the policy's default version."""
    version = client.get_policy(PolicyArn=arn, aws_retry=True)["Policy"]["DefaultVersionId"]
    return client.get_policy_version(PolicyArn=arn, VersionId=version, aws_retry=True)["PolicyVersion"]["Document"]


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={"arn": {"type": "str", "required": True}, "document": {"type": "dict", "required": True}},
        supports_check_mode=True,
    )
    arn = module.params["arn"]
    try:
        found = read(module.client("iam", retry_decorator=AWSRetry.jittered_backoff(retries=5)), arn)
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "NoSuchEntity":
            module.fail_json(msg=MISSING.format(arn=arn))
        module.warn(f"Cannot be read: whether {arn} limits the site's roles. {error}")
        module.exit_json(changed=False)
    as_documented = found == module.params["document"]
    if not as_documented:
        module.warn(OUTDATED.format(arn=arn))
    module.exit_json(changed=False, as_documented=as_documented)


if __name__ == "__main__":
    main()
