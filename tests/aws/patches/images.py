"""EC2's machine images."""

from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.amis import Ami, AmiBackend

from tests.aws.patches import restores

Tags = list[dict[str, Any]]


@restores("CreateImage tags the snapshots, too, when its TagSpecifications say so")
def tag_snapshots() -> None:
    create = AmiBackend.create_image

    def create_and_tag(
        self: AmiBackend, instance_id: str, name: str, description: str, tag_specifications: Tags
    ) -> Ami:
        others = [asked for asked in tag_specifications if asked["ResourceType"] != "snapshot"]
        image = create(self, instance_id, name, description, others)
        for asked in tag_specifications:
            if asked["ResourceType"] == "snapshot":
                image.ebs_snapshot.add_tags({tag["Key"]: tag["Value"] for tag in asked["Tags"]})
        return image

    AmiBackend.create_image = create_and_tag


@restores("CreateImage refuses a name that another image of the account has: InvalidAMIName.Duplicate")
def refuse_names_in_use() -> None:
    create = AmiBackend.create_image

    def create_once(self: AmiBackend, instance_id: str, name: str, description: str, tag_specifications: Tags) -> Ami:
        for image in self.amis.values():
            if image.name == name:
                message = f"AMI name {name} is already in use by AMI {image.id}"
                raise EC2ClientError("InvalidAMIName.Duplicate", message)
        return create(self, instance_id, name, description, tag_specifications)

    AmiBackend.create_image = create_once
