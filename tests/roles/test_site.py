"""The whole site is planned, built, rerun, repaired, rolled, scaled and destroyed.

The tests share one mock AWS in strict mode, and run in order.
"""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rehearsal.aws.leftovers import leftovers
from rehearsal.aws.server import MockAws
from rehearsal.operator import policy, runbook
from rehearsal.operator.policy import UNSEEN, unseen
from rehearsal.operator.whole_site import ENVIRONMENT, Operator, Run, machines
from testing import sites
from testing.homes import BRISK, GENEROUS, Home
from tests.roles.strictness import strict_account

pytestmark = pytest.mark.timeout(900)
NAME = f"rising-stars-{ENVIRONMENT}"
SEED = 1
"""The seed of mock AWS' delays. `make test-interrupted` uses other seeds."""
SECRETS = ("database", "jwt", "doorbell", "redis", "verification")
CALLS_AT_MOST = 70
"""The maximum number of AWS module calls in a run without changes; each takes about a second."""


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockAws]:
    with strict_account(tmp_path_factory.mktemp("aws"), SEED) as running:
        yield running


@pytest.fixture(scope="module")
def verification_secret(aws: MockAws) -> str:
    """Create the verification secret that `platform` uses. The first run must not replace it."""
    secret = secrets.token_hex(24)
    aws.client("secretsmanager").create_secret(Name=f"rising-stars/{ENVIRONMENT}/verification", SecretString=secret)
    return secret


@pytest.fixture(scope="module")
def platform(new_home: Callable[[str], Home], verification_secret: str) -> Iterator[str]:
    """The URL of a real site. Runs verify this site, because moto's load balancer serves no requests."""
    home = new_home("embedded").with_settings(**GENEROUS, **BRISK, VERIFICATION_SECRET=verification_secret)
    with sites.running_site(home, with_worker=True) as site:
        yield site.url


@pytest.fixture(scope="module")
def operator(aws: MockAws, released: dict[str, str], platform: str) -> Iterator[Operator]:
    with machines(aws):
        yield Operator(aws, {**released, "verify_site_url": platform})


@pytest.fixture(scope="module")
def read_secrets(aws: MockAws) -> Callable[[], dict[str, str]]:
    """Returns the values of all secrets, by name."""

    def read() -> dict[str, str]:
        manager = aws.client("secretsmanager")
        return {
            name: manager.get_secret_value(SecretId=f"rising-stars/{ENVIRONMENT}/{name}")["SecretString"]
            for name in SECRETS
        }

    return read


@pytest.fixture(scope="module")
def first_run(operator: Operator) -> Run:
    return operator.succeed("site")


@pytest.mark.slow
def test_a_plan_on_an_empty_account_lists_what_would_be_created_and_creates_nothing(operator: Operator) -> None:
    plan = operator.succeed("site", "--check", "--diff")
    assert plan.writes == {}
    assert "Would create" in plan.output
    assert plan.changed > 0


def test_a_first_run_builds_and_verifies_the_site(first_run: Run) -> None:
    assert "verified: sign-up, upload, render, vote and ranking" in first_run.output


def test_a_second_run_changes_nothing_and_shows_no_secret(
    first_run: Run, operator: Operator, read_secrets: Callable[[], dict[str, str]]
) -> None:
    before = read_secrets()
    again = operator.succeed("site", "-vvv")
    assert again.changes == []
    assert again.changed == 0
    assert again.module_calls <= CALLS_AT_MOST
    assert read_secrets() == before
    assert [name for name, value in before.items() if value in first_run.output + again.output] == []


@pytest.mark.slow
@pytest.mark.usefixtures("first_run")
def test_a_plan_without_drift_shows_no_change_and_writes_nothing(operator: Operator) -> None:
    plan = operator.succeed("site", "--check", "--diff")
    assert plan.changes == []
    assert plan.writes == {}


@pytest.mark.slow
@pytest.mark.skipif(not runbook.AWS_CLI.exists(), reason="needs Debian's awscli")
@pytest.mark.usefixtures("first_run")
def test_the_runbooks_commands_show_something_and_need_only_the_operators_permissions(aws: MockAws) -> None:
    before = [call for call in aws.calls() if call.caller == aws.key]
    assert runbook.silent_commands(aws, ENVIRONMENT) == []
    made = [call for call in aws.calls() if call.caller == aws.key][len(before) :]
    assert policy.refused(made, ENVIRONMENT, before=before) == []


