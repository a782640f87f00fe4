"""Create the service-linked roles through which AWS services act in an account."""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
module: service_linked_roles
short_description: Create the service-linked roles through which AWS services act in an account
description:
  - Creates the roles of O(services) that do not exist yet. An account has one such role for each service, and all sites
    of the account share it, so the module never deletes a role.
  - If a role cannot be created, the module does not fail, because most services create their role themselves. It warns,
    and names the role.
author: Rising Stars
extends_documentation_fragment: [amazon.aws.common.modules, amazon.aws.region.modules, amazon.aws.boto3]
options:
  services:
    description: The services, by the names that IAM uses for them.
    type: list
    elements: str
    required: true
    choices: [autoscaling.amazonaws.com, elasticloadbalancing.amazonaws.com, events.amazonaws.com, rds.amazonaws.com]
"""

EXAMPLES = r"""
- name: Create RDS' service-linked role
  service_linked_roles:
    services: [rds.amazonaws.com]
"""

RETURN = r"""
created: {description: The services whose roles the module created or would create., returned: always, type: list}
"""

ROLES = {
    "autoscaling.amazonaws.com": "AWSServiceRoleForAutoScaling",
    "elasticloadbalancing.amazonaws.com": "AWSServiceRoleForElasticLoadBalancing",
    "events.amazonaws.com": "AWSServiceRoleForCloudWatchEvents",
    "rds.amazonaws.com": "AWSServiceRoleForRDS",
}
"""Service → the name of its role, from the service's user guide. CloudWatch's alarms use the role of `events`."""


def exists(client: Any, service: str) -> bool:
    """Return whether the account has a service's role."""
    try:
        client.get_role(RoleName=ROLES[service], aws_retry=True)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchEntity":
            return False
        raise
    return True


def create(client: Any, service: str) -> bool:
    """Create a service's role, and return False if another client created it in the meantime."""
    try:
        client.create_service_linked_role(AWSServiceName=service, aws_retry=True)
    except ClientError as error:
        # For an existing role, IAM returns InvalidInput. This code has other causes too, so the message is checked.
        if error.response["Error"]["Code"] == "InvalidInput" and "has been taken" in error.response["Error"]["Message"]:
            return False
        raise
    return True


def main() -> None:
    """Run the module."""
    services = {"type": "list", "elements": "str", "required": True, "choices": sorted(ROLES)}
    module = AnsibleAWSModule(argument_spec={"services": services}, supports_check_mode=True)
    client = module.client("iam", retry_decorator=AWSRetry.jittered_backoff(retries=5))
    created = []
    for service in module.params["services"]:
        try:
            if not exists(client, service) and (module.check_mode or create(client, service)):
                created.append(service)
        except (BotoCoreError, ClientError) as error:
            module.warn(
                f"Cannot be created: the service-linked role {ROLES[service]}. {error} If the account does not have it "
                f"yet, an administrator creates it: aws iam create-service-linked-role --aws-service-name {service}"
            )
    module.exit_json(changed=bool(created), created=created)


if __name__ == "__main__":
    main()
