"""The data plane's view of the control plane: the resources that mock AWS records, read through AWS' API."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

REGION = "us-east-1"
PLANE = "plane"
"""The data plane's access key, which distinguishes its calls from those of the operator and the hosts."""

GROUP_TAG = "aws:autoscaling:groupName"


@dataclass(frozen=True)
class Instance:
    """An EC2 instance as mock AWS records it: the desired state of a machine."""

    id: str
    state: str
    """One of pending, running, stopping, stopped, shutting-down and terminated."""
    address: str
    image_id: str
    zone: str
    profile: str
    """The name of its instance profile; empty if it has none."""
    tags: Mapping[str, str]

    @property
    def group(self) -> str:
        """The name of its Auto Scaling group; empty if it belongs to none."""
        return self.tags.get(GROUP_TAG, "")


@dataclass(frozen=True)
class Group:
    """An Auto Scaling group."""

    name: str
    members: frozenset[str]
    desired: int
    smallest: int
    largest: int
    health_check: str
    """EC2 or ELB."""
    grace_seconds: int
    target_groups: frozenset[str]
    hook_seconds: int | None
    """The heartbeat timeout of its termination hook; None if it has no such hook."""


@dataclass(frozen=True)
class TargetGroup:
    """A load balancer's target group: port, health checks and deregistration delay."""

    arn: str
    name: str
    port: int
    health_path: str
    health_seconds: int
    healthy_after: int
    unhealthy_after: int
    draining_seconds: int


@dataclass(frozen=True)
class Balancer:
    """An application load balancer with its listener for plain HTTP."""

    name: str
    idle_seconds: int
    target_group: TargetGroup
    refused: tuple[str, ...]
    """Patterns of the paths for which the load balancer returns 404."""


@dataclass(frozen=True)
class Database:
    """An RDS instance."""

    name: str
    host: str
    port: int
    username: str
    database: str


