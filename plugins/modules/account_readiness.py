"""Check that an account is ready for a site, and report all problems at once."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

DOCUMENTATION = r"""
module: account_readiness
short_description: Check that an account is ready for a site
description:
  - Reads the caller's identity, and checks that the region is enabled and that the account's quotas suffice for
    O(needs).
  - Fails with one message for each problem that would stop a run. Warns about each fact that it cannot read.
  - Changes nothing.
author: Rising Stars
extends_documentation_fragment: [amazon.aws.common.modules, amazon.aws.region.modules, amazon.aws.boto3]
options:
  site_region:
    description: The site's region. Must equal the region to which the module sends its calls.
    type: str
    required: true
  needs:
    description: Amount of each quota that the site needs at its maximum size. With 0, the quota is not checked.
    type: dict
    default: {}
    suboptions:
      vcpus: {description: "vCPUs of On-Demand Standard instances.", type: int, default: 0}
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
    needs: {vcpus: 12, addresses: 1, vpcs: 1}
    own_tags: {Project: rising-stars, Environment: production}
"""

RETURN = r"""
account_id: {description: The account's id., returned: always, type: str}
partition: {description: "The account's partition, for example V(aws).", returned: always, type: str}
region: {description: The region., returned: always, type: str}
caller_arn: {description: ARN of the caller., returned: always, type: str}
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


class Readiness:
    """Checks an account, and collects the problems."""

    def __init__(self, module: AnsibleAWSModule) -> None:
        self._module = module
        self.problems: list[str] = []
        self.quotas: dict[str, dict[str, int]] = {}

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
        client = self._client("ec2")
        paged = client.can_paginate(quota.operation)
        pages = client.get_paginator(quota.operation).paginate() if paged else [getattr(client, quota.operation)()]
        return sum(use for page in pages for thing, use in quota.things(page) if not self._is_own(thing))

    def _is_own(self, thing: Thing) -> bool:
        own = self._module.params["own_tags"]
        return bool(own) and own.items() <= boto3_tag_list_to_ansible_dict(thing.get("Tags", [])).items()

    def _read(self, what: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except (BotoCoreError, ClientError) as error:
            self._module.warn(f"Cannot be read: {what}. {error}")
            return None

    def _client(self, service: str) -> Any:
        return self._module.client(service, retry_decorator=AWSRetry.jittered_backoff(retries=5))


def main() -> None:
    """Run the module."""
    needs = {need: {"type": "int", "default": 0} for need in QUOTAS}
    module = AnsibleAWSModule(
        argument_spec={
            "site_region": {"type": "str", "required": True},
            "needs": {"type": "dict", "default": {}, "options": needs, "apply_defaults": True},
            "own_tags": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    readiness = Readiness(module)
    caller = readiness.identify()
    readiness.check_region()
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
        quotas=readiness.quotas,
    )


if __name__ == "__main__":
    main()
