"""`rising-stars host` with mock AWS, run as a machine's systemd units run it."""

import json
import os
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.host.environment_file import parse
from demo.ports import free_port
from rehearsal.aws.server import MockAws
from testing.homes import PROGRAMS, unique
from testing.processes import Subprocess
from tests.machines import MetadataService, Systemctl, wait_for

pytestmark = pytest.mark.slow

SECRET_NAMES = ("database", "jwt", "doorbell", "redis", "verification")
INSTANCE = "i-0123456789abcdef0"
Run = subprocess.CompletedProcess[str]


class StoredSite:
    """A site's parameter and secrets in AWS, as the playbooks write them."""

    def __init__(self, aws: MockAws) -> None:
        self.aws, self.environment = aws, unique("e")
        self.path = f"/rising-stars/{self.environment}"
        self.secrets = {name: f"{name}-{os.urandom(20).hex()}" for name in SECRET_NAMES}
        for name, value in self.secrets.items():
            aws.client("secretsmanager").create_secret(Name=f"{self.path[1:]}/{name}", SecretString=value)
        self.write_parameter()

    def write_parameter(self, **changed: object) -> None:
        """Write the site's settings to Parameter Store."""
        hosts: dict[str, object] = {
            "environment": self.environment,
            "region": "us-east-1",
            "endpoint_url": self.aws.endpoint,
            "database_host": "db.example.com",
            "database_port": 5432,
            "database_name": "stars",
            "database_username": "stars",
            "queue_host": "queue.internal",
            "media_bucket": "clips",
            "secret_prefix": self.path[1:],
            "log_group_prefix": self.path,
            "metric_namespace": f"RisingStars/{self.environment}",
            "balancer_ranges": ["10.20.0.0/24"],
            "settings": {"workers": 2},
            **changed,
        }
        self.write(json.dumps(hosts))

    def write(self, text: str) -> None:
        self.aws.client("ssm").put_parameter(Name=f"{self.path}/hosts", Value=text, Type="String", Overwrite=True)


@pytest.fixture
def stored(aws: MockAws) -> StoredSite:
    return StoredSite(aws)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ca.pem").write_text("a certificate")
    return tmp_path


def host(environment: dict[str, str], *arguments: object) -> Run:
    """Run `rising-stars host` with only PATH, COLUMNS and the variables in `environment`."""
    command = [str(PROGRAMS / "rising-stars"), "host", *map(str, arguments)]
    environment = {"PATH": os.environ["PATH"], "COLUMNS": "200", **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def configure(stored: StoredSite, folder: Path, *more: object, kind: str = "web", **environment: str) -> Run:
    options = {"parameters": stored.path, "kind": kind, "out": folder / "run/site.env"}
    options |= {"cache": folder / "cache/site.env", "ca-bundle": folder / "ca.pem", "work-dir": "/var/lib/work"}
    listed = [part for name, value in options.items() for part in (f"--{name}", value)]
    return host({**stored.aws.env, **environment}, "configure", *listed, *more)


# configure


def test_a_machine_configures_itself(stored: StoredSite, folder: Path) -> None:
    run = configure(stored, folder)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    made = parse((folder / "run/site.env").read_text())
    assert made["JWT_SECRET"] == stored.secrets["jwt"]
    assert made["VERIFICATION_SECRET"] == stored.secrets["verification"]
    assert made["WORKERS"] == "2"
    assert made["AWS_ENDPOINT_URL"] == stored.aws.endpoint
    for path in (folder / "run/site.env", folder / "cache/site.env"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert parse(path.read_text()) == made


def test_a_worker_reads_only_the_secrets_that_it_needs(stored: StoredSite, folder: Path) -> None:
    for name in ("jwt", "verification"):
        secret = f"{stored.path[1:]}/{name}"
        stored.aws.client("secretsmanager").delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    before = len(stored.aws.operations())
    assert configure(stored, folder, kind="extra_worker").returncode == 0
    assert stored.aws.operations()[before:] == ["GetParameter", *["GetSecretValue"] * 3]


def test_during_a_rotation_a_web_machine_gets_both_the_signing_and_the_accepted_secret(
    stored: StoredSite, folder: Path
) -> None:
    manager, secret = stored.aws.client("secretsmanager"), f"{stored.path[1:]}/jwt"

    def read() -> tuple[str, str | None]:
        assert configure(stored, folder).returncode == 0
        made = parse((folder / "run/site.env").read_text())
        return made["JWT_SECRET"], made.get("JWT_SECRET_ACCEPTED")

    current, last, following = stored.secrets["jwt"], "l" * 40, "n" * 40
    assert read() == (current, None)
    manager.put_secret_value(SecretId=secret, SecretString=last, VersionStages=["LAST"])
    assert read() == (current, last)
    manager.put_secret_value(SecretId=secret, SecretString=following, VersionStages=["NEXT"])
    assert read() == (current, following)


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_missing_secret_is_named_even_if_the_cache_contains_it(name: str, stored: StoredSite, folder: Path) -> None:
    assert configure(stored, folder).returncode == 0
    stored.aws.client("secretsmanager").delete_secret(
        SecretId=f"{stored.path[1:]}/{name}", ForceDeleteWithoutRecovery=True
    )
    run = configure(stored, folder)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert f"The secret {stored.path[1:]}/{name} is missing in AWS (ResourceNotFoundException)" in run.stderr


def test_a_secret_that_is_scheduled_for_deletion_is_named(stored: StoredSite, folder: Path) -> None:
    stored.aws.client("secretsmanager").delete_secret(SecretId=f"{stored.path[1:]}/jwt", RecoveryWindowInDays=7)
    run = configure(stored, folder)
    assert run.returncode == 1
    assert f"secret {stored.path[1:]}/jwt" in run.stderr


def test_a_missing_parameter_is_named(stored: StoredSite, folder: Path) -> None:
    stored.aws.client("ssm").delete_parameter(Name=f"{stored.path}/hosts")
    run = configure(stored, folder)
    assert run.returncode == 1
    assert f"The parameter {stored.path}/hosts is missing in AWS" in run.stderr
    assert not (folder / "run/site.env").exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no json", "is not valid JSON"),
        ("{}", "is invalid (environment: Field required"),
        ("[]", "is invalid"),
    ],
)
def test_an_unusable_parameter_is_named(text: str, sentence: str, stored: StoredSite, folder: Path) -> None:
    stored.write(text)
    run = configure(stored, folder)
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert f"The parameter {stored.path}/hosts {sentence}" in run.stderr


