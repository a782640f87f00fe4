"""Machines that boot from the playbooks' user data, and the site that they join."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from rehearsal.aws.server import MockAws
from rehearsal.hosts.bundles import Bundle
from rehearsal.hosts.host import Host
from rehearsal.hosts.metadata import Identity, MetadataService
from rehearsal.hosts.network import Network
from rehearsal.hosts.podman import podman
from rehearsal.hosts.services import Database
from rehearsal.hosts.site_settings import (
    BUCKET,
    PARAMETERS,
    REGION,
    SECRET_PREFIX,
    SECRETS,
    create_secret,
    publish_settings,
)
from rehearsal.hosts.user_data import render_user_data
from testing.processes import wait_until

QUEUE_HOST = 10
"""The host number of the machine that runs the queue. Its address is fixed, as it is on AWS."""

FIRST_HOST = 11
"""The host number of the first machine without a fixed address."""


def site_user_data(
    *, kind: str, bundle: Bundle, endpoint_url: str, ca_bundle: str = "", sha256: str | None = None
) -> str:
    """Return the user data of a machine of this kind, which fetches `bundle` from mock AWS at `endpoint_url`."""
    release = {
        "version": bundle.version,
        "bundle_key": bundle.key,
        "bundle_sha256": sha256 or bundle.sha256,
        "ca_bundle_key": "releases/ca.pem",
        "ca_bundle_sha256": hashlib.sha256(ca_bundle.encode()).hexdigest(),
        "agent_keys": {},
        "agent_sha256s": {},
    }
    settings = {
        "site_region": REGION,
        "site_host_endpoint_url": endpoint_url,
        "site_path": PARAMETERS,
        "aws_release_bucket": BUCKET,
        "aws_release_result": release,
    }
    return render_user_data(kind, settings)


@dataclass
class Site:
    """A network for machines, with the mock AWS and the database that the machines use."""

    network: Network
    metadata: MetadataService
    cloud: MockAws
    database: Database
    ca_bundle: str = field(default="", init=False)
    """The CA certificate with which machines verify the database's certificate."""
    database_name: str = field(default="", init=False)
    _launched: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Create the bucket with the CA certificate, the log groups, the database, parameters and secrets."""
        self.cloud.client("s3").create_bucket(Bucket=BUCKET)
        for kind in ("web", "worker", "builder"):
            self.cloud.client("logs").create_log_group(logGroupName=f"{PARAMETERS}/{kind}")
        self.trust(self.database.authority.certificate)
        self.database_name = self.database.server.create_database()
        publish_settings(self.cloud, self.database, self.database_name, queue_host=self.queue_address)
        for name in SECRETS:
            create_secret(self.cloud, self.database, name)

    @property
    def queue_address(self) -> str:
        """The queue's address in the site's settings."""
        return self.network.address(QUEUE_HOST)

    def trust(self, certificate: str) -> None:
        """Make `certificate` the only CA certificate for machines that are launched from now on."""
        self.ca_bundle = certificate
        self.cloud.client("s3").put_object(Bucket=BUCKET, Key="releases/ca.pem", Body=certificate.encode())

    def publish(self, bundle: Bundle, content: bytes | None = None) -> Bundle:
        """Upload a bundle, or `content` in place of the bundle's content, under the key that machines fetch."""
        body = bundle.path.read_bytes() if content is None else content
        self.cloud.client("s3").put_object(Bucket=BUCKET, Key=bundle.key, Body=body)
        return bundle

    def launch(
        self,
        kind: str,
        bundle: Bundle,
        *,
        image: str | None = None,
        sha256: str | None = None,
        address: str | None = None,
        options: Sequence[str] = (),
    ) -> "Machine":
        """Create an instance in mock AWS, and return its machine, which has not yet booted.

        Args:
            kind: the machine's kind, as in the user data.
            bundle: the bundle that the user data names.
            image: the name of a baked image; by default, the stock Debian image.
            sha256: the bundle's SHA-256 in the user data; by default, the correct one.
            address: `queue_address` for the machine that runs the queue; by default, the next free address.
            options: further options for `podman run`.
        """
        self.cloud.ensure_default_vpc()
        ec2 = self.cloud.client("ec2")
        (image_of_aws, *_) = ec2.describe_images()["Images"]
        answer = ec2.run_instances(ImageId=image_of_aws["ImageId"], MinCount=1, MaxCount=1, InstanceType="t3.small")
        (instance,) = answer["Instances"]
        address = address or self.network.address(FIRST_HOST + self._launched)
        identity = self.metadata.register(Identity(instance["InstanceId"], address, "testing", "testing"))
        user_data = site_user_data(
            kind=kind, bundle=bundle, endpoint_url=self.cloud.endpoint, ca_bundle=self.ca_bundle, sha256=sha256
        )
        host = Host(
            name=f"{self.network.name}-{kind.replace('_', '-')}-{self._launched}",
            network=self.network,
            address=address,
            user_data=user_data,
            instance_id=instance["InstanceId"],
            image=image,
            options=options,
        )
        self._launched += 1
        return Machine(host, identity, ec2)

    @contextmanager
    def without_secret(self, name: str) -> Iterator[str]:
        """Delete a secret, and create it again when the `with` block ends; yield its full name."""
        client = self.cloud.client("secretsmanager")
        client.delete_secret(SecretId=f"{SECRET_PREFIX}/{name}", ForceDeleteWithoutRecovery=True)
        try:
            yield f"{SECRET_PREFIX}/{name}"
        finally:
            create_secret(self.cloud, self.database, name)


@dataclass
class Machine:
    """An instance and its host."""

    host: Host
    identity: Identity
    """What the metadata service returns to the host. It may be changed while the host is running."""
    _ec2: Any

    @property
    def instance_id(self) -> str:
        return self.identity.instance_id

    @property
    def url(self) -> str:
        """The URL of the machine's Nginx. It works on the other hosts and on the computer that runs the hosts."""
        return f"http://{self.host.address}"

    def __enter__(self) -> Self:
        self.host.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.host.remove()

    def tags(self) -> dict[str, str]:
        """Return the instance's tags."""
        filters = [{"Name": "resource-id", "Values": [self.instance_id]}]
        return {tag["Key"]: tag["Value"] for tag in self._ec2.describe_tags(Filters=filters)["Tags"]}

    def wait_for_report(self, *, seconds: float = 600) -> str:
        """Wait until the instance has the tag BootStatus, and return the tag's value."""
        deadline = time.monotonic() + seconds
        while "BootStatus" not in (tags := self.tags()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"No report within {seconds:g} s:\n{self.log()[-6000:]}")
            time.sleep(0.5)
        return tags["BootStatus"]

    def log(self) -> str:
        """Return the logs of the user data and of the platform's units."""
        return self.host.run("cat /var/log/cloud-init-output.log; journalctl --no-pager --unit 'rising-stars-*'").output


@contextmanager
def baked_image(site: Site, bundle: Bundle) -> Iterator[tuple[Machine, str]]:
    """Boot a builder, wait until it powers itself off, and yield the builder and the image created from it."""
    with site.launch("builder", site.publish(bundle)) as builder:
        assert builder.wait_for_report() == "ready", builder.log()
        wait_until(lambda: not builder.host.running(), what="the builder's end", seconds=120)
        image = builder.host.commit(f"localhost/rising-stars-baked:{site.network.name}")
        try:
            yield builder, image
        finally:
            podman("rmi", "--force", image)
