"""Tests of the web fleet through the AWS API."""

import base64
from typing import Any

import boto3
import pytest

NAME = "rising-stars-molecule-web"
TAGS = {
    "Project": "rising-stars",
    "Environment": "molecule",
    "ManagedBy": "ansible",
    "Role": "web",
    "Name": NAME,
}


@pytest.fixture(scope="module")
def ec2() -> Any:
    return boto3.client("ec2")


@pytest.fixture(scope="module")
def autoscaling() -> Any:
    return boto3.client("autoscaling")


@pytest.fixture(scope="module")
def group(autoscaling: Any) -> Any:
    (only,) = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[NAME])["AutoScalingGroups"]
    return only


@pytest.fixture(scope="module")
def data(ec2: Any) -> Any:
    (version,) = ec2.describe_launch_template_versions(LaunchTemplateName=NAME)["LaunchTemplateVersions"]
    return version["LaunchTemplateData"]


@pytest.fixture(scope="module")
def machine(ec2: Any, group: Any) -> Any:
    (instance,) = group["Instances"]
    (reservation,) = ec2.describe_instances(InstanceIds=[instance["InstanceId"]])["Reservations"]
    return reservation["Instances"][0]


def as_dict(tags: list[dict[str, Any]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def test_the_template_restricts_metadata_to_the_machine_itself(data: Any) -> None:
    assert data["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
        "HttpProtocolIpv6": "disabled",
        "InstanceMetadataTags": "disabled",
    }


def test_the_templates_disk_is_encrypted_and_deleted_with_the_machine(data: Any) -> None:
    (disk,) = data["BlockDeviceMappings"]
    assert disk["DeviceName"] == "/dev/xvda"
    assert disk["Ebs"] == {"Encrypted": True, "DeleteOnTermination": True, "VolumeSize": 20, "VolumeType": "gp3"}


def test_the_template_sets_the_security_group_and_no_public_address(ec2: Any, data: Any) -> None:
    (card,) = data["NetworkInterfaces"]
    (wanted,) = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["web"]}])["SecurityGroups"]
    assert card["AssociatePublicIpAddress"] is False
    assert card["Groups"] == [wanted["GroupId"]]


def test_the_template_sets_image_type_profile_and_user_data(data: Any) -> None:
    assert (data["ImageId"], data["InstanceType"]) == ("ami-0debian1200000001", "t3.small")
    assert data["IamInstanceProfile"]["Arn"].endswith(":instance-profile/web")
    assert data["Monitoring"] == {"Enabled": True}
    assert base64.b64decode(data["UserData"]).decode() == "#!/bin/sh\necho first\n"


def test_machine_disk_and_network_interface_have_the_environments_tags(data: Any) -> None:
    tagged = {each["ResourceType"]: as_dict(each["Tags"]) for each in data["TagSpecifications"]}
    assert tagged == dict.fromkeys(("instance", "volume", "network-interface"), TAGS)


def test_the_template_itself_has_the_environments_tags(ec2: Any) -> None:
    (template,) = ec2.describe_launch_templates(LaunchTemplateNames=[NAME])["LaunchTemplates"]
    assert as_dict(template["Tags"]) == TAGS


def test_the_group_has_one_to_three_machines_across_both_subnets(ec2: Any, group: Any) -> None:
    subnets = ec2.describe_subnets(SubnetIds=group["VPCZoneIdentifier"].split(","))["Subnets"]
    assert (group["MinSize"], group["MaxSize"], group["DesiredCapacity"]) == (1, 3, 1)
    assert sorted(subnet["AvailabilityZone"] for subnet in subnets) == ["us-east-1a", "us-east-1b"]


def test_the_load_balancers_health_checks_count_after_a_grace_period(group: Any) -> None:
    elb = boto3.client("elbv2")
    (target_group,) = elb.describe_target_groups()["TargetGroups"]
    assert group["TargetGroupARNs"] == [target_group["TargetGroupArn"]]
    assert (group["HealthCheckType"], group["HealthCheckGracePeriod"]) == ("ELB", 300)
    answer = elb.describe_target_health(TargetGroupArn=target_group["TargetGroupArn"])["TargetHealthDescriptions"]
    assert [each["Target"]["Id"] for each in answer] == [group["Instances"][0]["InstanceId"]]


def test_the_group_has_a_numbered_template_version_and_sends_group_metrics(group: Any) -> None:
    assert group["LaunchTemplate"]["Version"] == "1"
    assert {"GroupInServiceInstances", "GroupMaxSize"} <= {each["Metric"] for each in group["EnabledMetrics"]}
    assert group["TerminationPolicies"] == ["OldestLaunchTemplate", "Default"]


def test_the_groups_tags_reach_its_machines(group: Any, machine: Any) -> None:
    assert as_dict(group["Tags"]) == TAGS
    assert all(tag["PropagateAtLaunch"] for tag in group["Tags"])
    assert TAGS.items() <= as_dict(machine["Tags"]).items()


def test_the_machine_matches_the_template(ec2: Any, machine: Any) -> None:
    (attached,) = machine["BlockDeviceMappings"]
    (disk,) = ec2.describe_volumes(VolumeIds=[attached["Ebs"]["VolumeId"]])["Volumes"]
    assert machine["MetadataOptions"]["HttpTokens"] == "required"
    assert "PublicIpAddress" not in machine
    assert (disk["Encrypted"], disk["VolumeType"]) == (True, "gp3")
    assert as_dict(disk["Tags"]) == TAGS


def test_a_draining_machine_without_a_heartbeat_for_twenty_minutes_is_terminated(autoscaling: Any) -> None:
    (hook,) = autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=NAME)["LifecycleHooks"]
    assert hook["LifecycleHookName"] == "rising-stars-molecule-web-drain"
    assert hook["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    assert (hook["HeartbeatTimeout"], hook["DefaultResult"]) == (1200, "CONTINUE")


def test_the_group_scales_on_cpu_utilization_and_on_requests_per_machine(autoscaling: Any) -> None:
    answer = autoscaling.describe_policies(AutoScalingGroupName=NAME)["ScalingPolicies"]
    policies = {policy["PolicyName"]: policy for policy in answer}
    assert {policy["PolicyType"] for policy in answer} == {"TargetTrackingScaling"}
    assert {name: policy["TargetTrackingConfiguration"] for name, policy in policies.items()} == {
        f"{NAME}-cpu": {
            "TargetValue": 60.0,
            "DisableScaleIn": False,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
        },
        f"{NAME}-requests": {
            "TargetValue": 1200.0,
            "DisableScaleIn": False,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ALBRequestCountPerTarget",
                "ResourceLabel": resource_label(),
            },
        },
    }


def resource_label() -> str:
    """Return the ARN suffixes of the load balancer and the target group, joined for the scaling policy."""
    elb = boto3.client("elbv2")
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    (target_group,) = elb.describe_target_groups()["TargetGroups"]
    front = balancer["LoadBalancerArn"].partition(":loadbalancer/")[2]
    return f"{front}/{target_group['TargetGroupArn'].rpartition(':')[2]}"