def test_a_setting_that_does_not_exist_is_refused_and_the_old_file_is_kept(stored: StoredSite, folder: Path) -> None:
    assert configure(stored, folder).returncode == 0
    before = (folder / "run/site.env").read_text()
    stored.write_parameter(settings={"wrokers": 2})
    run = configure(stored, folder)
    assert run.returncode == 1
    assert "wrokers is not a setting of this platform" in run.stderr
    assert (folder / "run/site.env").read_text() == before
    assert not any(secret in run.stderr for secret in stored.secrets.values())


def test_a_denied_read_of_the_settings_is_reported_as_denied(aws: MockAws, stored: StoredSite, folder: Path) -> None:
    user = unique("without-rights")
    aws.client("iam").create_user(UserName=user)
    key = aws.client("iam").create_access_key(UserName=user)["AccessKey"]
    credentials = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    aws.judge_calls()
    try:
        run = configure(stored, folder, **credentials)
    finally:
        aws.judge_calls(after=1_000_000)
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert f"Access to the parameter {stored.path}/hosts was denied (" in run.stderr


@pytest.fixture(scope="module")
def unreachable() -> str:
    return f"http://127.0.0.1:{free_port()}"


def test_when_aws_does_not_answer_the_last_valid_copy_is_used(
    stored: StoredSite, folder: Path, unreachable: str
) -> None:
    assert configure(stored, folder).returncode == 0
    good = (folder / "run/site.env").read_text()
    (folder / "run/site.env").unlink()
    began = time.monotonic()
    run = configure(stored, folder, AWS_ENDPOINT_URL=unreachable)
    assert time.monotonic() - began < 35
    assert run.returncode == 0
    assert f"AWS did not answer about the parameter {stored.path}/hosts" in run.stderr
    assert "The last good copy is used" in run.stderr
    assert (folder / "run/site.env").read_text() == good
    assert stat.S_IMODE((folder / "run/site.env").stat().st_mode) == 0o600


def test_a_first_boot_without_aws_or_metadata_fails_with_one_line(stored: StoredSite, folder: Path) -> None:
    without = {"AWS_REGION": ""}
    run = configure(stored, folder, "--metadata-url", "http://127.0.0.1:9", **without)
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert "metadata service at 127.0.0.1:9 does not answer" in run.stderr


def test_a_machine_gets_its_credentials_from_a_slow_metadata_service(
    stored: StoredSite, folder: Path, metadata: MetadataService
) -> None:
    keys = {"AccessKeyId": "testing", "SecretAccessKey": "testing", "Token": "token", "Code": "Success"}
    answer = json.dumps({**keys, "Expiration": "2100-01-01T00:00:00Z"})
    metadata.values |= {
        "meta-data/iam/security-credentials/": "role",
        "meta-data/iam/security-credentials/role": answer,
    }
    metadata.delay_seconds = 2
    nowhere = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    assert configure(stored, folder, AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.url, **nowhere).returncode == 0


