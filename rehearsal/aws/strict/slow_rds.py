"""Creating, backing up, changing or deleting a database takes time. Meanwhile, RDS rejects changes to it."""

from typing import Any

from rehearsal.aws.strict.hooks import Refusal, after, before
from rehearsal.aws.strict.transitions import advanced_by, pass_through

GONE = "gone"
"""The last state of a deletion: RDS no longer lists the database."""

advanced_by("database", "rds", "DescribeDBInstances")
advanced_by("database snapshot", "rds", "DescribeDBSnapshots")


def change_database(database: Any, *states: str) -> None:
    def set_state(state: str) -> None:
        if state == GONE:
            database.backend.databases.pop(database.db_instance_identifier, None)
        else:
            database.status = state

    pass_through("database", set_state, states)


@after("rds", "CreateDBInstance")
def create(_request: Any, result: Any) -> None:
    change_database(result["DBInstance"], "creating", "backing-up", "available")


@after("rds", "RestoreDBInstanceFromDBSnapshot", "RestoreDBInstanceToPointInTime")
def restore(_request: Any, result: Any) -> None:
    change_database(result["DBInstance"], "creating", "modifying", "available")


@after("rds", "ModifyDBInstance")
def modify(_request: Any, result: Any) -> None:
    change_database(result["DBInstance"], "modifying", "available")


@after("rds", "RebootDBInstance")
def reboot(_request: Any, result: Any) -> None:
    change_database(result["DBInstance"], "rebooting", "available")


@after("rds", "DeleteDBInstance")
def delete(_request: Any, result: Any) -> None:
    database = result["DBInstance"]
    database.backend.databases[database.db_instance_identifier] = database
    change_database(database, "deleting", GONE)


@before("rds", "ModifyDBInstance", "RebootDBInstance", "DeleteDBInstance", "CreateDBSnapshot")
def refuse_changes_meanwhile(request: Any) -> None:
    name = request._get_param("DBInstanceIdentifier")
    database = request.backend.databases.get(name)
    if database is not None and database.status != "available":
        raise Refusal("InvalidDBInstanceState", f"Database instance {name} is not in available state.")


@after("rds", "CreateDBSnapshot")
def create_snapshot(_request: Any, result: Any) -> None:
    snapshot = result["DBSnapshot"]
    pass_through("database snapshot", lambda state: setattr(snapshot, "status", state), ["creating", "available"])


@before("rds", "DeleteDBSnapshot")
def refuse_unfinished_snapshots(request: Any) -> None:
    name = request._get_param("DBSnapshotIdentifier")
    snapshot = request.backend.database_snapshots.get(name)
    if snapshot is not None and snapshot.status != "available":
        raise Refusal("InvalidDBSnapshotState", f"Cannot delete the snapshot {name} in state {snapshot.status}.")


@before("rds", "DeleteDBSubnetGroup")
def refuse_subnet_groups_in_use(request: Any) -> None:
    name = request._get_param("DBSubnetGroupName")
    if any(database._db_subnet_group_name == name for database in request.backend.databases.values()):
        raise Refusal("InvalidDBSubnetGroupStateFault", f"Cannot delete the subnet group '{name}': it is in use.")


@before("rds", "DeleteDBParameterGroup")
def refuse_parameter_groups_in_use(request: Any) -> None:
    name = request._get_param("DBParameterGroupName")
    if any(name == database.db_parameter_group_name for database in request.backend.databases.values()):
        raise Refusal(
            "InvalidDBParameterGroupState",
            "One or more database instances are still members of this parameter group, so the group cannot be deleted",
        )
