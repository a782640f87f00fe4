"""Patches for Service Quotas."""

from typing import Any

from moto.servicequotas.models import ServiceQuotasBackend

from rehearsal.aws.patches import restores

QUOTAS_OF_EC2 = {"L-1216C47A": 64.0, "L-0263D0A3": 5.0}
"""Quota code → limit: vCPUs of On-Demand Standard instances, as in an established account, and Elastic IP addresses, as
in a new account.
"""


@restores("GetServiceQuota returns EC2's quotas, in addition to VPC's")
def add_quotas_of_ec2() -> None:
    original = ServiceQuotasBackend.get_service_quota

    def get(self: Any, service_code: str, quota_code: str) -> dict[str, Any]:
        if service_code == "ec2" and quota_code in QUOTAS_OF_EC2:
            return {"ServiceCode": "ec2", "QuotaCode": quota_code, "Value": QUOTAS_OF_EC2[quota_code]}
        return original(self, service_code, quota_code)

    ServiceQuotasBackend.get_service_quota = get