def test_a_missing_database_certificate_is_named_in_the_error(stored: StoredSite, folder: Path) -> None:
    (folder / "ca.pem").unlink()
    run = configure(stored, folder)
    assert run.returncode == 1
    assert "ca.pem is missing" in run.stderr


# report


@pytest.fixture
def instance(aws: MockAws, metadata: MetadataService) -> str:
    """An instance whose metadata service returns its ID."""
    aws.ensure_default_vpc()
    (made,) = aws.client("ec2").run_instances(ImageId=an_image(aws), MinCount=1, MaxCount=1)["Instances"]
    metadata.values["meta-data/instance-id"] = made["InstanceId"]
    return str(made["InstanceId"])


def an_image(aws: MockAws) -> str:
    return str(aws.client("ec2").describe_images()["Images"][0]["ImageId"])


def tags_of(aws: MockAws, instance: str) -> dict[str, str]:
    found = aws.client("ec2").describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])["Tags"]
    return {tag["Key"]: tag["Value"] for tag in found}


def lines(aws: MockAws, group: str, instance: str) -> list[str]:
    events = aws.client("logs").get_log_events(logGroupName=group, logStreamName=instance)["events"]
    return [event["message"] for event in events]


def report(aws: MockAws, metadata: MetadataService, *arguments: object) -> Run:
    return host(aws.env, "report", *arguments, "--metadata-url", metadata.url)


def test_the_result_of_a_boot_is_reported_in_tags_and_in_the_log_group(
    aws: MockAws, metadata: MetadataService, instance: str
) -> None:
    prefix = unique("/rising-stars/p")
    aws.client("logs").create_log_group(logGroupName=f"{prefix}/worker")
    options = ("--kind", "extra_worker", "--log-group-prefix", prefix, "--release", "1.2.3")
    assert report(aws, metadata, "failed", "--message", "Ensure\nRedis: " + "x" * 500, *options).returncode == 0
    status = tags_of(aws, instance)["BootStatus"]
    assert status.startswith("failed: Ensure Redis: xxx")
    assert len(status) == 255
    assert report(aws, metadata, "ready", *options).returncode == 0
    assert tags_of(aws, instance) == {"BootStatus": "ready", "Release": "1.2.3"}
    said = lines(aws, f"{prefix}/worker", instance)
    assert said[0].startswith("boot failed release=1.2.3 Ensure Redis: xxx")
    assert said[1] == "boot ready release=1.2.3"


def test_the_tag_is_written_even_if_the_log_group_is_missing(
    aws: MockAws, metadata: MetadataService, instance: str
) -> None:
    run = report(aws, metadata, "ready", "--kind", "web", "--log-group-prefix", "/nowhere/")
    assert run.returncode == 1
    assert "log group /nowhere/web is missing in AWS" in run.stderr
    assert tags_of(aws, instance)["BootStatus"] == "ready"


# watch


@pytest.fixture
def group(aws: MockAws, metadata: MetadataService) -> str:
    """The prefix of the name of a web group that has a lifecycle hook and one machine.

    The metadata service returns that machine's ID.
    """
    prefix = unique("stars")
    autoscaling = aws.client("autoscaling")
    autoscaling.create_launch_configuration(
        LaunchConfigurationName=prefix, ImageId=an_image(aws), InstanceType="t3.small"
    )
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=f"{prefix}-web",
        LaunchConfigurationName=prefix,
        MinSize=1,
        MaxSize=1,
        AvailabilityZones=["us-east-1a"],
    )
    autoscaling.put_lifecycle_hook(
        AutoScalingGroupName=f"{prefix}-web",
        LifecycleHookName=f"{prefix}-web-drain",
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
        HeartbeatTimeout=300,
    )
    (found,) = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[f"{prefix}-web"])["AutoScalingGroups"]
    metadata.values["meta-data/instance-id"] = found["Instances"][0]["InstanceId"]
    return prefix


def state_of(aws: MockAws, instance: str) -> str:
    (found,) = aws.client("ec2").describe_instances(InstanceIds=[instance])["Reservations"]
    return str(found["Instances"][0]["State"]["Name"])


def start_watch(
    aws: MockAws, metadata: MetadataService, folder: Path, prefix: str, *more: object, **environment: str
) -> Subprocess:
    options = ("--group-prefix", prefix, "--kind", "web", "--unit", "a.service", "--unit", "b.service")
    timing = ("--interval", "0.2", "--settle-seconds", "0.5", "--heartbeat-seconds", "0.3")
    urls = ("--metadata-url", metadata.url, "--proxy-url", f"http://127.0.0.1:{free_port()}/requests")
    command = [PROGRAMS / "rising-stars", "host", "watch", *options, *timing, *urls, *more]
    return Subprocess(
        [str(part) for part in command],
        log=folder / "watch.log",
        environment={"PATH": os.environ["PATH"], **aws.env, **environment},
    )