@pytest.fixture
def drifted(aws: MockAws) -> dict[str, Any]:
    """Open a port, delete an alarm and change the web group, as a manual intervention would."""
    ec2, alarms, groups = aws.client("ec2"), aws.client("cloudwatch"), aws.client("autoscaling")
    (web,) = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [f"{NAME}-web"]}])["SecurityGroups"]
    ec2.authorize_security_group_ingress(
        GroupId=web["GroupId"],
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
    )
    alarm = alarms.describe_alarms(AlarmNamePrefix=f"{NAME}-site-")["MetricAlarms"][0]["AlarmName"]
    alarms.delete_alarms(AlarmNames=[alarm])
    groups.update_auto_scaling_group(AutoScalingGroupName=f"{NAME}-web", MinSize=0, MaxSize=9, DesiredCapacity=2)
    return {"web": web, "alarm": alarm}


@pytest.mark.slow
@pytest.mark.usefixtures("first_run")
def test_drift_is_found_and_repaired_but_the_number_of_machines_is_left_to_scaling(
    drifted: dict[str, Any], operator: Operator, aws: MockAws
) -> None:
    plan = operator.succeed("site", "--check", "--diff")
    assert plan.writes == {}
    assert len(plan.changes) == 3
    assert operator.succeed("site").changes == plan.changes
    (web,) = aws.client("ec2").describe_security_groups(GroupIds=[drifted["web"]["GroupId"]])["SecurityGroups"]
    assert {rule["FromPort"] for rule in web["IpPermissions"]} == {80}
    assert aws.client("cloudwatch").describe_alarms(AlarmNames=[drifted["alarm"]])["MetricAlarms"]
    (group,) = aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[f"{NAME}-web"])[
        "AutoScalingGroups"
    ]
    assert (group["MinSize"], group["DesiredCapacity"], group["MaxSize"]) == (1, 2, 3)


@pytest.mark.slow
@pytest.mark.usefixtures("first_run")
def test_a_playbook_can_run_alone_with_numbers_from_the_command_line(operator: Operator) -> None:
    assert operator.succeed("roll_release", aws_web_fleet_max="3", aws_worker_extra_max="0").changed == 0


@pytest.mark.slow
@pytest.mark.usefixtures("first_run")
def test_another_release_is_rolled_out(operator: Operator, aws: MockAws) -> None:
    for step in ("publish_release", "bake_image", "roll_release"):
        operator.succeed(step, aws_release_version="1.0.1")
    scaling = aws.client("autoscaling")
    (refresh,) = scaling.describe_instance_refreshes(AutoScalingGroupName=f"{NAME}-web")["InstanceRefreshes"]
    assert refresh["Status"] == "Successful"
    images = aws.client("ec2").describe_images(Owners=["self"])["Images"]
    releases = {tag["Value"] for image in images for tag in image["Tags"] if tag["Key"] == "Release"}
    assert releases == {"1.0.0", "1.0.1"}


@pytest.mark.slow
@pytest.mark.usefixtures("first_run")
def test_the_groups_can_be_scaled(operator: Operator, aws: MockAws) -> None:
    sizes = {"aws_web_fleet_min": "2", "aws_web_fleet_max": "4", "aws_worker_extra_max": "2"}
    for _ in range(2):
        scaled = operator.succeed("roll_release", aws_release_version="1.0.1", **sizes)
    assert scaled.changed == 0
    groups = aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert sorted((group["MinSize"], group["MaxSize"]) for group in groups) == [(0, 2), (2, 4)]


@pytest.mark.usefixtures("first_run")
def test_destroying_requires_the_environments_name(operator: Operator) -> None:
    refused = operator.run("destroy_infrastructure", confirm="production")
    assert refused.code != 0
    assert f"-e confirm={ENVIRONMENT}" in refused.output
    # Before the first play begins, Ansible reads the inventory, which lists the machines.
    assert {call.operation for call in refused.calls} <= {"DescribeInstances"}


@pytest.fixture(scope="module")
def destroyed(first_run: Run, operator: Operator) -> Run:
    assert first_run.code == 0
    return operator.succeed("destroy_infrastructure", confirm=ENVIRONMENT, purge="true")


@pytest.mark.usefixtures("destroyed")
def test_destroying_with_purge_leaves_nothing(aws: MockAws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in aws.env.items():
        monkeypatch.setenv(name, value)
    assert leftovers(ENVIRONMENT) == []
    assert aws.client("s3").list_buckets()["Buckets"] == []
    assert aws.client("logs").describe_log_groups()["logGroups"] == []
    assert aws.client("cloudwatch").describe_alarms()["MetricAlarms"] == []


@pytest.mark.slow
@pytest.mark.usefixtures("destroyed")
def test_destroying_again_changes_nothing(operator: Operator) -> None:
    assert operator.succeed("destroy_infrastructure", confirm=ENVIRONMENT, purge="true").changed == 0


@pytest.mark.slow
@pytest.mark.usefixtures("destroyed")
def test_the_operators_policies_allow_nothing_that_these_runs_did_not_need(operator: Operator) -> None:
    explained = {action for actions in UNSEEN.values() for action in actions}
    assert unseen((call for run in operator.runs for call in run.calls), ENVIRONMENT) == explained
