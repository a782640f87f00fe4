"""Check by dry runs that EC2 would launch the site's instance types in a subnet."""

from collections.abc import Iterator
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_specifications
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
module: launch_dry_run
short_description: Check by dry runs that EC2 would launch the site's instance types in a subnet
description:
  - Calls RunInstances with C(DryRun) for each of O(instance_types). If EC2 rejects any of these calls, the module fails
    with EC2's messages.
  - EC2 documents that a dry run checks the caller's permissions. It does not document which other rejections a dry run
    reports, so a launch may still fail after this check.
  - Launches nothing. In check mode, makes no call.
author: Rising Stars
extends_documentation_fragment: [amazon.aws.common.modules, amazon.aws.region.modules, amazon.aws.boto3]
options:
  subnet_id:
    description: The subnet.
    type: str
    required: true
  instance_types:
    description: The instance types.
    type: list
    elements: str
    required: true
  image_id:
    description: The image. If empty, the newest image of O(image_owner) that has a name like O(image_name).
    type: str
    default: ""
  image_owner:
    description: Account of the image's owner.
    type: str
    default: ""
  image_name:
    description: Pattern of the image's name.
    type: str
    default: ""
  tags:
    description: Tags of the instances and their volumes. A policy may allow launches only with these tags.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Fail if EC2 would not launch the machines
  launch_dry_run:
    subnet_id: subnet-0123456789abcdef0
    instance_types: [t3.small, c6i.large]
    image_owner: "136693071363"
    image_name: debian-12-amd64-*
    tags: {Project: rising-stars, Environment: production}
"""

RETURN = r"""
image_id: {description: The image of the dry runs., returned: when dry runs were made, type: str}
"""


def newest_image(client: Any, owner: str, name: str) -> str:
    """Return the id of the newest image, or an empty string if there is none."""
    filters = {"name": name, "architecture": "x86_64", "virtualization-type": "hvm", "state": "available"}
    asked = [{"Name": key, "Values": [value]} for key, value in filters.items()]
    found = client.describe_images(Owners=[owner], Filters=asked, aws_retry=True)["Images"]
    return str(sorted(found, key=lambda image: image["CreationDate"])[-1]["ImageId"]) if found else ""


def rejections(client: Any, module: AnsibleAWSModule, image: str) -> Iterator[str]:
    """Yield a message for each instance type that EC2 would not launch."""
    specifications = boto3_tag_specifications(module.params["tags"], types=["instance", "volume"]) or []
    for instance_type in sorted(set(module.params["instance_types"])):
        try:
            client.run_instances(
                DryRun=True,
                MinCount=1,
                MaxCount=1,
                ImageId=image,
                InstanceType=instance_type,
                SubnetId=module.params["subnet_id"],
                MetadataOptions={"HttpTokens": "required"},
                TagSpecifications=specifications,
                aws_retry=True,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "DryRunOperation":
                yield f"EC2 would not launch a {instance_type}: {error}"


def main() -> None:
    """Run the module."""
    text = {"type": "str", "default": ""}
    module = AnsibleAWSModule(
        argument_spec={
            "subnet_id": {"type": "str", "required": True},
            "instance_types": {"type": "list", "elements": "str", "required": True},
            "image_id": text,
            "image_owner": text,
            "image_name": text,
            "tags": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        module.exit_json(changed=False)
    client = module.client("ec2", retry_decorator=AWSRetry.jittered_backoff(retries=5))
    owner, name = module.params["image_owner"], module.params["image_name"]
    try:
        image = module.params["image_id"] or newest_image(client, owner, name)
        if not image:
            module.fail_json(msg=f"The account {owner} publishes no image {name} in this region. Set another image.")
        problems = list(rejections(client, module, image))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg="The dry runs of the launches failed")
    if problems:
        module.fail_json(msg="\n".join(problems))
    module.exit_json(changed=False, image_id=image)


if __name__ == "__main__":
    main()
