"""Patches for an account on AWS' free plan (rehearsal/aws/plans.py)."""

from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.responses.instances import InstanceResponse
from moto.rds.exceptions import RDSClientError
from moto.rds.responses import RDSResponse

from rehearsal.aws import plans
from rehearsal.aws.patches import restores

BACKUP_DAYS = 1


@restores("On a free plan, RunInstances rejects other instance types: InvalidParameterCombination")
def limit_instance_types() -> None:
    run = InstanceResponse.run_instances

    def run_instances(self: Any) -> Any:
        instance_type = self._get_param("InstanceType")
        if plans.account["plan"] == plans.FREE and not INSTANCE_TYPES[instance_type].get("FreeTierEligible"):
            raise EC2ClientError(
                "InvalidParameterCombination",
                "The specified instance type is not eligible for Free Tier. For a list of Free Tier instance types, "
                "run 'describe-instance-types' with the filter 'free-tier-eligible=true'.",
            )
        return run(self)

    InstanceResponse.run_instances = run_instances


@restores("On a free plan, RDS rejects backups of over one day and other sizes than micro: FreeTierRestrictionError")
def limit_databases() -> None:
    create = RDSResponse.create_db_instance

    def create_db_instance(self: Any) -> Any:
        if plans.account["plan"] == plans.FREE:
            _check(int(self.params.get("BackupRetentionPeriod", 1)), self.params["DBInstanceClass"])
        return create(self)

    RDSResponse.create_db_instance = create_db_instance


def _check(backup_days: int, instance_class: str) -> None:
    if backup_days > BACKUP_DAYS:
        raise RDSClientError(
            "FreeTierRestrictionError",
            "The specified backup retention period exceeds the maximum available to free tier customers. "
            "To remove all limitations, upgrade your account plan.",
        )
    if not instance_class.endswith(".micro"):
        raise RDSClientError("FreeTierRestrictionError", "This instance size isn't available with free plan accounts.")