def test_a_machine_that_its_group_terminates_drains_and_completes_the_hook(
    aws: MockAws, metadata: MetadataService, systemctl: Systemctl, group: str, folder: Path
) -> None:
    systemctl.install(seconds=1, look_at=folder / "draining")
    before = len(aws.operations())
    watch = start_watch(aws, metadata, folder, group, DRAIN_FILE=str(folder / "draining"))
    try:
        metadata.values["meta-data/autoscaling/target-lifecycle-state"] = "Terminated"
        wait_for(lambda: not watch.running, "the watch's end")
    finally:
        assert watch.stop() == 0, watch.log.read_text()
    assert systemctl.asked == ["draining stop a.service b.service"]
    assert state_of(aws, metadata.values["meta-data/instance-id"]) == "terminated"
    asked = aws.operations()[before:]
    assert asked.count("RecordLifecycleActionHeartbeat") >= 2
    assert asked.count("CompleteLifecycleAction") == 1


def test_the_watch_ends_even_if_no_hook_waits_for_this_machine(
    aws: MockAws, metadata: MetadataService, systemctl: Systemctl, group: str, folder: Path
) -> None:
    metadata.values["meta-data/instance-id"] = INSTANCE
    metadata.values["meta-data/autoscaling/target-lifecycle-state"] = "Terminated"
    watch = start_watch(aws, metadata, folder, group)
    wait_for(lambda: not watch.running, "the watch's end")
    assert watch.stop() == 0
    assert "No active Lifecycle Action found" in watch.log.read_text()
    assert systemctl.asked == ["stop a.service b.service"]


def test_a_machine_sends_its_disk_and_memory_usage(
    aws: MockAws, metadata: MetadataService, systemctl: Systemctl, group: str, folder: Path
) -> None:
    namespace = unique("RisingStars/n")
    nowhere = ("--processes-url", f"http://127.0.0.1:{free_port()}/metrics")
    watch = start_watch(aws, metadata, folder, group, *nowhere, METRIC_NAMESPACE=namespace, WORK_DIR="/nowhere")
    try:
        wait_for(lambda: len(metrics(aws, namespace)) == 2, "the first figures")
    finally:
        assert watch.stop() == 0, watch.log.read_text()
    for metric in metrics(aws, namespace):
        assert metric["MetricName"] in {"DiskUsedPercent", "MemoryUsedPercent"}
        assert metric["Dimensions"] == [{"Name": "Kind", "Value": "web"}]
    assert systemctl.asked == []


@pytest.mark.parametrize("answers", [["0.0", "1.0"], ["0.0", "0.0"], [None, "1.0"]], ids=["one", "none", "one silent"])
def test_a_web_machine_reports_whether_a_process_counts_its_limits_in_memory(  # noqa: PLR0917 (fixtures)
    aws: MockAws,
    metadata: MetadataService,
    systemctl: Systemctl,
    group: str,
    folder: Path,
    httpserver_of_processes: Callable[[list[str | None]], str],
    answers: list[str | None],
) -> None:
    namespace, where = unique("RisingStars/n"), ("--processes-url", httpserver_of_processes(answers))
    watch = start_watch(aws, metadata, folder, group, *where, METRIC_NAMESPACE=namespace)
    try:
        wait_for(lambda: len(metrics(aws, namespace)) == 3, "the first figures")
    finally:
        assert watch.stop() == 0, watch.log.read_text()
    (metric,) = [metric for metric in metrics(aws, namespace) if metric["MetricName"] == "LimitsInMemory"]
    assert metric["Dimensions"] == [{"Name": "Kind", "Value": "web"}]
    assert greatest(aws, namespace, metric) == (1 if "1.0" in answers else 0)
    assert systemctl.asked == []


@pytest.fixture
def httpserver_of_processes() -> Iterator[Callable[[list[str | None]], str]]:
    """Serves the metrics of several API processes as a machine's Nginx does; None means that a process is down."""
    with ExitStack() as stack:

        def serve(answers: list[str | None]) -> str:
            class Figures(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    number = int(urlsplit(self.path).path.rpartition("/")[2])
                    value = answers[number - 1] if number <= len(answers) else "gone"
                    self.send_response({None: 502, "gone": 404}.get(value, 200))
                    self.end_headers()
                    self.wfile.write(f"# HELP\nrising_stars_limits_in_memory {value}\n".encode())

            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Figures))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}/metrics"

        yield serve


def greatest(aws: MockAws, namespace: str, metric: Any) -> float:
    now = datetime.now(UTC)
    found = aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric["MetricName"],
        Dimensions=metric["Dimensions"],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=10),
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    return max(float(point["Maximum"]) for point in found)


def metrics(aws: MockAws, namespace: str) -> list[Any]:
    found: list[Any] = aws.client("cloudwatch").list_metrics(Namespace=namespace)["Metrics"]
    return found
