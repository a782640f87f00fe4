"""A machine's first boot (release/first_boot.py) with mock AWS and an instance metadata service."""

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest

from rehearsal.aws.server import REGION, MockAws
from release import first_boot
from testing.homes import unique
from tests.machines import MetadataService, Systemctl

KEY = "releases/a+b c.tar.gz"
LOG_GROUP = "/rising-stars/tests/web"
KEYS = {"AccessKeyId": "testing", "SecretAccessKey": "testing", "Token": "token"}


@pytest.fixture
def instance(aws: MockAws, metadata: MetadataService, monkeypatch: pytest.MonkeyPatch) -> str:
    """The ID of the EC2 instance whose metadata the program under test reads."""
    aws.ensure_default_vpc()
    ec2 = aws.client("ec2")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    (instance,) = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"]
    metadata.values["meta-data/instance-id"] = instance["InstanceId"]
    metadata.values[first_boot.ROLE_CREDENTIALS] = "host"
    metadata.values[first_boot.ROLE_CREDENTIALS + "host"] = json.dumps(KEYS)
    monkeypatch.setattr(first_boot, "METADATA_URL", f"{metadata.url}/latest/")
    return str(instance["InstanceId"])


@pytest.fixture
def boot(aws: MockAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str | None]:
    """Boots a machine whose bundle contains a given `release/become`. The machine's files are in the test's folder."""
    monkeypatch.setattr(first_boot, "FAILURE", tmp_path / "failure")
    monkeypatch.setattr(first_boot, "BOOT_FAILED", tmp_path / "etc" / "boot-failed")

    def boot(become: str) -> str | None:
        bundle, bucket = bundle_with(become), unique("media")
        publish(aws, bucket, bundle)
        settings = {
            "kind": "web",
            "region": REGION,
            "endpoint_url": aws.endpoint,
            "parameters": "/rising-stars/tests",
            "release": "1.2.3",
            "bucket": bucket,
            "bundle": f"{tmp_path}/bundles/abc",
            "files": [[f"{tmp_path}/bundles/abc.tar.gz", KEY, hashlib.sha256(bundle).hexdigest()]],
        }
        monkeypatch.setattr(first_boot, "SETTINGS", json.dumps(settings))
        return first_boot.main()

    return boot


def bundle_with(become: str) -> bytes:
    """Return a bundle that contains only `release/become`."""
    packed, program = BytesIO(), become.encode()
    info = tarfile.TarInfo("release/become")
    info.size, info.mode = len(program), 0o755
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(info, BytesIO(program))
    return packed.getvalue()


def publish(aws: MockAws, bucket: str, bundle: bytes) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=KEY, Body=bundle)


def tags_of(aws: MockAws, instance: str) -> dict[str, str]:
    found = aws.client("ec2").describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])["Tags"]
    return {tag["Key"]: tag["Value"] for tag in found}


@pytest.fixture
def log_group(aws: MockAws) -> Iterator[None]:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName=LOG_GROUP)
    yield
    logs.delete_log_group(logGroupName=LOG_GROUP)


def logged_by(aws: MockAws, instance: str) -> list[str]:
    events = aws.client("logs").get_log_events(logGroupName=LOG_GROUP, logStreamName=instance)["events"]
    return [event["message"] for event in events]


@pytest.mark.usefixtures("log_group")
def test_a_machine_runs_its_release_and_reports_that_it_is_ready(
    aws: MockAws, instance: str, systemctl: Systemctl, boot: Callable[[str], str | None], tmp_path: Path
) -> None:
    assert boot('#!/bin/sh\necho "$1" > kind; echo Configured\n') is None
    assert (tmp_path / "bundles" / "abc" / "kind").read_text() == "web\n"
    assert tags_of(aws, instance) == {"BootStatus": "ready", "Release": "1.2.3"}
    assert logged_by(aws, instance) == ["Configured\nboot ready release=1.2.3"]
    assert systemctl.asked == []
    assert not (tmp_path / "etc" / "boot-failed").exists()


@pytest.mark.usefixtures("log_group")
def test_a_machine_whose_release_fails_stays_out_of_service_and_reports_why(
    aws: MockAws, instance: str, systemctl: Systemctl, boot: Callable[[str], str | None], tmp_path: Path
) -> None:
    reason = f"Start the API: {'x' * 500}"
    status = boot(f"#!/bin/sh\necho '{reason}' > '{tmp_path}/failure'\nseq 300 >&2\nexit 2\n")
    assert status == f"failed: {reason}"
    lines = "\n".join(map(str, range(101, 301)))
    assert logged_by(aws, instance) == [f"{lines}\nboot {status} release=1.2.3"]
    assert tags_of(aws, instance) == {"BootStatus": status[:255], "Release": "1.2.3"}
    assert systemctl.asked == ["stop rising-stars-settings.service"]
    assert (tmp_path / "etc" / "boot-failed").exists()


def test_a_machine_without_a_log_group_still_sets_its_tags(
    aws: MockAws, instance: str, boot: Callable[[str], str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_boot, "PAUSES_SECONDS", (0,))
    assert boot("#!/bin/sh\n") is None
    assert tags_of(aws, instance)["BootStatus"] == "ready"


@pytest.mark.usefixtures("log_group")
def test_a_second_run_appends_to_the_machines_log(
    aws: MockAws, instance: str, boot: Callable[[str], str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_boot, "PAUSES_SECONDS", (0,))
    assert [boot("#!/bin/sh\n"), boot("#!/bin/sh\n")] == [None, None]
    assert logged_by(aws, instance) == ["boot ready release=1.2.3"] * 2
