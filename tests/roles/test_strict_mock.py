"""Strict mode of mock AWS: new resources appear late, changes take time, and invalid parameters are rejected."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from html import unescape
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from rehearsal.aws.authorization import Attachment
from rehearsal.aws.server import MockAws, running_mock_aws
from rehearsal.aws.strict import load
from rehearsal.aws.strict.hooks import MOST_CALLS
from rehearsal.aws.strict.refusals import RULES
from rehearsal.operator.playbooks import REPOSITORY

pytestmark = pytest.mark.slow

load()
Call = Callable[[], Any]
Client = Callable[[str], Any]
README = (REPOSITORY / "rehearsal/aws/README.md").read_text()
SEED = 1
NOTHING = "nothing"
"""The state in `seen` for a lookup that does not find the resource."""


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockAws]:
    with running_mock_aws(tmp_path_factory.mktemp("aws"), strict=SEED) as running:
        running.prepare_for_databases()
        yield running


@pytest.fixture(scope="module")
def client(aws: MockAws) -> Client:
    """Returns the operator's client of a service. Clients are cached, because creating one takes about a second."""
    return cache(aws.client)


@pytest.fixture(scope="module")
def subnets(client: Client) -> list[str]:
    """Two subnets in different zones."""
    found = client("ec2").describe_subnets(
        Filters=[{"Name": "availability-zone", "Values": ["us-east-1a", "us-east-1b"]}]
    )
    return [subnet["SubnetId"] for subnet in found["Subnets"]]


@pytest.fixture(scope="module")
def image(client: Client) -> str:
    return str(client("ec2").describe_images()["Images"][0]["ImageId"])


