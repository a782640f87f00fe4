"""The preflight rejects invalid variables before the first call to AWS, and an unprepared account before any write."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from rehearsal.aws.server import MockAws
from rehearsal.operator.playbooks import REPOSITORY, play, run_playbook
from rehearsal.operator.policy import create_boundary

pytestmark = pytest.mark.slow
PLAY = """
- hosts: localhost
  gather_facts: false
  roles: [aws_preflight]
"""
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1"
SOUND: dict[str, Any] = {
    "aws_preflight_region": "us-east-1",
    "aws_preflight_roles": ["aws_network", "aws_firewall", "aws_load_balancer"],
    "aws_preflight_machines": [{"instance_type": "t3.small", "count": 6}, {"instance_type": "c6i.large", "count": 1}],
    "aws_preflight_zones": ["us-east-1a", "us-east-1b"],
    "aws_preflight_database": {"instance_class": "db.t4g.small", "backup_days": 7},
    "aws_preflight_needs": {"addresses": 1, "vpcs": 1},
    "aws_preflight_tags": {"Project": "rising-stars", "Environment": "molecule"},
    "aws_network_name": "rising-stars-molecule",
    "aws_network_region": "us-east-1",
    "aws_network_zones": ["us-east-1a", "us-east-1b"],
    "aws_firewall_name": "rising-stars-molecule",
    "aws_load_balancer_name": "rising-stars-molecule",
    "aws_load_balancer_allow_plain_http": True,
}


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    path = tmp_path / "preflight.yml"
    path.write_text(PLAY)
    return path


def variables(changed: Mapping[str, Any]) -> tuple[str, str]:
    return "-e", json.dumps({**SOUND, **changed})


def machines(*types: tuple[str, int]) -> dict[str, Any]:
    """Return the setting for a site with the given number of machines of each type."""
    return {"aws_preflight_machines": [{"instance_type": name, "count": count} for name, count in types]}


def refusal(playbook: Path, aws: MockAws, changed: Mapping[str, Any], env: Mapping[str, str] | None = None) -> str:
    """Run a preflight that must fail and return its message on one line."""
    done = run_playbook(playbook, *variables(changed), env={**aws.env, **(env or {})})
    assert done.returncode == 2, done.stdout + done.stderr
    return " ".join(done.stdout.split())


def test_valid_settings_pass_with_one_module_call_and_no_write(playbook: Path, aws: MockAws) -> None:
    before = len(aws.calls())
    printed = play(playbook, *variables({}), env=aws.env)
    asked = aws.calls()[before:]
    assert "[WARNING]: Cannot be read" not in printed
    assert {call.service for call in asked} == {"sts", "ec2", "servicequotas", "freetier"}
    assert not [call for call in asked if call.writes]


def test_numbers_from_the_command_line_may_be_strings(playbook: Path, aws: MockAws) -> None:
    name = "rising-stars-molecule"
    roles = ["aws_database", "aws_image", "aws_load_balancer", "aws_monitoring", "aws_storage", "aws_web_fleet"]
    required = {f"{role}_name": name for role in [*roles, "aws_worker"]}
    of_others = {
        "aws_image_tags": {"Environment": "molecule"},
        "aws_image_version": "1.0.0",
        "aws_image_parameter_path": "/rising-stars/molecule",
        "aws_monitoring_region": "us-east-1",
        "aws_monitoring_log_group_prefix": "/rising-stars/molecule",
        "aws_monitoring_namespace": "RisingStars/molecule",
        "aws_monitoring_database_identifier": name,
        "aws_storage_account_id": "123456789012",
        "aws_storage_region": "us-east-1",
        "aws_worker_region": "us-east-1",
        "aws_worker_dns_name": "queue.molecule.internal",
        "aws_worker_metric_namespace": "RisingStars/molecule",
    }
    as_text = {option: str(default) for role in [*roles, "aws_worker"] for option, default in numbers_of(role).items()}
    assert len(as_text) > 30
    play(
        playbook,
        *variables({**required, **of_others, **as_text, "aws_preflight_roles": [*roles, "aws_worker"]}),
        env=aws.env,
    )


def numbers_of(role: str) -> dict[str, int]:
    """Return the numeric defaults of a role."""
    defaults = yaml.safe_load((REPOSITORY / "roles" / role / "defaults" / "main.yml").read_text())
    return {option: value for option, value in defaults.items() if type(value) is int}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"aws_preflight_region": "us-esat-1"}, "aws_preflight_region is us-esat-1, which is not an AWS region"),
        ({"aws_network_data_cidrs": ["10.20.0.0/24", "10.20.9.0/24"]}, "10.20.0.0/24 and 10.20.0.0/24 overlap."),
        ({"aws_network_zones": ["us-east-1a"]}, "aws_network_zones names 1 availability zone(s)"),
        ({"aws_firewall_public_cidrs": ["everybody"]}, "aws_firewall_public_cidrs: everybody is not an IPv4 block"),
        ({"aws_firewall_state": "maybe"}, "aws_firewall: value of aws_firewall_state must be one of: present, absent"),
        (
            {"aws_load_balancer_allow_plain_http": False},
            "aws_load_balancer_certificate_arn is empty, so passwords would travel unencrypted",
        ),
        ({"aws_load_balancer_allow_plain_http": "no"}, "or set aws_load_balancer_allow_plain_http: true"),
        (
            {
                "aws_preflight_roles": ["aws_database"],
                "aws_database_name": "stars",
                "aws_database_name_inside": "stars",
            },
            "aws_database_name_inside was renamed to aws_database_db_name; rename it in your settings.",
        ),
        ({"aws_load_balancer_domain": "stars.example.org"}, "aws_load_balancer_certificate_arn is empty: set both."),
        (
            {"aws_load_balancer_certificate_arn": CERTIFICATE},
            "aws_load_balancer_certificate_arn is set, but aws_load_balancer_domain is empty: set the domain for which",
        ),
    ],
)
def test_bad_variables_are_refused_in_a_sentence_before_the_first_call(
    playbook: Path, aws: MockAws, changed: dict[str, Any], sentence: str
) -> None:
    before = len(aws.calls())
    assert sentence in refusal(playbook, aws, changed)
    assert aws.calls()[before:] == []


@pytest.mark.parametrize(
    "changed",
    [
        {"aws_load_balancer_allow_plain_http": "true"},
        {
            "aws_load_balancer_allow_plain_http": False,
            "aws_load_balancer_certificate_arn": CERTIFICATE,
            "aws_load_balancer_domain": "stars.example.org",
        },
        {"aws_load_balancer_allow_plain_http": False, "aws_load_balancer_state": "absent"},
        {"aws_load_balancer_certificate_arn": CERTIFICATE, "aws_load_balancer_state": "absent"},
    ],
    ids=["allowed on the command line", "with a certificate", "to be deleted", "to be deleted without a domain"],
)
def test_a_load_balancer_needs_https_unless_plain_http_is_allowed_or_it_is_deleted(
    playbook: Path, aws: MockAws, changed: dict[str, Any]
) -> None:
    play(playbook, *variables({"aws_preflight_roles": ["aws_load_balancer"], **changed}), env=aws.env)


@pytest.mark.parametrize(("environment", "refused"), [("production", True), ("staging", False), ("rehearsal", False)])
def test_only_production_is_refused_without_a_certificate(
    playbook: Path, aws: MockAws, environment: str, *, refused: bool
) -> None:
    settings = REPOSITORY / "inventory" / environment / "group_vars" / "all" / "aws_load_balancer.yml"
    sound = {name: value for name, value in SOUND.items() if name != "aws_load_balancer_allow_plain_http"}
    done = run_playbook(playbook, "-e", json.dumps(sound), "-e", f"@{settings}", env=aws.env)
    assert (done.returncode != 0) is refused, done.stdout + done.stderr
    assert ("aws_load_balancer_allow_plain_http" in done.stdout) is refused


def test_all_errors_are_reported_together(playbook: Path, aws: MockAws) -> None:
    said = refusal(
        playbook,
        aws,
        {
            "aws_preflight_region": "us-esat-1",
            "aws_network_zones": ["us-east-1a", "us-east-1a"],
            "aws_firewall_public_cidrs": [],
            "aws_load_balancer_domain": "stars.example.org",
        },
    )
    heading, _, last = said.rpartition(" setting(s) to correct before the run calls AWS:")
    assert heading.endswith(" 4")
    for sentence in (
        "- aws_preflight_region is us-esat-1",
        "- aws_network_zones names 1",
        "- aws_firewall_public_cidrs is empty",
        "- aws_load_balancer_domain is stars.example.org",
    ):
        assert sentence in last


def test_missing_credentials_are_named(playbook: Path, aws: MockAws) -> None:
    nowhere = {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": "/nowhere",
    }
    assert "There are no AWS credentials" in refusal(playbook, aws, {}, nowhere)


def test_a_region_other_than_the_runs_is_refused(playbook: Path, aws: MockAws) -> None:
    said = refusal(playbook, aws, {}, {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"})
    assert "The site's region is us-east-1, but AWS_REGION is eu-west-1" in said


def test_every_quota_that_would_stop_the_run_is_named_with_its_numbers(playbook: Path, aws: MockAws) -> None:
    ec2 = aws.client("ec2")
    foreign = [ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(3)]
    own = ec2.allocate_address(
        Domain="vpc",
        TagSpecifications=[
            {
                "ResourceType": "elastic-ip",
                "Tags": [{"Key": "Project", "Value": "rising-stars"}, {"Key": "Environment", "Value": "molecule"}],
            }
        ],
    )
    needs = {"aws_preflight_needs": {"addresses": 3, "vpcs": 1}}
    try:
        said = refusal(playbook, aws, {**machines(("c6i.2xlarge", 8), ("t3.small", 1)), **needs})
        assert (
            "vCPUs of On-Demand Standard instances: the site needs 66, others use 0, the account may have 64." in said
        )
        assert "Elastic IP addresses: the site needs 3, others use 3, the account may have 5." in said
        assert "VPCs: " not in said
        play(playbook, *variables({"aws_preflight_needs": {"addresses": 2}}), env=aws.env)
    finally:
        for allocation in [*foreign, own["AllocationId"]]:
            ec2.release_address(AllocationId=allocation)


def test_other_sites_machines_count_against_the_quota_and_the_sites_own_do_not(playbook: Path, aws: MockAws) -> None:
    ec2 = aws.client("ec2")
    machine = {"ImageId": "ami-0debian1200000002", "InstanceType": "m5.large", "MinCount": 1, "MaxCount": 1}
    tags = [{"Key": "Project", "Value": "rising-stars"}, {"Key": "Environment", "Value": "molecule"}]
    aws.ensure_default_vpc()
    ec2.run_instances(**machine)
    ec2.run_instances(**machine, TagSpecifications=[{"ResourceType": "instance", "Tags": tags}])
    ec2.run_instances(**{**machine, "InstanceType": "g4dn.xlarge"})
    said = refusal(playbook, aws, machines(("m5.large", 32), ("g4dn.xlarge", 9)))
    assert "the site needs 64, others use 2, the account may have 64." in said


@pytest.fixture
def judging_aws(aws: MockAws) -> Iterator[MockAws]:
    """Mock AWS, on which a test may enable the enforcement of IAM policies; the fixture disables it afterwards."""
    yield aws
    aws.judge_calls(after=1_000_000)


def test_a_quota_that_may_not_be_read_is_a_warning(playbook: Path, judging_aws: MockAws) -> None:
    """The user who runs the preflight has full access to EC2, but may not read quotas."""
    aws = judging_aws
    iam, policy = aws.client("iam"), "arn:aws:iam::aws:policy/AmazonEC2FullAccess"
    iam.create_user(UserName="operator")
    iam.attach_user_policy(UserName="operator", PolicyArn=policy)
    key = iam.create_access_key(UserName="operator")["AccessKey"]
    aws.judge_calls()
    credentials = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    done = run_playbook(playbook, *variables({}), env={**aws.env, **credentials})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Cannot be read: the quota L-1216C47A (vCPUs of On-Demand Standard instances)" in done.stdout + done.stderr
    said = refusal(playbook, aws, {})
    assert "AWS does not know these credentials" in said


def test_an_instance_type_that_does_not_exist_is_named(playbook: Path, aws: MockAws) -> None:
    said = refusal(playbook, aws, machines(("t3.small", 1), ("c6i.lagre", 1)))
    assert "EC2 has no instance type c6i.lagre in this region: choose another." in said
    assert "t3.small" not in said


def test_a_zone_that_does_not_offer_a_type_is_named_with_those_that_do(playbook: Path, aws: MockAws) -> None:
    said = refusal(playbook, aws, {"aws_preflight_zones": ["us-east-1a", "us-east-1e"]})
    assert "us-east-1e: these zones offer no c6i.large, which us-east-1a, us-east-1b," in said


@pytest.fixture
def on_a_free_plan(aws: MockAws) -> Iterator[MockAws]:
    aws.set_plan("FREE")
    yield aws
    aws.set_plan("PAID")


def test_what_a_free_plan_rejects_is_refused_before_anything_is_created(
    playbook: Path, on_a_free_plan: MockAws
) -> None:
    said = refusal(playbook, on_a_free_plan, {})
    assert "on which EC2 does not launch c6i.large: choose among c7i-flex.large, m7i-flex.large, t3.micro," in said
    assert "RDS retains backups for at most 1 day, and the database's setting is 7 days: set 1, or upgrade" in said
    assert "on which RDS runs no db.t4g.small: choose db.t4g.micro, or upgrade" in said


def test_a_site_that_fits_a_free_plan_passes(playbook: Path, on_a_free_plan: MockAws) -> None:
    small = {"aws_preflight_database": {"instance_class": "db.t4g.micro", "backup_days": "1"}}
    play(playbook, *variables({**machines(("t3.small", 3)), **small}), env=on_a_free_plan.env)


def test_mock_aws_rejects_on_a_free_plan_what_the_preflight_refuses(on_a_free_plan: MockAws) -> None:
    ec2, rds = on_a_free_plan.client("ec2"), on_a_free_plan.client("rds")
    on_a_free_plan.prepare_for_databases()
    launch = {"ImageId": "ami-0debian1200000002", "MinCount": 1, "MaxCount": 1, "DryRun": True}
    with pytest.raises(ClientError, match="not eligible for Free Tier"):
        ec2.run_instances(**launch, InstanceType="c6i.large")
    with pytest.raises(ClientError, match="DryRunOperation"):
        ec2.run_instances(**launch, InstanceType="t3.small")
    database = {"DBInstanceIdentifier": "free", "Engine": "postgres", "AllocatedStorage": 20, "MasterUsername": "stars"}
    for instance_class, days, refused in (("db.t4g.micro", 2, "backup retention"), ("db.t4g.small", 1, "size")):
        with pytest.raises(ClientError, match=refused):
            rds.create_db_instance(**database, DBInstanceClass=instance_class, BackupRetentionPeriod=days)


def test_credentials_that_end_before_the_run_does_are_a_warning(playbook: Path, aws: MockAws) -> None:
    end = datetime.now(UTC) + timedelta(minutes=50)
    temporary = {"AWS_SESSION_TOKEN": "token", "AWS_CREDENTIAL_EXPIRATION": end.isoformat()}
    said = report(playbook, {**aws.env, **temporary})
    expected = (
        rf"WARNING\]: The AWS credentials expire at {end:%H:%M} UTC, in 4\d minutes, and a run may take 60 minutes"
    )
    assert re.search(expected, said)
    later = (datetime.now(UTC) + timedelta(minutes=480)).isoformat()
    said = report(playbook, {**aws.env, **temporary, "AWS_CREDENTIAL_EXPIRATION": later})
    assert re.search(r"in 47\d minutes. Nothing renews them during a run.", said)
    assert "[WARNING]: The AWS credentials" not in said


def test_the_end_of_credentials_is_said_only_where_it_is_known(playbook: Path, aws: MockAws) -> None:
    said = report(playbook, aws.env)
    assert "A first run takes up to 60 minutes: an estimate that was never measured on AWS" in said
    assert "The AWS credentials are an access key, which does not expire." in said
    said = report(playbook, {**aws.env, "AWS_SESSION_TOKEN": "token"})
    assert "The AWS credentials are temporary, and nothing says when they expire." in said


def test_an_assumed_role_is_reported_with_the_end_that_sts_returns(
    playbook: Path, aws: MockAws, tmp_path: Path
) -> None:
    role = aws.client("iam").create_role(RoleName="operator", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    config = tmp_path / "config"
    config.write_text(
        f"[profile site]\nrole_arn = {role}\nsource_profile = source\nduration_seconds = 3600\n"
        f"[profile source]\naws_access_key_id = {aws.key}\naws_secret_access_key = {aws.key}\n"
    )
    env = {**aws.env, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_CONFIG_FILE": str(config)}
    said = report(playbook, {**env, "AWS_PROFILE": "site"})
    assert re.search(r"in 5\d minutes. boto3 renews them \(assume-role\) until the login behind them ends", said)


def report(playbook: Path, env: Mapping[str, str]) -> str:
    """Run a preflight that must succeed and return its output on one line."""
    done = run_playbook(playbook, *variables({}), env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return " ".join((done.stdout + done.stderr).split())


BOUNDARY_FILE = REPOSITORY / "docs" / "operator-policy" / "boundary" / "machines.json"


def with_boundary(environment: str) -> dict[str, Any]:
    boundary = {
        "name": f"rising-stars-{environment}-boundary",
        "file": str(BOUNDARY_FILE),
        "environment": environment,
    }
    return {"aws_preflight_boundary": boundary, "aws_preflight_needs": {}}


def test_an_account_without_the_boundary_of_the_roles_is_refused(playbook: Path, fresh_aws: MockAws) -> None:
    said = refusal(playbook, fresh_aws, with_boundary("staging"))
    assert "There is no policy arn:aws:iam::123456789012:policy/rising-stars-staging-boundary" in said
    assert "docs/deploy.md, Boundary" in said


def test_a_boundary_that_differs_from_this_releases_is_a_warning(playbook: Path, fresh_aws: MockAws) -> None:
    iam = fresh_aws.client("iam")
    arn = create_boundary(iam, "staging")
    before = len(fresh_aws.calls())
    assert "differs from" not in play(playbook, *variables(with_boundary("staging")), env=fresh_aws.env)
    assert [call for call in fresh_aws.calls()[before:] if call.writes] == []
    less = json.dumps({"Version": "2012-10-17", "Statement": json.loads(BOUNDARY_FILE.read_text())["Statement"][-1:]})
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=less, SetAsDefault=True)
    done = run_playbook(playbook, *variables(with_boundary("staging")), env=fresh_aws.env)
    assert done.returncode == 0
    assert f"The policy {arn} differs from docs/operator-policy/boundary/machines.json" in " ".join(
        (done.stdout + done.stderr).split()
    )


def test_a_rehearsal_is_not_run_in_aws_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    settings = REPOSITORY / "inventory" / "rehearsal" / "group_vars" / "all" / "site.yml"
    done = run_playbook(REPOSITORY / "playbooks" / "provision_infrastructure.yml", "-e", f"@{settings}")
    assert done.returncode == 2
    assert "`make rehearse` sets AWS_ENDPOINT_URL" in done.stdout
