"""Tests that read the images, snapshots and builders through the AWS API."""

from typing import Any

import boto3
import pytest

OURS = {"Project": "rising-stars", "Environment": "molecule", "ManagedBy": "ansible", "Role": "image"}
NEWEST_DEBIAN = "ami-0debian1200000002"


@pytest.fixture(scope="module")
def ec2() -> Any:
    return boto3.client("ec2")


def tags(resource: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}


@pytest.fixture(scope="module")
def images(ec2: Any) -> dict[str, Any]:
    """Return the images by release."""
    return {tags(image)["Release"]: image for image in ec2.describe_images(Owners=["self"])["Images"]}


@pytest.fixture(scope="module")
def builders(ec2: Any) -> list[Any]:
    found = ec2.describe_instances(Filters=[{"Name": "tag:Role", "Values": ["builder"]}])["Reservations"]
    return [instance for reservation in found for instance in reservation["Instances"]]


@pytest.fixture(scope="module")
def snapshots(ec2: Any) -> dict[str, Any]:
    mine = ec2.describe_snapshots(Filters=[{"Name": "tag:Environment", "Values": ["molecule"]}])["Snapshots"]
    return {snapshot["SnapshotId"]: snapshot for snapshot in mine}


def test_the_image_and_its_snapshot_record_their_inputs(images: dict[str, Any], snapshots: dict[str, Any]) -> None:
    image = images["0.5.0"]
    snapshot = snapshots[image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]]
    assert image["Name"].startswith("rising-stars-molecule-0.5.0-")
    for found_tags in (tags(image), tags(snapshot)):
        inputs = found_tags.pop("Inputs")
        assert len(inputs) == 8
        expected = {"Name": "rising-stars-molecule-0.5.0", "Release": "0.5.0", "BaseImage": NEWEST_DEBIAN}
        assert found_tags == OURS | expected


def test_the_base_image_is_the_newest_one_that_debian_published(builders: list[Any]) -> None:
    bakers = [builder for builder in builders if tags(builder).get("Release") == "0.5.0"]
    assert [baker["ImageId"] for baker in bakers] == [NEWEST_DEBIAN]


def test_a_parameter_with_our_tags_records_the_base_image() -> None:
    ssm = boto3.client("ssm")
    name = "/rising-stars/molecule/base-image"
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == NEWEST_DEBIAN
    found_tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
    assert {tag["Key"]: tag["Value"] for tag in found_tags} == OURS | {"Name": name}


def test_the_builders_of_this_run_and_of_a_killed_one_are_terminated(builders: list[Any]) -> None:
    assert [builder["State"]["Name"] for builder in builders] == ["terminated", "terminated"]


def test_the_builder_requires_version_2_of_the_metadata_service(builders: list[Any]) -> None:
    (baker,) = [builder for builder in builders if tags(builder).get("Release") == "0.5.0"]
    options = baker["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpEndpoint"]) == ("required", "enabled")
    assert options["HttpPutResponseHopLimit"] == 1


def test_machines_start_from_an_encrypted_gp3_volume(images: dict[str, Any]) -> None:
    (mapping,) = images["0.5.0"]["BlockDeviceMappings"]
    volume = {key: value for key, value in mapping["Ebs"].items() if key != "SnapshotId"}
    assert mapping["DeviceName"] == "/dev/xvda"
    assert volume == {"VolumeType": "gp3", "Encrypted": True, "VolumeSize": 12, "DeleteOnTermination": True}


def test_images_of_three_releases_including_the_rollback_target_and_the_one_in_service_are_kept(
    images: dict[str, Any],
) -> None:
    assert sorted(images) == ["0.1.0", "0.2.0", "0.4.0", "0.5.0"]


def test_the_snapshots_of_deleted_images_are_deleted(images: dict[str, Any], snapshots: dict[str, Any]) -> None:
    needed = {image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"] for image in images.values()}
    assert set(snapshots) == needed
