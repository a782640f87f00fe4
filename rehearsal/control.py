"""The control plane as the data plane sees it: what AWS has recorded, read by its API alone."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

REGION = "us-east-1"
PLANE = "plane"
"""The access key of the data plane, by which its calls are told from the operator's and the hosts'."""

GROUP_TAG = "aws:autoscaling:groupName"


@dataclass(frozen=True)
class Instance:
    """An EC2 instance, as it is meant to be."""

    id: str
    state: str
    """pending, running, stopping, stopped, shutting-down or terminated."""
    address: str
    image_id: str
    zone: str
    profile: str
    """The name of its instance profile; empty for none."""
    tags: Mapping[str, str]

    @property
    def group(self) -> str:
        """The name of its Auto Scaling group; empty for none."""
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
    """How long its terminating hook waits without a heartbeat; None without such a hook."""


@dataclass(frozen=True)
class TargetGroup:
    """Where a load balancer sends requests to, and how it looks after them."""

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
    """An application load balancer's listener for plain HTTP."""

    name: str
    idle_seconds: int
    target_group: TargetGroup
    refused: tuple[str, ...]
    """Path patterns that it answers itself, with 404."""


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
    """The AWS of a rehearsal."""

    endpoint: str
    access_key: str = PLANE
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    def client(self, service: str) -> Any:
        """A client of one of its services, kept."""
        if service not in self._clients:
            session: Any = boto3.Session(self.access_key, "testing", region_name=REGION)
            settings = Config(proxies={}, retries={"total_max_attempts": 2})
            self._clients[service] = session.client(service, endpoint_url=self.endpoint, config=settings)
        return self._clients[service]

    def instances(self) -> Iterator[Instance]:
        """Every instance that AWS still remembers."""
        for page in self.client("ec2").get_paginator("describe_instances").paginate():
            for told in (each for reservation in page["Reservations"] for each in reservation["Instances"]):
                yield Instance(
                    id=told["InstanceId"],
                    state=told["State"]["Name"],
                    address=told.get("PrivateIpAddress", ""),
                    image_id=told["ImageId"],
                    zone=told["Placement"]["AvailabilityZone"],
                    profile=told.get("IamInstanceProfile", {}).get("Arn", "").rpartition("/")[2],
                    tags={tag["Key"]: tag["Value"] for tag in told.get("Tags", [])},
                )

    def user_data(self, instance_id: str) -> str:
        """What cloud-init is given."""
        answer = self.client("ec2").describe_instance_attribute(InstanceId=instance_id, Attribute="userData")
        return base64.b64decode(answer["UserData"].get("Value", "")).decode()

    def images(self) -> dict[str, str]:
        """The account's own images, and the instance that each was made of."""
        told = self.client("ec2").describe_images(Owners=["self"])["Images"]
        return {image["ImageId"]: image.get("SourceInstanceId", "") for image in told}

    def credentials(self, profile: str) -> tuple[str, str, str]:
        """Key, secret and session token of the role behind an instance profile."""
        (role,) = self.client("iam").get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]["Roles"]
        assumed = self.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="instance")["Credentials"]
        return assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"]

    def has_stopped(self, instance_id: str) -> None:
        """Note that a machine powered itself off."""
        self.client("ec2").stop_instances(InstanceIds=[instance_id])

    def replace(self, instance_id: str) -> None:
        """Let its group replace a machine that is not well."""
        self.client("autoscaling").terminate_instance_in_auto_scaling_group(
            InstanceId=instance_id, ShouldDecrementDesiredCapacity=False
        )

    def groups(self) -> Iterator[Group]:
        """Every Auto Scaling group."""
        client = self.client("autoscaling")
        for told in client.describe_auto_scaling_groups()["AutoScalingGroups"]:
            name = told["AutoScalingGroupName"]
            hooks = client.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
            waits = [each["HeartbeatTimeout"] for each in hooks if each["LifecycleTransition"].endswith("TERMINATING")]
            yield Group(
                name=name,
                members=frozenset(each["InstanceId"] for each in told["Instances"]),
                desired=told["DesiredCapacity"],
                smallest=told["MinSize"],
                largest=told["MaxSize"],
                health_check=told["HealthCheckType"],
                grace_seconds=told.get("HealthCheckGracePeriod") or 0,
                target_groups=frozenset(told.get("TargetGroupARNs", [])),
                hook_seconds=waits[0] if waits else None,
            )

    def balancer(self) -> Balancer | None:
        """The site's load balancer, once it can send requests somewhere. A rehearsal has one, and plain HTTP."""
        client = self.client("elbv2")
        for told in client.describe_load_balancers()["LoadBalancers"]:
            arn = told["LoadBalancerArn"]
            for listener in client.describe_listeners(LoadBalancerArn=arn)["Listeners"]:
                (action,) = listener["DefaultActions"]
                if action["Type"] == "forward":
                    return Balancer(
                        name=told["LoadBalancerName"],
                        idle_seconds=int(self._attributes("load_balancer", arn)["idle_timeout.timeout_seconds"]),
                        target_group=self._target_group(forwarded_to(action)),
                        refused=tuple(self._refused(listener["ListenerArn"])),
                    )
        return None

    def _target_group(self, arn: str) -> TargetGroup:
        (told,) = self.client("elbv2").describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
        attributes = self._attributes("target_group", arn)
        return TargetGroup(
            arn=arn,
            name=told["TargetGroupName"],
            port=told["Port"],
            health_path=told["HealthCheckPath"],
            health_seconds=int(told["HealthCheckIntervalSeconds"]),
            healthy_after=told["HealthyThresholdCount"],
            unhealthy_after=told["UnhealthyThresholdCount"],
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
                assert action["Type"] == "fixed-response", f"A rehearsal has no {action['Type']} rule"
                assert action["FixedResponseConfig"]["StatusCode"] == "404", "A rehearsal refuses with 404 alone"
                yield from (path for condition in rule["Conditions"] for path in patterns(condition))

    def databases(self) -> Iterator[Database]:
        """Every RDS instance that has an address."""
        for told in self.client("rds").describe_db_instances()["DBInstances"]:
            endpoint = told.get("Endpoint", {})
            if "Address" in endpoint:
                yield Database(
                    name=told["DBInstanceIdentifier"],
                    host=endpoint["Address"],
                    port=endpoint["Port"],
                    username=told["MasterUsername"],
                    database=told.get("DBName", ""),
                )

    def snapshots(self) -> set[str]:
        """The name of every snapshot of a database."""
        told = self.client("rds").describe_db_snapshots()["DBSnapshots"]
        return {snapshot["DBSnapshotIdentifier"] for snapshot in told}

    def names(self) -> Iterator[tuple[str, str]]:
        """Every name in a private zone, and its address."""
        client = self.client("route53")
        for zone in client.list_hosted_zones()["HostedZones"]:
            for record in client.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]:
                if record["Type"] == "A":
                    for value in record.get("ResourceRecords", []):
                        yield record["Name"].rstrip("."), value["Value"]


def forwarded_to(action: Mapping[str, Any]) -> str:
    """The target group that a listener's action names."""
    if "TargetGroupArn" in action:
        return str(action["TargetGroupArn"])
    (target,) = action["ForwardConfig"]["TargetGroups"]
    return str(target["TargetGroupArn"])


def patterns(condition: Mapping[str, Any]) -> list[str]:
    """The paths that a rule's condition names."""
    assert condition["Field"] == "path-pattern", f"A rehearsal has no condition on {condition['Field']}"
    return list(condition.get("PathPatternConfig", {}).get("Values") or condition["Values"])
