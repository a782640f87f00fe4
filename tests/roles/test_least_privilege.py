"""Machines may do what the application needs, and no more: the tests use each role's own credentials and boundary.

moto evaluates only actions and resources; aws_identity's molecule scenario checks the policies' conditions.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from app.storage.errors import ObjectNotFound, StorageUnavailable
from app.storage.s3 import S3Store
from rehearsal.aws.server import MockAws
from rehearsal.operator.playbooks import REPOSITORY, play
from rehearsal.operator.policy import create_boundary

pytestmark = pytest.mark.slow

NAME = "rising-stars-molecule"
PREFIX = "rising-stars/molecule"
MEDIA = "rising-stars-molecule-media-123456789012-us-east-1"
FOREIGN = "bucket-of-another-account"
SECRETS = {
    "web": ("database", "jwt", "doorbell", "redis", "verification"),
    "worker": ("database", "doorbell", "redis"),
}
REFUSED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
KINDS = ("web", "worker", "builder")
SITE_KINDS = ("web", "worker")
LOG_GROUPS = ("web", "worker", "builder")
GREEDY = "greedy"


@dataclass(frozen=True)
class Machine:
    """The credentials of a process on a machine of one kind."""

    aws: MockAws
    credentials: dict[str, str]

    def client(self, service: str) -> Any:
        return self.aws.client(service, **self.credentials)

    def store(self, bucket: str = MEDIA) -> S3Store:
        """Return the application's own store for the bucket, with the machine's credentials."""
        store = S3Store(bucket, presigned_url_seconds=60)
        # The store reads its endpoint and credentials from the process's environment, which all machines share here.
        vars(store)["_client"] = vars(store)["_impatient_client"] = self.client("s3")
        return store


@pytest.fixture(scope="module")
def machines(aws: MockAws) -> dict[str, Machine]:
    """The machines of a site whose IAM roles aws_identity created, in an account that also has foreign resources."""
    iam, s3, sts = aws.client("iam"), aws.client("s3"), aws.client("sts")
    boundary = create_boundary(iam, "molecule")
    play(REPOSITORY / "roles/aws_identity/molecule/default/converge.yml", env=aws.env)
    make_greedy_role(iam, boundary)
    for kind in LOG_GROUPS:
        aws.client("logs").create_log_group(logGroupName=f"/{PREFIX}/{kind}")
    for bucket in (MEDIA, FOREIGN):
        s3.create_bucket(Bucket=bucket)
        for folder in ("unprocessed-videos", "processed-videos", "posters", "releases", "elsewhere"):
            s3.put_object(Bucket=bucket, Key=f"{folder}/there", Body=b"there")
    for name in (*(f"{PREFIX}/{short}" for short in SECRETS["web"]), f"{PREFIX}/database-of-others", "elsewhere/jwt"):
        aws.client("secretsmanager").create_secret(Name=name, SecretString="hidden")
    for name in (f"/{PREFIX}/web", f"/{PREFIX}/worker", "/elsewhere/web", f"/{PREFIX}s/web"):
        aws.client("ssm").put_parameter(Name=name, Value="settings", Type="String")
    found = {}
    for kind in (*KINDS, GREEDY):
        arn = iam.get_role(RoleName=f"{NAME}-{kind}")["Role"]["Arn"]
        given = sts.assume_role(RoleArn=arn, RoleSessionName="i-0123456789abcdef0")["Credentials"]
        found[kind] = Machine(
            aws,
            {
                "aws_access_key_id": given["AccessKeyId"],
                "aws_secret_access_key": given["SecretAccessKey"],
                "aws_session_token": given["SessionToken"],
            },
        )
    aws.judge_calls()
    return found


def make_greedy_role(iam: Any, boundary: str) -> None:
    """Create the most powerful role that an operator can: its policy allows everything; only the boundary limits it."""
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    role = {"RoleName": f"{NAME}-{GREEDY}", "Path": f"/{PREFIX}/"}
    iam.create_role(**role, AssumeRolePolicyDocument="{}", PermissionsBoundary=boundary)
    iam.put_role_policy(RoleName=role["RoleName"], PolicyName="all", PolicyDocument=json.dumps(everything))


def assert_refused(call: Callable[..., object], **arguments: object) -> None:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] in REFUSED


def test_a_client_without_a_role_may_do_nothing(machines: dict[str, Machine]) -> None:
    unauthorized = machines["web"].aws.client("s3")
    with pytest.raises(ClientError) as caught:
        unauthorized.list_objects_v2(Bucket=MEDIA)
    assert caught.value.response["Error"]["Code"] == "InvalidAccessKeyId"


def test_web_uploads_checks_and_deletes_originals_whole_or_in_parts(
    machines: dict[str, Machine], tmp_path: Path
) -> None:
    store, clip = machines["web"].store(), tmp_path / "clip.mp4"
    for key, size in (("unprocessed-videos/small.mp4", 10), ("unprocessed-videos/large.mp4", 17 << 20)):
        clip.write_bytes(b"x" * size)
        store.upload(clip, key, content_type="video/mp4")
        assert store.stat(key).size_bytes == size
        store.delete(key)
    store.ping()


def test_web_reads_results_but_neither_writes_nor_deletes_them(machines: dict[str, Machine], tmp_path: Path) -> None:
    store, s3 = machines["web"].store(), machines["web"].client("s3")
    for folder in ("processed-videos", "posters"):
        store.download(f"{folder}/there", tmp_path / "fetched")
        assert_refused(s3.put_object, Bucket=MEDIA, Key=f"{folder}/new", Body=b"new")
        assert_refused(s3.delete_object, Bucket=MEDIA, Key=f"{folder}/there")


def test_a_worker_fetches_stores_verifies_and_sweeps(machines: dict[str, Machine], tmp_path: Path) -> None:
    store, file = machines["worker"].store(), tmp_path / "file"
    sha256 = store.download("unprocessed-videos/there", file)
    store.upload_checked(file, "processed-videos/v/l.mp4", content_type="video/mp4", sha256=sha256)
    store.upload(file, "posters/v/l.jpg", content_type="image/jpeg")
    assert store.stat("processed-videos/v/l.mp4").size_bytes == file.stat().st_size
    for prefix in ("processed-videos/v/", "posters/v/"):
        (stored,) = store.list(prefix)
        store.delete(stored.key)
    assert [stored.key for stored in store.list("unprocessed-videos/")] == ["unprocessed-videos/there"]


def test_a_worker_writes_no_originals(machines: dict[str, Machine]) -> None:
    assert_refused(machines["worker"].client("s3").put_object, Bucket=MEDIA, Key="unprocessed-videos/new", Body=b"new")


@pytest.mark.parametrize("kind", SITE_KINDS)
def test_a_missing_clip_is_reported_as_missing_not_as_forbidden(machines: dict[str, Machine], kind: str) -> None:
    with pytest.raises(ObjectNotFound):
        machines[kind].store().stat("unprocessed-videos/never-there.mp4")


@pytest.mark.parametrize("kind", KINDS)
def test_a_foreign_bucket_is_inaccessible(machines: dict[str, Machine], tmp_path: Path, kind: str) -> None:
    store, s3 = machines[kind].store(FOREIGN), machines[kind].client("s3")
    with pytest.raises(StorageUnavailable):
        store.download("unprocessed-videos/there", tmp_path / "stolen")
    with pytest.raises(StorageUnavailable):
        store.ping()
    assert_refused(s3.put_object, Bucket=FOREIGN, Key="unprocessed-videos/new", Body=b"new")


@pytest.mark.parametrize("kind", KINDS)
def test_releases_are_fetched_and_never_written(machines: dict[str, Machine], tmp_path: Path, kind: str) -> None:
    s3 = machines[kind].client("s3")
    machines[kind].store().download("releases/there", tmp_path / "release")
    assert_refused(s3.put_object, Bucket=MEDIA, Key="releases/there", Body=b"mine")
    assert_refused(s3.delete_object, Bucket=MEDIA, Key="releases/there")


@pytest.mark.parametrize("kind", KINDS)
def test_objects_under_an_unknown_prefix_are_inaccessible(machines: dict[str, Machine], kind: str) -> None:
    assert_refused(machines[kind].client("s3").get_object, Bucket=MEDIA, Key="elsewhere/there")


def test_the_builder_cannot_read_media(machines: dict[str, Machine]) -> None:
    s3 = machines["builder"].client("s3")
    assert_refused(s3.list_objects_v2, Bucket=MEDIA, Prefix="unprocessed-videos/")
    assert_refused(s3.get_object, Bucket=MEDIA, Key="unprocessed-videos/there")


@pytest.mark.parametrize("kind", KINDS)
def test_a_machine_can_neither_delete_nor_reconfigure_the_bucket(machines: dict[str, Machine], kind: str) -> None:
    s3 = machines[kind].client("s3")
    assert_refused(s3.delete_bucket, Bucket=MEDIA)
    assert_refused(s3.put_bucket_policy, Bucket=MEDIA, Policy="{}")
    assert_refused(s3.put_bucket_versioning, Bucket=MEDIA, VersioningConfiguration={"Status": "Suspended"})


@pytest.mark.parametrize("kind", SITE_KINDS)
def test_a_machine_reads_the_secrets_of_its_settings_and_no_others(machines: dict[str, Machine], kind: str) -> None:
    manager = machines[kind].client("secretsmanager")
    for short in SECRETS[kind]:
        assert manager.get_secret_value(SecretId=f"{PREFIX}/{short}")["SecretString"] == "hidden"
    for other in ("elsewhere/jwt", f"{PREFIX}/database-of-others"):
        assert_refused(manager.get_secret_value, SecretId=other)
    assert_refused(manager.put_secret_value, SecretId=f"{PREFIX}/jwt", SecretString="known")
    assert_refused(manager.delete_secret, SecretId=f"{PREFIX}/jwt")


@pytest.mark.parametrize("kind", SITE_KINDS)
def test_a_machine_reads_the_parameters_of_its_site_and_no_others(machines: dict[str, Machine], kind: str) -> None:
    ssm = machines[kind].client("ssm")
    assert ssm.get_parameter(Name=f"/{PREFIX}/{kind}")["Parameter"]["Value"] == "settings"
    assert len(ssm.get_parameters(Names=[f"/{PREFIX}/web", f"/{PREFIX}/worker"])["Parameters"]) == 2
    for other in ("/elsewhere/web", f"/{PREFIX}s/web"):
        assert_refused(ssm.get_parameter, Name=other)
        assert_refused(ssm.get_parameters, Names=[f"/{PREFIX}/web", other])
    assert_refused(ssm.put_parameter, Name=f"/{PREFIX}/{kind}", Value="mine", Type="String", Overwrite=True)


@pytest.mark.parametrize("short", ["jwt", "verification"])
def test_a_worker_does_not_read_the_secrets_of_the_api(machines: dict[str, Machine], short: str) -> None:
    manager = machines["worker"].client("secretsmanager")
    assert_refused(manager.get_secret_value, SecretId=f"{PREFIX}/{short}")


def test_the_builder_reads_no_secret_and_no_parameter(machines: dict[str, Machine]) -> None:
    builder = machines["builder"]
    assert_refused(builder.client("secretsmanager").get_secret_value, SecretId=f"{PREFIX}/jwt")
    assert_refused(builder.client("ssm").get_parameter, Name=f"/{PREFIX}/web")


@pytest.mark.parametrize("kind", KINDS)
def test_a_machine_can_neither_extend_its_rights_nor_create_a_user(machines: dict[str, Machine], kind: str) -> None:
    iam = machines[kind].client("iam")
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    assert_refused(iam.attach_role_policy, RoleName=f"{NAME}-{kind}", PolicyArn=admin)
    assert_refused(iam.create_user, UserName="backdoor")


@pytest.mark.parametrize("kind", KINDS)
def test_a_machine_writes_only_the_logs_of_its_own_kind(machines: dict[str, Machine], kind: str) -> None:
    logs = machines[kind].client("logs")
    event = {"timestamp": int(time.time() * 1000), "message": "boot_reported"}
    for group in LOG_GROUPS:
        stream = {"logGroupName": f"/{PREFIX}/{group}", "logStreamName": f"of-{kind}"}
        if group == kind:
            logs.create_log_stream(**stream)
            logs.put_log_events(**stream, logEvents=[event])
            assert logs.describe_log_streams(logGroupName=stream["logGroupName"])["logStreams"]
        else:
            assert_refused(logs.create_log_stream, **stream)
            assert_refused(logs.put_log_events, **stream, logEvents=[event])
            assert_refused(logs.describe_log_streams, logGroupName=stream["logGroupName"])


def test_the_boundary_restricts_a_role_that_allows_everything(machines: dict[str, Machine]) -> None:
    greedy = machines[GREEDY]
    iam, s3, manager = (greedy.client(service) for service in ("iam", "s3", "secretsmanager"))
    assert s3.get_object(Bucket=MEDIA, Key="releases/there")["Body"].read() == b"there"
    assert manager.get_secret_value(SecretId=f"{PREFIX}/jwt")["SecretString"] == "hidden"
    assert_refused(iam.create_user, UserName="backdoor")
    assert_refused(iam.delete_role_permissions_boundary, RoleName=f"{NAME}-{GREEDY}")
    assert_refused(iam.put_role_policy, RoleName=f"{NAME}-web", PolicyName="all", PolicyDocument="{}")
    assert_refused(s3.put_object, Bucket=MEDIA, Key="releases/there", Body=b"mine")
    assert_refused(s3.get_object, Bucket=FOREIGN, Key="releases/there")
    assert_refused(s3.delete_bucket, Bucket=MEDIA)
    assert_refused(manager.get_secret_value, SecretId="elsewhere/jwt")
    assert_refused(manager.put_secret_value, SecretId=f"{PREFIX}/jwt", SecretString="known")
    assert_refused(greedy.client("ssm").get_parameter, Name="/elsewhere/web")
    assert_refused(greedy.client("ec2").terminate_instances, InstanceIds=["i-0123456789abcdef0"])
