"""Patches for RDS."""

from typing import Any

from moto.ec2.models import ec2_backends
from moto.rds import models
from moto.rds.exceptions import DBParameterGroupNotFoundError

from rehearsal.aws.patches import restores

NEWEST_MINOR = {"13": "13.23", "14": "14.20", "15": "15.15", "16": "16.11", "17": "17.7"}

GP3_IOPS = 3000
GP3_THROUGHPUT = 125

# Some of PostgreSQL's parameters, as AWS describes them.
PARAMETERS = (
    {"ParameterName": "rds.force_ssl", "DataType": "boolean", "AllowedValues": "0,1", "ApplyType": "dynamic"},
    {"ParameterName": "log_connections", "DataType": "boolean", "AllowedValues": "0,1", "ApplyType": "dynamic"},
)


@restores("DescribeDBParameterGroups fails for an unknown name: DBParameterGroupNotFound")
def refuse_unknown_parameter_groups() -> None:
    describe = models.RDSBackend.describe_db_parameter_groups

    def refuse(self: Any, arguments: dict[str, Any]) -> Any:
        found = describe(self, arguments)
        if arguments.get("db_parameter_group_name") and not found:
            raise DBParameterGroupNotFoundError(arguments["db_parameter_group_name"])
        return found

    models.RDSBackend.describe_db_parameter_groups = refuse


@restores("A parameter group contains all parameters of its family, with AWS' defaults")
def fill_parameter_groups() -> None:
    make = models.DBParameterGroup.__init__

    def fill(self: Any, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        if str(self.family).startswith("postgres"):
            for parameter in PARAMETERS:
                self.parameters[parameter["ParameterName"]].update(
                    parameter, IsModifiable=True, Source="engine-default"
                )

    models.DBParameterGroup.__init__ = fill


@restores("gp3 storage has 3000 IOPS and 125 MiB/s by default")
def set_gp3_performance() -> None:
    make = models.DBInstance.__init__

    def create_with_performance(self: Any, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        if getattr(self, "storage_type", "") == "gp3":
            self.iops = self.iops or GP3_IOPS
            self.storage_throughput = self.storage_throughput or GP3_THROUGHPUT

    models.DBInstance.__init__ = create_with_performance


@restores("A database keeps its Performance Insights settings: enabled, retention period and key")
def remember_performance_insights() -> None:
    make = models.DBInstance.__init__

    def remember(self: Any, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        self.performance_insights_enabled = kwargs.get("enable_performance_insights", False)
        if self.performance_insights_enabled:
            self.performance_insights_retention_period = kwargs.get("performance_insights_retention_period", 7)
            self.performance_insights_kms_key_id = kwargs.get("performance_insights_kms_key_id", "alias/aws/rds")

    models.DBInstance.__init__ = remember


@restores("CreateDBInstance resolves a major engine version to its newest minor version, and reports the minor version")
def resolve_engine_versions() -> None:
    create = models.RDSBackend.create_db_instance

    def resolve(self: Any, arguments: dict[str, Any]) -> Any:
        version = str(arguments.get("engine_version", ""))
        if arguments.get("engine") == "postgres" and version in NEWEST_MINOR:
            arguments = {**arguments, "engine_version": NEWEST_MINOR[version]}
        return create(self, arguments)

    models.RDSBackend.create_db_instance = resolve


@restores("RestoreDBInstanceToPointInTime uses the default subnet, security and parameter groups if it names none")
def give_copies_default_groups() -> None:
    restore = models.RDSBackend.restore_db_instance_to_point_in_time

    def restore_with_defaults(self: Any, source: str, target: str, overrides: Any) -> Any:
        copy = restore(self, source, target, overrides)
        given = {name for name, value in overrides.items() if value}
        if "db_subnet_group_name" not in given:
            copy.db_subnet_group_name = copy.db_subnet_group = None
        if "vpc_security_group_ids" not in given:
            ec2: Any = ec2_backends[self.account_id][self.region_name]
            copy.vpc_security_group_ids = [ec2.get_default_security_group(ec2.default_vpc.id).id]
        if "db_parameter_group_name" not in given:
            copy.db_parameter_group_name = None
        copy.multi_az = bool(overrides.get("MultiAZ"))
        copy.deletion_protection = bool(overrides.get("DeletionProtection"))
        copy.copy_tags_to_snapshot = bool(overrides.get("CopyTagsToSnapshot"))
        return copy

    models.RDSBackend.restore_db_instance_to_point_in_time = restore_with_defaults
