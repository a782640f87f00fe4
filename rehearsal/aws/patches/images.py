"""Patches for EC2's machine images."""

from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.amis import Ami, AmiBackend

from rehearsal.aws.patches import restores

Tags = list[dict[str, Any]]


@restores("CreateImage applies TagSpecifications for snapshots to the image's snapshots")
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


@restores("CreateImage copies the volume's device, size, type, encryption and DeleteOnTermination to the image")
def keep_the_volumes_settings() -> None:
    create = AmiBackend.create_image
    kept: dict[str, dict[str, Any]] = {}

    def create_with_volume(self: AmiBackend, instance_id: str, *args: Any, **kwargs: Any) -> Ami:
        image = create(self, instance_id, *args, **kwargs)
        ((device, attached),) = image.instance.block_device_mapping.items()
        volume = image.ec2_backend.volumes[attached.volume_id]
        kept[image.ebs_snapshot.id] = {
            "VolumeSize": volume.size,
            "VolumeType": volume.volume_type,
            "Encrypted": volume.encrypted,
            "DeleteOnTermination": attached.delete_on_termination,
        }
        image.root_device_name = device
        return image

    def block_device_mappings(self: Ami) -> list[dict[str, Any]]:
        snapshot = self.ebs_snapshot.id
        volume = kept.get(snapshot, {"VolumeSize": 15, "VolumeType": "standard"})
        return [{"DeviceName": self.root_device_name, "Ebs": {"SnapshotId": snapshot, **volume}}]

    AmiBackend.create_image = create_with_volume
    Ami.block_device_mappings = property(block_device_mappings)


@restores("CreateImage rejects a name that another image of the account has: InvalidAMIName.Duplicate")
def refuse_names_in_use() -> None:
    create = AmiBackend.create_image

    def create_once(self: AmiBackend, instance_id: str, name: str, description: str, tag_specifications: Tags) -> Ami:
        for image in self.amis.values():
            if image.name == name:
                message = f"AMI name {name} is already in use by AMI {image.id}"
                raise EC2ClientError("InvalidAMIName.Duplicate", message)
        return create(self, instance_id, name, description, tag_specifications)

    AmiBackend.create_image = create_once
