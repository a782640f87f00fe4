"""Check that an account is ready for a site, and report all problems at once."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import boto3
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

DOCUMENTATION = r"""
module: account_readiness
short_description: Check that an account is ready for a site
description:
  - Reads the caller's identity, and checks that the region is enabled, that the zones offer the instance types of
    O(machines), and that the account's quotas suffice for O(machines) and O(needs).
  - If the account has AWS' free plan, checks that the plan allows O(machines) and O(database).
  - Returns when the caller's credentials expire, if boto3 knows it, and warns if this is in less than O(run_minutes)
    and boto3 cannot renew them.
  - Fails with one message for each problem that would stop a run. Warns about each fact that it cannot read.
  - Changes nothing.
author: Rising Stars
extends_documentation_fragment: [amazon.aws.common.modules, amazon.aws.region.modules, amazon.aws.boto3]
options:
  site_region:
    description: The site's region. Must equal the region to which the module sends its calls.
    type: str
    required: true
  machines:
    description: The machines that the site runs at its maximum size.
    type: list
    elements: dict
    default: []
    suboptions:
      instance_type: {description: "The instance type.", type: str, required: true}
      count: {description: "The number of machines of this type.", type: int, required: true}
  zones:
    description: The availability zones in which machines run.
    type: list
    elements: str
    default: []
  database:
    description: The database's settings that a free plan limits. If omitted, they are not checked.
    type: dict
    suboptions:
      instance_class: {description: "The instance class.", type: str, required: true}
      backup_days: {description: "Retention of automated backups in days.", type: int, required: true}
  run_minutes:
    description: The expected duration of the run. With 0, the module does not check that the credentials last as long.
    type: int
    default: 0
  needs:
    description: Amount of each quota that the site needs at its maximum size. With 0, the quota is not checked.
    type: dict
    default: {}
    suboptions:
      addresses: {description: "Elastic IP addresses.", type: int, default: 0}
      vpcs: {description: "VPCs.", type: int, default: 0}
  own_tags:
    description: Tags of the site's own resources. A resource that has all these tags is not counted as used.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Fail if the account is not ready
  account_readiness:
    site_region: us-east-1
    machines: [{instance_type: t3.small, count: 6}, {instance_type: c6i.large, count: 1}]
    zones: [us-east-1a, us-east-1b]
    database: {instance_class: db.t4g.small, backup_days: 7}
    needs: {addresses: 1, vpcs: 1}
    own_tags: {Project: rising-stars, Environment: production}