@dataclass(frozen=True)
class Control:
    """A client of mock AWS, with the calls that the data plane and the scenarios make."""

    endpoint: str
    access_key: str = PLANE
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    def client(self, service: str) -> Any:
        """Return the boto3 client of a service, which is created on first use."""
        if service not in self._clients:
            session: Any = boto3.Session(self.access_key, "testing", region_name=REGION)
            settings = Config(proxies={}, retries={"total_max_attempts": 2})
            self._clients[service] = session.client(service, endpoint_url=self.endpoint, config=settings)
        return self._clients[service]

    def instances(self) -> Iterator[Instance]:
        """Yield every instance that DescribeInstances returns."""
        for page in self.client("ec2").get_paginator("describe_instances").paginate():
            for described in (each for reservation in page["Reservations"] for each in reservation["Instances"]):
                yield Instance(
                    id=described["InstanceId"],
                    state=described["State"]["Name"],
                    address=described.get("PrivateIpAddress", ""),
                    image_id=described["ImageId"],
                    zone=described["Placement"]["AvailabilityZone"],
                    profile=described.get("IamInstanceProfile", {}).get("Arn", "").rpartition("/")[2],
                    tags={tag["Key"]: tag["Value"] for tag in described.get("Tags", [])},
                )

    def user_data(self, instance_id: str) -> str:
        """Return an instance's user data, decoded."""
        answer = self.client("ec2").describe_instance_attribute(InstanceId=instance_id, Attribute="userData")
        return base64.b64decode(answer["UserData"].get("Value", "")).decode()

    def images(self) -> dict[str, str]:
        """Return the IDs of the account's own images, each with the ID of the instance that it was created from."""
        images = self.client("ec2").describe_images(Owners=["self"])["Images"]
        return {image["ImageId"]: image.get("SourceInstanceId", "") for image in images}

    def credentials(self, profile: str) -> tuple[str, str, str]:
        """Assume an instance profile's role, and return its access key ID, secret access key and session token."""
        (role,) = self.client("iam").get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]["Roles"]
        assumed = self.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="instance")["Credentials"]
        return assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"]

    def report_stop(self, instance_id: str) -> None:
        """Stop an instance in mock AWS, because its machine has powered itself off."""
        self.client("ec2").stop_instances(InstanceIds=[instance_id])

    def replace(self, instance_id: str) -> None:
        """Terminate an unhealthy machine, which its Auto Scaling group then replaces."""
        self.client("autoscaling").terminate_instance_in_auto_scaling_group(
            InstanceId=instance_id, ShouldDecrementDesiredCapacity=False
        )

    def groups(self) -> Iterator[Group]:
        """Yield every Auto Scaling group."""
        client = self.client("autoscaling")
        for described in client.describe_auto_scaling_groups()["AutoScalingGroups"]:
            name = described["AutoScalingGroupName"]
            hooks = client.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
            waits = [each["HeartbeatTimeout"] for each in hooks if each["LifecycleTransition"].endswith("TERMINATING")]
            yield Group(
                name=name,
                members=frozenset(each["InstanceId"] for each in described["Instances"]),
                desired=described["DesiredCapacity"],
                smallest=described["MinSize"],
                largest=described["MaxSize"],
                health_check=described["HealthCheckType"],
                grace_seconds=described.get("HealthCheckGracePeriod") or 0,
                target_groups=frozenset(described.get("TargetGroupARNs", [])),
                hook_seconds=waits[0] if waits else None,
            )

    def balancer(self) -> Balancer | None:
        """Return the site's only load balancer; None until it has a listener that forwards requests."""
        client = self.client("elbv2")
        for described in client.describe_load_balancers()["LoadBalancers"]:
            arn = described["LoadBalancerArn"]
            for listener in client.describe_listeners(LoadBalancerArn=arn)["Listeners"]:
                (action,) = listener["DefaultActions"]
                if action["Type"] == "forward":
                    return Balancer(
                        name=described["LoadBalancerName"],
                        idle_seconds=int(self._attributes("load_balancer", arn)["idle_timeout.timeout_seconds"]),
                        target_group=self._target_group(forwarded_to(action)),
                        refused=tuple(self._refused(listener["ListenerArn"])),
                    )
        return None

    def _target_group(self, arn: str) -> TargetGroup:
        (described,) = self.client("elbv2").describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
        attributes = self._attributes("target_group", arn)
        return TargetGroup(
            arn=arn,
            name=described["TargetGroupName"],
            port=described["Port"],
            health_path=described["HealthCheckPath"],
            health_seconds=int(described["HealthCheckIntervalSeconds"]),
            healthy_after=described["HealthyThresholdCount"],
            unhealthy_after=described["UnhealthyThresholdCount"],
            draining_seconds=int(attributes["deregistration_delay.timeout_seconds"]),
        )

    def _attributes(self, of: str, arn: str) -> dict[str, str]:
        client = self.client("elbv2")
        if of == "load_balancer":
            answer = client.describe_load_balancer_attributes(LoadBalancerArn=arn)
        else:
            answer = client.describe_target_group_attributes(TargetGroupArn=arn)
        return {each["Key"]: each["Value"] for each in answer["Attributes"]}

    def _refused(self, listener: str) -> Iterator[str]:
        for rule in self.client("elbv2").describe_rules(ListenerArn=listener)["Rules"]:
            if not rule["IsDefault"]:
                (action,) = rule["Actions"]
                assert action["Type"] == "fixed-response", f"The load balancer has no rules of type {action['Type']}"
                assert action["FixedResponseConfig"]["StatusCode"] == "404", "The load balancer responds only with 404"
                yield from (path for condition in rule["Conditions"] for path in patterns(condition))

    def databases(self) -> Iterator[Database]:
        """Yield every RDS instance that has an address."""
        for described in self.client("rds").describe_db_instances()["DBInstances"]:
            endpoint = described.get("Endpoint", {})
            if "Address" in endpoint:
                yield Database(
                    name=described["DBInstanceIdentifier"],
                    host=endpoint["Address"],
                    port=endpoint["Port"],
                    username=described["MasterUsername"],
                    database=described.get("DBName", ""),
                )

    def snapshots(self) -> set[str]:
        """Return the names of all database snapshots."""
        snapshots = self.client("rds").describe_db_snapshots()["DBSnapshots"]
        return {snapshot["DBSnapshotIdentifier"] for snapshot in snapshots}

    def names(self) -> Iterator[tuple[str, str]]:
        """Yield the name and address of each A record in the hosted zones."""
        client = self.client("route53")
        for zone in client.list_hosted_zones()["HostedZones"]:
            for record in client.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]:
                if record["Type"] == "A":
                    for value in record.get("ResourceRecords", []):
                        yield record["Name"].rstrip("."), value["Value"]


def forwarded_to(action: Mapping[str, Any]) -> str:
    """Return the ARN of the target group that a listener's action forwards to."""
    if "TargetGroupArn" in action:
        return str(action["TargetGroupArn"])
    (target,) = action["ForwardConfig"]["TargetGroups"]
    return str(target["TargetGroupArn"])


def patterns(condition: Mapping[str, Any]) -> list[str]:
    """Return the path patterns of a rule's condition."""
    assert condition["Field"] == "path-pattern", f"The load balancer has no conditions on {condition['Field']}"
    return list(condition.get("PathPatternConfig", {}).get("Values") or condition["Values"])
