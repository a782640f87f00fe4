"""Machines that boot from nothing but their user data: the template as the playbooks render it, and where it leads."""

import hashlib
import json
import secrets
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import jinja2

from tests.hosts.host import Host
from tests.hosts.metadata import Identity, MetadataService
from tests.hosts.network import Network
from tests.hosts.services import Cloud, Database

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "playbooks" / "templates" / "user_data.py.j2"
BUCKET = "rising-stars-tests"
REGION = "us-east-1"
PARAMETERS = "/rising-stars/tests"
SECRET_PREFIX = "rising-stars/tests"
FIRST_HOST = 10
"""The number of the first machine that is launched in a network."""


@dataclass(frozen=True)
class Bundle:
    """A release bundle on this machine."""

    path: Path
    version: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    @property
    def key(self) -> str:
        return f"releases/{self.path.name}"


def bundle_of_working_tree() -> Bundle:
    """What is being written, as a bundle; built when something has changed."""
    command = [sys.executable, "-m", "release", "--working-tree"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    path = ROOT / done.stdout.split()[0]
    return Bundle(path, path.name.removeprefix("rising-stars-").removesuffix(".tar.gz"))


def spoilt(bundle: Bundle, folder: Path) -> Bundle:
    """The same bundle with one file other than its manifest says."""
    with tarfile.open(bundle.path) as files:
        files.extractall(folder / "content", filter="data")
    playbook = folder / "content" / "playbooks" / "host.yml"
    playbook.write_text(playbook.read_text() + "# Somebody was here.\n")
    path = folder / bundle.path.name
    with tarfile.open(path, "w:gz", compresslevel=1) as files:
        files.add(folder / "content", arcname=".")
    return Bundle(path, bundle.version)


def render_user_data(
    *, kind: str, bundle: Bundle, endpoint_url: str, ca_bundle: str = "", sha256: str | None = None
) -> str:
    """The user data of a machine of that kind, as site.yml would render it."""
    settings = {"trim_blocks": True, "keep_trailing_newline": True, "undefined": jinja2.StrictUndefined}
    environment = jinja2.Environment(**settings)  # type: ignore[arg-type] # noqa: S701 (no HTML)
    result = {
        "version": bundle.version,
        "bundle_key": bundle.key,
        "bundle_sha256": sha256 or bundle.sha256,
        "ca_bundle_key": "releases/ca.pem",
        "ca_bundle_sha256": hashlib.sha256(ca_bundle.encode()).hexdigest(),
        "agent_keys": {},
        "agent_sha256s": {},
    }
    return environment.from_string(TEMPLATE.read_text()).render(
        kind=kind,
        site_region=REGION,
        site_host_endpoint_url=endpoint_url,
        site_path=PARAMETERS,
        aws_release_bucket=BUCKET,
        aws_release_result=result,
    )


@dataclass
class Site:
    """A network with an AWS in which machines can be launched."""

    network: Network
    metadata: MetadataService
    cloud: Cloud
    ca_bundle: str = "no certificate\n"
    _launched: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Make the bucket, with the certificates in it."""
        s3 = self.cloud.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="releases/ca.pem", Body=self.ca_bundle.encode())

    def publish(self, bundle: Bundle, content: bytes | None = None) -> Bundle:
        """Put it where machines fetch it from; `content` is what lies there in its stead."""
        body = bundle.path.read_bytes() if content is None else content
        self.cloud.client("s3").put_object(Bucket=BUCKET, Key=bundle.key, Body=body)
        return bundle

    def launch(self, kind: str, bundle: Bundle, *, image: str | None = None, sha256: str | None = None) -> "Machine":
        """An instance that AWS knows of, and its host; not booted yet."""
        ec2 = self.cloud.client("ec2")
        (image_of_aws, *_) = ec2.describe_images()["Images"]
        answer = ec2.run_instances(ImageId=image_of_aws["ImageId"], MinCount=1, MaxCount=1, InstanceType="t3.small")
        (instance,) = answer["Instances"]
        address = self.network.address(FIRST_HOST + self._launched)
        self.metadata.introduce(Identity(instance["InstanceId"], address, "testing", "testing"))
        user_data = render_user_data(
            kind=kind, bundle=bundle, endpoint_url=self.cloud.endpoint, ca_bundle=self.ca_bundle, sha256=sha256
        )
        host = Host(
            name=f"{self.network.name}-{kind.replace('_', '-')}-{self._launched}",
            network=self.network,
            address=address,
            user_data=user_data,
            instance_id=instance["InstanceId"],
            image=image,
        )
        self._launched += 1
        return Machine(host, instance["InstanceId"], ec2)

    def furnish(self, database: Database) -> None:
        """Keep in AWS what hosts ask for: the site's parameter and secrets, as the cloud roles make them."""
        settings = {
            "environment": "tests",
            "region": REGION,
            "endpoint_url": self.cloud.endpoint,
            "database_host": database.address,
            "database_port": database.port,
            "database_name": database.server.create_database(),
            "database_username": "stars",
            "queue_host": self.network.address(FIRST_HOST),
            "media_bucket": BUCKET,
            "secret_prefix": SECRET_PREFIX,
            "log_group_prefix": PARAMETERS,
            "metric_namespace": "RisingStars/tests",
            "settings": {},
        }
        parameter = {"Name": f"{PARAMETERS}/hosts", "Value": json.dumps(settings), "Type": "String"}
        self.cloud.client("ssm").put_parameter(**parameter, Overwrite=True)
        made = {name: secrets.token_hex(24) for name in ("jwt", "doorbell", "redis", "verification")}
        made["database"] = database.server.password
        keeper = self.cloud.client("secretsmanager")
        for name, value in made.items():
            keeper.create_secret(Name=f"{SECRET_PREFIX}/{name}", SecretString=value)


@dataclass
class Machine:
    """An instance and the host that it is."""

    host: Host
    instance_id: str
    _ec2: Any

    def __enter__(self) -> Self:
        self.host.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.host.remove()

    def tags(self) -> dict[str, str]:
        """What the instance is tagged with."""
        filters = [{"Name": "resource-id", "Values": [self.instance_id]}]
        return {tag["Key"]: tag["Value"] for tag in self._ec2.describe_tags(Filters=filters)["Tags"]}

    def wait_for_report(self, *, seconds: float = 300) -> str:
        """How the boot went, once it says so."""
        deadline = time.monotonic() + seconds
        while "BootStatus" not in (tags := self.tags()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"No report within {seconds:g} s:\n{self.log()[-6000:]}")
            time.sleep(0.5)
        return tags["BootStatus"]

    def log(self) -> str:
        """What the user data and the platform's units said."""
        return self.host.run("cat /var/log/cloud-init-output.log; journalctl --no-pager --unit 'rising-stars-*'").output