def code_of(call: Call) -> str:
    """Return the code of the error that a call causes; an empty string if there is none."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def test_a_new_security_group_appears_late(client: Client) -> None:
    ec2 = client("ec2")
    group = ec2.create_security_group(GroupName="late", Description="late")["GroupId"]
    codes = [code_of(lambda: ec2.describe_security_groups(GroupIds=[group])) for _ in range(MOST_CALLS + 1)]
    assert codes[0] == "InvalidGroup.NotFound"
    assert codes[-1] == ""
    listed = ec2.create_security_group(GroupName="listed", Description="late")["GroupId"]
    assert listed not in {each["GroupId"] for each in ec2.describe_security_groups()["SecurityGroups"]}


def test_a_new_instance_appears_late_and_starts_slowly(client: Client, image: str) -> None:
    ec2 = client("ec2")
    name = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    assert name not in json.dumps(ec2.describe_instances(), default=str)
    states = seen(
        lambda: ec2.describe_instances(InstanceIds=[name])["Reservations"][0]["Instances"][0]["State"]["Name"]
    )
    assert [state for state in states if state != NOTHING] == ["pending", "running"]
    ec2.terminate_instances(InstanceIds=[name])
    ends = seen(lambda: ec2.describe_instances(InstanceIds=[name])["Reservations"][0]["Instances"][0]["State"]["Name"])
    assert ends == ["shutting-down", "terminated"]


def test_a_new_role_and_its_profile_appear_late(client: Client, image: str) -> None:
    iam, ec2 = client("iam"), client("ec2")
    iam.create_role(RoleName="late", AssumeRolePolicyDocument="{}")
    assert code_of(lambda: iam.get_role(RoleName="late")) == "NoSuchEntity"
    iam.create_instance_profile(InstanceProfileName="late")
    assert code_of(lambda: iam.get_instance_profile(InstanceProfileName="late")) == "NoSuchEntity"

    def launch() -> Any:
        profile = {"Name": "late"}
        return ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, IamInstanceProfile=profile)

    with pytest.raises(ClientError, match="Invalid IAM Instance Profile name"):
        launch()
    assert "" in [code_of(launch) for _ in range(MOST_CALLS)]


def test_a_new_parameter_appears_late_but_a_changed_one_at_once(client: Client) -> None:
    ssm = client("ssm")
    ssm.put_parameter(Name="/late", Value="1", Type="String")
    assert code_of(lambda: ssm.get_parameter(Name="/late")) == "ParameterNotFound"
    assert "" in [code_of(lambda: ssm.get_parameter(Name="/late")) for _ in range(MOST_CALLS)]
    ssm.put_parameter(Name="/late", Value="2", Type="String", Overwrite=True)
    assert ssm.get_parameter(Name="/late")["Parameter"]["Value"] == "2"
    ssm.put_parameter(Name="/listed", Value="1", Type="String")
    assert ssm.get_parameters(Names=["/late", "/listed"])["InvalidParameters"] == ["/listed"]


def test_a_new_target_group_appears_late(client: Client, subnets: list[str]) -> None:
    elb = client("elbv2")
    make_target_group(client, subnets, "late")
    assert code_of(lambda: elb.describe_target_groups(Names=["late"])) == "TargetGroupNotFound"


def test_other_callers_see_no_delay(client: Client, aws: MockAws) -> None:
    client("ssm").put_parameter(Name="/other", Value="1", Type="String")
    machine = aws.client("ssm", aws_access_key_id="machine", aws_secret_access_key="machine")
    assert machine.get_parameter(Name="/other")["Parameter"]["Value"] == "1"


def make_target_group(client: Client, subnets: list[str], name: str) -> str:
    vpc = client("ec2").describe_subnets(SubnetIds=subnets[:1])["Subnets"][0]["VpcId"]
    made = client("elbv2").create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc)
    return str(made["TargetGroups"][0]["TargetGroupArn"])


def seen(look: Call) -> list[str]:
    """Call `look` until the state is final, and return the states in order, without repetitions in a row."""
    states: list[str] = []
    for _ in range(5 * (MOST_CALLS + 1)):
        try:
            state = str(look())
        except (ClientError, IndexError):
            state = NOTHING
        if not states or states[-1] != state:
            states.append(state)
    return states


def test_a_nat_gateway_takes_time_and_no_route_to_it_before(client: Client, subnets: list[str]) -> None:
    ec2 = client("ec2")
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    gateway = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
    table = ec2.describe_route_tables()["RouteTables"][0]["RouteTableId"]
    route = {"RouteTableId": table, "DestinationCidrBlock": "10.99.0.0/16", "NatGatewayId": gateway}
    assert code_of(lambda: ec2.create_route(**route)) == "InvalidNatGatewayID.NotFound"

    def look() -> Any:
        return ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"][0]["State"]

    assert seen(look) == ["pending", "available"]
    ec2.create_route(**route)
    ec2.delete_nat_gateway(NatGatewayId=gateway)
    assert code_of(lambda: ec2.release_address(AllocationId=address)) == "InvalidIPAddress.InUse"
    assert seen(look) == ["deleting", "deleted"]
    ec2.release_address(AllocationId=address)


def test_an_image_takes_time_and_keeps_its_snapshot(client: Client, image: str) -> None:
    ec2 = client("ec2")
    builder = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    baked = ec2.create_image(InstanceId=builder, Name="baked")["ImageId"]

    def launch() -> Any:
        return ec2.run_instances(ImageId=baked, MinCount=1, MaxCount=1)

    assert code_of(launch) == "InvalidAMIID.Unavailable"
    assert seen(lambda: ec2.describe_images(ImageIds=[baked])["Images"][0]["State"]) == ["pending", "available"]
    launch()
    snapshot = ec2.describe_images(ImageIds=[baked])["Images"][0]["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    assert code_of(lambda: ec2.delete_snapshot(SnapshotId=snapshot)) == "InvalidSnapshot.InUse"
    states = seen(lambda: ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"])
    assert states == ["pending", "completed"]


def test_an_endpoint_takes_time_and_blocks_its_successor(client: Client) -> None:
    ec2 = client("ec2")
    table = ec2.describe_route_tables()["RouteTables"][0]
    asked = {
        "VpcId": table["VpcId"],
        "VpcEndpointType": "Gateway",
        "ServiceName": "com.amazonaws.us-east-1.s3",
        "RouteTableIds": [table["RouteTableId"]],
    }
    endpoint = ec2.create_vpc_endpoint(**asked)["VpcEndpoint"]["VpcEndpointId"]

    def look() -> Any:
        return ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]["State"]

    assert seen(look) == ["pending", "available"]
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    assert code_of(lambda: ec2.create_vpc_endpoint(**asked)) == "RouteAlreadyExists"
    assert seen(look) == ["deleting", NOTHING]
    ec2.create_vpc_endpoint(**asked)


DATABASE: dict[str, Any] = {
    "Engine": "postgres",
    "EngineVersion": "15",
    "DBInstanceClass": "db.t4g.micro",
    "StorageType": "gp3",
    "AllocatedStorage": 20,
    "MasterUsername": "rising_stars",
    "MasterUserPassword": "long-enough",
}


def test_a_database_takes_time_and_refuses_changes_meanwhile(client: Client, subnets: list[str]) -> None:
    rds = client("rds")
    rds.create_db_subnet_group(DBSubnetGroupName="slow", DBSubnetGroupDescription="slow", SubnetIds=subnets)
    rds.create_db_instance(DBInstanceIdentifier="slow", DBSubnetGroupName="slow", **DATABASE)

    def modify() -> Any:
        return rds.modify_db_instance(DBInstanceIdentifier="slow", MultiAZ=True)

    def look() -> Any:
        return rds.describe_db_instances(DBInstanceIdentifier="slow")["DBInstances"][0]["DBInstanceStatus"]

    assert code_of(modify) == "InvalidDBInstanceState"
    assert seen(look) == ["creating", "backing-up", "available"]
    modify()

    def delete() -> Any:
        return rds.delete_db_instance(DBInstanceIdentifier="slow", SkipFinalSnapshot=True)

    assert code_of(delete) == "InvalidDBInstanceState"
    assert seen(look) == ["modifying", "available"]
    delete()
    assert code_of(lambda: rds.delete_db_subnet_group(DBSubnetGroupName="slow")) == "InvalidDBSubnetGroupStateFault"
    assert seen(look) == ["deleting", NOTHING]
    rds.delete_db_subnet_group(DBSubnetGroupName="slow")


def test_a_load_balancer_takes_time_and_its_targets_stay_in_use(client: Client, subnets: list[str]) -> None:
    elb = client("elbv2")
    targets = make_target_group(client, subnets, "slow")
    balancer = elb.create_load_balancer(Name="slow", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    forward = [{"Type": "forward", "TargetGroupArn": targets}]
    elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward)
    states = seen(lambda: elb.describe_load_balancers(Names=["slow"])["LoadBalancers"][0]["State"]["Code"])
    assert states == ["provisioning", "active"]
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    codes = [code_of(lambda: elb.delete_target_group(TargetGroupArn=targets)) for _ in range(MOST_CALLS + 1)]
    assert codes[0] == "ResourceInUse"
    assert "" in codes


def test_a_group_is_listed_until_it_is_deleted(client: Client, subnets: list[str], image: str) -> None:
    scaling = client("autoscaling")
    data = {"ImageId": image, "InstanceType": "t3.small"}
    template = client("ec2").create_launch_template(LaunchTemplateName="slow", LaunchTemplateData=data)
    asked = {
        "AutoScalingGroupName": "slow",
        "LaunchTemplate": {"LaunchTemplateId": template["LaunchTemplate"]["LaunchTemplateId"], "Version": "1"},
        "MinSize": 0,
        "MaxSize": 1,
        "VPCZoneIdentifier": subnets[0],
    }
    scaling.create_auto_scaling_group(**asked)
    scaling.delete_auto_scaling_group(AutoScalingGroupName="slow", ForceDelete=True)
    assert code_of(lambda: scaling.create_auto_scaling_group(**asked)) == "AlreadyExists"

    def look() -> Any:
        return scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["slow"])["AutoScalingGroups"][0]["Status"]

    assert seen(look) == ["Delete in progress", NOTHING]
    scaling.create_auto_scaling_group(**asked)


def test_the_name_of_a_deleted_secret_stays_in_use(client: Client) -> None:
    manager = client("secretsmanager")

    def create() -> Any:
        return manager.create_secret(Name="slow", SecretString="hidden")

    create()
    manager.delete_secret(SecretId="slow", ForceDeleteWithoutRecovery=True)
    codes = [code_of(create) for _ in range(MOST_CALLS + 1)]
    assert codes[0] == "InvalidRequestException"
    assert "" in codes
    manager.delete_secret(SecretId="slow", RecoveryWindowInDays=7)
    assert code_of(create) == "InvalidRequestException"


LONG = "x" * 40
LAUNCH: dict[str, Any] = {"LaunchTemplateName": "valid", "LaunchTemplateData": {"InstanceType": "t3.small"}}
ALARM: dict[str, Any] = {
    "AlarmName": "valid",
    "Namespace": "AWS/EC2",
    "MetricName": "CPUUtilization",
    "ComparisonOperator": "GreaterThanThreshold",
    "Threshold": 1.0,
    "Statistic": "Average",
    "EvaluationPeriods": 1,
    "Period": 60,
}
HOOK = {
    "AutoScalingGroupName": "hooked",
    "LifecycleHookName": "drain",
    "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
}


def volume(**settings: Any) -> dict[str, Any]:
    """Return launch template parameters with a gp3 volume."""
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeType": "gp3", **settings}}
    return {"LaunchTemplateData": {"BlockDeviceMappings": [mapping]}}


REFUSED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "A database's name": ("rds", "create_db_instance", {**DATABASE, "DBInstanceIdentifier": "a--b"}),
    "A parameter group's name": (
        "rds",
        "create_db_parameter_group",
        {"DBParameterGroupName": "a_b", "DBParameterGroupFamily": "postgres15", "Description": "d"},
    ),
    "The master user's name": ("rds", "create_db_instance", {**DATABASE, "MasterUsername": "longer_than_sixteen"}),
    "The master user's password: characters": (
        "rds",
        "create_db_instance",
        {**DATABASE, "MasterUserPassword": "with/slash"},
    ),
    "The master user's password: length": ("rds", "create_db_instance", {**DATABASE, "MasterUserPassword": "short"}),
    "A database's storage": ("rds", "create_db_instance", {**DATABASE, "AllocatedStorage": 19}),
    "gp3 below 400 GiB takes neither IOPS nor throughput": (
        "rds",
        "create_db_instance",
        {**DATABASE, "Iops": 4000},
    ),
    "Storage grows by ten percent or more, and never shrinks": ("rds", "modify_db_instance", {"AllocatedStorage": 101}),
    "The limit of automatic growth": ("rds", "create_db_instance", {**DATABASE, "MaxAllocatedStorage": 21}),
    "The retention of backups": ("rds", "create_db_instance", {**DATABASE, "BackupRetentionPeriod": 36}),
    "The retention of Performance Insights": (
        "rds",
        "create_db_instance",
        {**DATABASE, "EnablePerformanceInsights": True, "PerformanceInsightsRetentionPeriod": 30},
    ),
    "A backup window is half an hour or longer": (
        "rds",
        "create_db_instance",
        {**DATABASE, "PreferredBackupWindow": "23:50-00:10"},
    ),
    "An instance class of an old generation and a new version of PostgreSQL": (
        "rds",
        "create_db_instance",
        {**DATABASE, "DBInstanceClass": "db.t2.micro"},
    ),
    "User data": (
        "ec2",
        "create_launch_template",
        {**LAUNCH, "LaunchTemplateData": {"UserData": base64.b64encode(b"x" * 16385).decode()}},
    ),
    "IOPS of a gp3 volume": ("ec2", "create_launch_template", {**LAUNCH, **volume(Iops=2999)}),
    "Throughput of a gp3 volume": ("ec2", "create_launch_template", {**LAUNCH, **volume(Throughput=124)}),
    "Size of a gp3 volume": ("ec2", "create_launch_template", {**LAUNCH, **volume(VolumeSize=65_537)}),
    "A security group's name": ("ec2", "create_security_group", {"GroupName": "sg-mine", "Description": "d"}),
    "A security group's description": ("ec2", "create_security_group", {"GroupName": "mine", "Description": "It's"}),
    "An image's name": ("ec2", "create_image", {"InstanceId": "i-0123456789abcdef0", "Name": "a:b"}),
    "A tag's key": (
        "ec2",
        "create_tags",
        {"Resources": ["vpc-0123456789abcdef0"], "Tags": [{"Key": "aws:mine", "Value": "v"}]},
    ),
    "A tag's value": (
        "ec2",
        "create_tags",
        {"Resources": ["vpc-0123456789abcdef0"], "Tags": [{"Key": "k", "Value": "v" * 257}]},
    ),
    "A load balancer's name": ("elbv2", "create_load_balancer", {"Name": LONG}),
    "A target group's name": ("elbv2", "create_target_group", {"Name": LONG, "Protocol": "HTTP", "Port": 80}),
    "Seconds between health checks": (
        "elbv2",
        "create_target_group",
        {"Name": "checked", "Protocol": "HTTP", "Port": 80, "HealthCheckIntervalSeconds": 301},
    ),
    "A listener for HTTPS has a certificate": (
        "elbv2",
        "create_listener",
        {
            "LoadBalancerArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/a/b",
            "Protocol": "HTTPS",
            "Port": 443,
            "DefaultActions": [],
        },
    ),
    "A group's name": (
        "autoscaling",
        "create_auto_scaling_group",
        {"AutoScalingGroupName": "a:b", "MinSize": 0, "MaxSize": 0},
    ),
    "A lifecycle hook's timeout": ("autoscaling", "put_lifecycle_hook", {**HOOK, "HeartbeatTimeout": 29}),
    "An alarm's period": ("cloudwatch", "put_metric_alarm", {**ALARM, "Period": 90}),
    "An alarm's total evaluation period": ("cloudwatch", "put_metric_alarm", {**ALARM, "EvaluationPeriods": 1441}),
    "The retention of logs": ("logs", "put_retention_policy", {"logGroupName": "kept", "retentionInDays": 8}),
    "A parameter's size": ("ssm", "put_parameter", {"Name": "/large", "Value": "x" * 4097, "Type": "String"}),
    "A parameter's name": ("ssm", "put_parameter", {"Name": "/aws/mine", "Value": "v", "Type": "String"}),
}
"""Rule → a call that breaks it. The rules in `TESTED_APART` have separate tests."""
TESTED_APART = {"A subnet group's zones", "A load balancer's zones", "Six hours between two changes of the storage"}


def test_every_rule_has_a_call_that_breaks_it() -> None:
    assert {rule.about for rule in RULES} == {*REFUSED, *TESTED_APART}


@pytest.mark.parametrize("about", REFUSED)
def test_a_call_that_breaks_a_rule_is_refused_in_its_words(about: str, client: Client, subnets: list[str]) -> None:
    service, operation, arguments = REFUSED[about]
    if service == "rds" and operation.endswith("db_instance"):
        arguments = {"DBInstanceIdentifier": "ruled", **arguments}
        if operation == "modify_db_instance":
            make_database(client, "ruled", AllocatedStorage=100)
    if operation == "create_load_balancer":
        arguments = {**arguments, "Subnets": subnets}
    with pytest.raises(ClientError, match=re.escape(about)):
        getattr(client(service), operation)(**arguments)


def make_database(client: Client, name: str, **settings: Any) -> None:
    """Create a database, and wait for it."""
    rds = client("rds")
    rds.create_db_instance(DBInstanceIdentifier=name, **{**DATABASE, **settings})
    seen(lambda: rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["DBInstanceStatus"])


def test_a_database_grows_once_in_six_hours(client: Client) -> None:
    rds = client("rds")
    make_database(client, "growing")
    rds.modify_db_instance(DBInstanceIdentifier="growing", AllocatedStorage=30)
    seen(lambda: rds.describe_db_instances(DBInstanceIdentifier="growing")["DBInstances"][0]["DBInstanceStatus"])
    with pytest.raises(ClientError, match="Six hours between two changes"):
        rds.modify_db_instance(DBInstanceIdentifier="growing", AllocatedStorage=40)
    rds.modify_db_instance(DBInstanceIdentifier="growing", AllocatedStorage=30, MultiAZ=True)


def test_a_database_and_a_load_balancer_need_two_zones(client: Client, subnets: list[str]) -> None:
    with pytest.raises(ClientError, match="at least two AZs"):
        client("rds").create_db_subnet_group(
            DBSubnetGroupName="one", DBSubnetGroupDescription="one", SubnetIds=subnets[:1]
        )
    with pytest.raises(ClientError, match="at least two Availability Zones"):
        client("elbv2").create_load_balancer(Name="one", Subnets=subnets[:1])


def test_the_table_lists_every_rule() -> None:
    rows = re.findall(r"^\| ([^|]+) \| “([^|]+)” \| \[([^|]+)\]\((\S+)\) \|$", README, re.MULTILINE)
    assert [(about, words, page) for about, words, _, page in rows] == [
        (rule.about, rule.words, rule.page) for rule in RULES
    ]


@pytest.mark.parametrize("rule", [rule for rule in RULES if "/API_" in rule.page], ids=lambda rule: rule.about)
def test_the_words_of_a_rule_stand_in_the_api_reference(rule: Any) -> None:
    """botocore contains the API references' text."""
    service = "elbv2" if rule.service == "elasticloadbalancing" else rule.service
    model = botocore.session.get_session().get_service_model(service).operation_model(rule.operation)
    assert rule.words in " ".join([plain(model.documentation), *documented(model.input_shape, set())])