"""

RETURN = r"""
account_id: {description: The account's id., returned: always, type: str}
partition: {description: "The account's partition, for example V(aws).", returned: always, type: str}
region: {description: The region., returned: always, type: str}
caller_arn: {description: ARN of the caller., returned: always, type: str}
credentials: {description: How long the caller's credentials last., returned: always, type: str}
plan: {description: "The account's plan, V(FREE) or V(PAID).", returned: when it could be read, type: str}
quotas:
  description: >-
    For each quota that could be read, its limit (C(quota)), the amount that resources without O(own_tags) use
    (C(used)), and the amount that the site needs (C(needed)).
  returned: always
  type: dict
"""

Thing = dict[str, Any]

STANDARD = re.compile(r"(a|c|d|h|i|im|is|m|r|t|z)\d")
"""Instance families that share one vCPU quota.

https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
"""

CREDENTIALS = {
    "ExpiredToken": "AWS credentials have expired: log in again.",
    "ExpiredTokenException": "AWS credentials have expired: log in again.",
    "InvalidClientTokenId": "AWS does not know these credentials, or the region is not enabled for the account.",
    "SignatureDoesNotMatch": "AWS credentials are wrong: the secret key does not belong to the key id.",
    "AccessDenied": "AWS credentials are valid, but sts:GetCallerIdentity is denied.",
}


FREE_BACKUP_DAYS = 1
"""The longest retention of RDS backups on a free plan.

AWS publishes no figure. For a longer retention, it returns FreeTierRestrictionError: "The specified backup retention
period exceeds the maximum available to free tier customers". Users report that AWS rejects 2 days and accepts 1 day.
"""
FREE_DATABASES = re.compile(r"db\.\w+\.micro")
"""Instance classes of RDS on a free plan.

For other classes, AWS returns FreeTierRestrictionError: "This instance size isn't available with free plan accounts"
(yc-software/qm issue 352).
"""
FREE_TIER_REGION = "us-east-1"
"""The only region with an endpoint of the Free Tier API.

https://docs.aws.amazon.com/cli/latest/reference/freetier/
"""
UPGRADE = "or upgrade the account's plan (Billing and Cost Management)."


class Quota(NamedTuple):
    """A service quota, and how to list the resources that count against it."""

    service: str
    code: str
    title: str
    operation: str
    things: Callable[[Thing], Iterator[tuple[Thing, int]]]
    """Yields each resource in one page of the operation's response, with the amount that the resource uses."""


def _vcpus(page: Thing) -> Iterator[tuple[Thing, int]]:
    for reservation in page["Reservations"]:
        for instance in reservation["Instances"]:
            runs = instance["State"]["Name"] in {"pending", "running"} and instance.get("InstanceLifecycle") != "spot"
            if runs and STANDARD.match(instance["InstanceType"]):
                options = instance.get("CpuOptions", {})
                yield instance, options.get("CoreCount", 1) * options.get("ThreadsPerCore", 2)


QUOTAS = {
    "vcpus": Quota("ec2", "L-1216C47A", "vCPUs of On-Demand Standard instances", "describe_instances", _vcpus),
    "addresses": Quota(
        "ec2",
        "L-0263D0A3",
        "Elastic IP addresses",
        "describe_addresses",
        lambda page: ((address, 1) for address in page["Addresses"]),
    ),
    "vpcs": Quota("vpc", "L-F678F1CE", "VPCs", "describe_vpcs", lambda page: ((vpc, 1) for vpc in page["Vpcs"])),
}


def boto3_filters(filters: dict[str, list[str]]) -> list[Thing]:
    """Return filters in EC2's format."""
    return [{"Name": name, "Values": values} for name, values in filters.items()]


class Readiness:
    """Checks an account, and collects the problems."""

    def __init__(self, module: AnsibleAWSModule) -> None:
        self._module = module
        self.problems: list[str] = []
        self.quotas: dict[str, dict[str, int]] = {}
        self.plan: str | None = None

    def identify(self) -> Thing:
        """Return the caller's identity; fail if AWS does not return it."""
        try:
            return dict(self._client("sts").get_caller_identity(aws_retry=True))
        except (NoCredentialsError, PartialCredentialsError):
            self._module.fail_json(msg="There are no AWS credentials: set AWS_PROFILE, or log in.")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            self._module.fail_json(msg=CREDENTIALS.get(code, f"AWS does not return the caller's identity: {error}."))
        except BotoCoreError as error:
            self._module.fail_json(msg=f"AWS cannot be reached: {error}.")
        raise AssertionError

    def describe_credentials(self) -> str:
        """Return a sentence that says when the credentials expire; warn if they may expire before the run ends.

        boto3 knows the expiry time only if it obtained the credentials itself or AWS_CREDENTIAL_EXPIRATION is set.
        """
        credentials = self._credentials()
        if credentials is None:
            return "The AWS credentials are options of the module, and nothing says when they expire."
        # This call makes boto3 assume the role, if there is one. Only then does boto3 know when the credentials expire.
        if not credentials.get_frozen_credentials().token:
            return "The AWS credentials are an access key, which does not expire."
        end: datetime | None = getattr(credentials, "_expiry_time", None)
        if end is None:
            return "The AWS credentials are temporary, and nothing says when they expire."
        left = end - datetime.now(UTC)
        said = f"The AWS credentials expire at {end:%H:%M} UTC, in {left // timedelta(minutes=1)} minutes"
        if credentials.method != "env":
            return f"{said}. boto3 renews them ({credentials.method}) until the login behind them ends."
        minutes = self._module.params["run_minutes"]
        if left < timedelta(minutes=minutes):
            self._module.warn(f"{said}, and a run may take {minutes} minutes: get new credentials before you start.")
        return f"{said}. Nothing renews them during a run."

    def _credentials(self) -> Any:
        """Return the credentials that boto3 finds in the environment or in the profile.

        The client of AnsibleAWSModule does not know when keys from the environment expire: the collection reads these
        keys itself, and passes them to boto3 without their expiry time.
        """
        return boto3.session.Session(profile_name=self._module.params["profile"]).get_credentials()

    def check_region(self) -> None:
        """Check that calls are sent to the site's region, and that the region is enabled for the account."""
        desired, asked = self._module.params["site_region"], self._client("ec2").meta.region_name
        if asked != desired:
            self.problems.append(f"The site's region is {desired}, but AWS_REGION is {asked}: make them the same.")
        regions = self._read(
            f"whether {desired} is enabled",
            lambda: self._client("ec2").describe_regions(RegionNames=[desired], AllRegions=True, aws_retry=True)[
                "Regions"
            ],
        )
        if regions and regions[0].get("OptInStatus") == "not-opted-in":
            self.problems.append(f"The region {desired} is not enabled for this account: enable it in its settings.")

    def check_machines(self) -> None:
        """Check that the instance types exist, that each zone offers them, and that the quota of vCPUs suffices."""
        machines = self._module.params["machines"]
        names = sorted({machine["instance_type"] for machine in machines})
        known = self._read("the instance types", lambda: self._instance_types({"instance-type": names}))
        if known is None:
            return
        self.problems += [
            f"EC2 has no instance type {name} in this region: choose another." for name in names if name not in known
        ]
        if known:
            self._check_zones(sorted(known))
        standard = {name: known[name]["VCpuInfo"]["DefaultVCpus"] for name in known if STANDARD.match(name)}
        needed = sum(machine["count"] * standard.get(machine["instance_type"], 0) for machine in machines)
        if needed:
            self.check_quota("vcpus", needed)

    def _check_zones(self, names: list[str]) -> None:
        offered = self._read("which zones offer the instance types", lambda: self._offerings(names))
        for name, zones in (offered or {}).items():
            missing = [zone for zone in self._module.params["zones"] if zone not in zones]
            if missing:
                self.problems.append(
                    f"{', '.join(missing)}: these zones offer no {name}, which {', '.join(sorted(zones))} offer. "
                    "Choose other zones or another instance type."
                )

    def _offerings(self, names: list[str]) -> dict[str, set[str]]:
        """Return the zones that offer each instance type."""
        filters = boto3_filters({"instance-type": names})
        offered: dict[str, set[str]] = {name: set() for name in names}
        for page in self._pages("describe_instance_type_offerings", LocationType="availability-zone", Filters=filters):
            for offering in page["InstanceTypeOfferings"]:
                offered[offering["InstanceType"]].add(offering["Location"])
        return offered

    def _instance_types(self, filters: dict[str, list[str]]) -> dict[str, Thing]:
        """Return the instance types that match the filters, by name."""
        pages = self._pages("describe_instance_types", Filters=boto3_filters(filters))
        return {found["InstanceType"]: found for page in pages for found in page["InstanceTypes"]}

    def check_plan(self) -> None:
        """Read whether the account has AWS' free plan; if so, check that it allows the machines and the database."""
        self.plan = self._read("the account's plan", self._plan)
        if self.plan == "FREE":
            self._check_free_machines()
            self._check_free_database(self._module.params["database"] or {})

    def _plan(self) -> str:
        try:
            client = self._client("freetier", region=FREE_TIER_REGION)
            return str(client.get_account_plan_state(aws_retry=True)["accountPlanType"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return "PAID"  # An account from before July 2025 has no plan, and no limits of a free plan.

    def _check_free_machines(self) -> None:
        eligible = {"free-tier-eligible": ["true"], "processor-info.supported-architecture": ["x86_64"]}
        free = self._read("which instance types a free plan allows", lambda: self._instance_types(eligible))
        names = {machine["instance_type"] for machine in self._module.params["machines"]}
        if free and names - set(free):
            self.problems.append(
                f"The account has AWS' free plan, on which EC2 does not launch {', '.join(sorted(names - set(free)))}: "
                f"choose among {', '.join(sorted(free))}, {UPGRADE}"
            )

    def _check_free_database(self, database: Thing) -> None:
        if database.get("backup_days", 0) > FREE_BACKUP_DAYS:
            self.problems.append(
                f"The account has AWS' free plan, on which RDS retains backups for at most {FREE_BACKUP_DAYS} day, and "
                f"the database's setting is {database['backup_days']} days: set {FREE_BACKUP_DAYS}, {UPGRADE}"
            )
        if database and not FREE_DATABASES.fullmatch(database["instance_class"]):
            self.problems.append(
                f"The account has AWS' free plan, on which RDS runs no {database['instance_class']}: choose "
                f"db.t4g.micro, {UPGRADE}"
            )

    def check_quota(self, need: str, needed: int) -> None:
        """Check that the quota allows the amount `needed` in addition to what other resources use."""
        quota = QUOTAS[need]
        limit = self._read(f"the quota {quota.code} ({quota.title})", lambda: self._limit(quota))
        used = self._read(f"how many {quota.title} are used", lambda: self._used(quota))
        if limit is None or used is None:
            return
        self.quotas[need] = {"quota": limit, "used": used, "needed": needed}
        if used + needed > limit:
            self.problems.append(
                f"{quota.title}: the site needs {needed}, others use {used}, the account may have {limit}. "
                f"Request an increase (Service Quotas, {quota.code}), or choose smaller sizes."
            )

    def _limit(self, quota: Quota) -> int:
        asked = {"ServiceCode": quota.service, "QuotaCode": quota.code}
        return int(self._client("service-quotas").get_service_quota(aws_retry=True, **asked)["Quota"]["Value"])

    def _used(self, quota: Quota) -> int:
        return sum(
            use for page in self._pages(quota.operation) for thing, use in quota.things(page) if not self._is_own(thing)
        )

    def _pages(self, operation: str, **arguments: Any) -> Any:
        client = self._client("ec2")
        if client.can_paginate(operation):
            return client.get_paginator(operation).paginate(**arguments)
        return [getattr(client, operation)(**arguments)]

    def _is_own(self, thing: Thing) -> bool:
        own = self._module.params["own_tags"]
        return bool(own) and own.items() <= boto3_tag_list_to_ansible_dict(thing.get("Tags", [])).items()

    def _read(self, what: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except (BotoCoreError, ClientError) as error:
            self._module.warn(f"Cannot be read: {what}. {error}")
            return None

    def _client(self, service: str, **options: str) -> Any:
        return self._module.client(service, retry_decorator=AWSRetry.jittered_backoff(retries=5), **options)


def main() -> None:
    """Run the module."""
    needs = {need: {"type": "int", "default": 0} for need in ("addresses", "vpcs")}
    text, number = {"type": "str", "required": True}, {"type": "int", "required": True}
    module = AnsibleAWSModule(
        argument_spec={
            "site_region": {"type": "str", "required": True},
            "machines": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"instance_type": text, "count": number},
            },
            "zones": {"type": "list", "elements": "str", "default": []},
            "database": {"type": "dict", "options": {"instance_class": text, "backup_days": number}},
            "run_minutes": {"type": "int", "default": 0},
            "needs": {"type": "dict", "default": {}, "options": needs, "apply_defaults": True},
            "own_tags": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    readiness = Readiness(module)
    caller = readiness.identify()
    credentials = readiness.describe_credentials()
    readiness.check_region()
    if module.params["machines"]:
        readiness.check_machines()
    if caller["Arn"].startswith("arn:aws:") and (module.params["machines"] or module.params["database"]):
        readiness.check_plan()
    for need, needed in module.params["needs"].items():
        if needed:
            readiness.check_quota(need, needed)
    if readiness.problems:
        module.fail_json(msg="\n".join(readiness.problems), problems=readiness.problems, quotas=readiness.quotas)
    module.exit_json(
        changed=False,
        account_id=caller["Account"],
        partition=caller["Arn"].split(":")[1],
        region=module.params["site_region"],
        caller_arn=caller["Arn"],
        credentials=credentials,
        plan=readiness.plan,
        quotas=readiness.quotas,
    )


if __name__ == "__main__":
    main()