def documented(shape: Any, known: set[str]) -> Iterator[str]:
    """Yield the descriptions of a shape and of everything in it."""
    yield plain(shape.documentation)
    if shape.name in known:
        return
    known.add(shape.name)
    parts: dict[str, Any] = getattr(shape, "members", {})
    for part in [shape.member] if shape.type_name == "list" else parts.values():
        yield from documented(part, known)


def plain(text: str | None) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", text or "")))


def test_mock_aws_refuses_what_the_callers_policies_do_not_allow(client: Client, aws: MockAws) -> None:
    allowed = {"Effect": "Allow", "Action": "ssm:PutParameter", "Resource": "*"}
    attachment = Attachment(aws.key, [allowed], "/", {}, {})
    with aws.policies_attached(attachment) as refused:
        client("ssm").put_parameter(Name="/allowed", Value="1", Type="String")
        codes = [
            code_of(lambda: client("ssm").delete_parameter(Name="/allowed")),
            code_of(lambda: client("ec2").describe_vpcs()),
            code_of(lambda: client("s3").list_buckets()),
            code_of(lambda: client("iam").get_role(RoleName="late")),
        ]
    assert codes == ["AccessDeniedException", "UnauthorizedOperation", "AccessDenied", "AccessDenied"]
    assert refused[0] == "ssm:DeleteParameter on arn:aws:ssm:us-east-1:123456789012:parameter/allowed"
    assert len(refused) == len(codes)
    client("ssm").delete_parameter(Name="/allowed")
