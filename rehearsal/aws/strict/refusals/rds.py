"""What RDS rejects."""

import re
import time
from typing import Any

from rehearsal.aws.strict.hooks import after
from rehearsal.aws.strict.refusals import number, outside, refuses, zones

GUIDE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide"
WITHOUT_NEW_POSTGRES = ("db.t2.", "db.m4.", "db.r4.", "db.m3.", "db.r3.", "db.m1.", "db.t1.")
"""Prefixes of the instance classes that support only PostgreSQL below 13."""
GP3_THRESHOLD_GIB = 400
SIX_HOURS_SECONDS = 6 * 3600

_STORAGE_CHANGED: dict[str, float] = {}
"""Database → when its storage was changed last."""


def is_identifier(text: str, most: int) -> bool:
    return re.fullmatch(r"[A-Za-z](-?[A-Za-z0-9])*", text) is not None and len(text) <= most


@refuses(
    "A database's name",
    "rds",
    "CreateDBInstance",
    "RestoreDBInstanceFromDBSnapshot",
    code="InvalidParameterValue",
    words="Must contain from 1 to 63 letters, numbers, or hyphens.",
)
def refuse_identifiers(request: Any) -> bool:
    return not is_identifier(request._get_param("DBInstanceIdentifier"), 63)


@refuses(
    "A parameter group's name",
    "rds",
    "CreateDBParameterGroup",
    code="InvalidParameterValue",
    words="Must be 1 to 255 letters, numbers, or hyphens.",
)
def refuse_parameter_group_names(request: Any) -> bool:
    return not is_identifier(request._get_param("DBParameterGroupName"), 255)


@refuses(
    "The master user's name",
    "rds",
    "CreateDBInstance",
    code="InvalidParameterValue",
    words="Must be 1 to 16 letters, numbers, or underscores.",
)
def refuse_usernames(request: Any) -> bool:
    name = request._get_param("MasterUsername")
    return name is not None and re.fullmatch(r"[A-Za-z]\w{0,15}", name, re.ASCII) is None


@refuses(
    "The master user's password: characters",
    "rds",
    "CreateDBInstance",
    "ModifyDBInstance",
    code="InvalidParameterValue",
    words='Can include any printable ASCII character except "/", """, or "@".',
)
def refuse_characters_in_passwords(request: Any) -> bool:
    password = request._get_param("MasterUserPassword")
    return password is not None and re.fullmatch(r'[^/"@\x00-\x20\x7f-\U0010ffff]*', password) is None


@refuses(
    "The master user's password: length",
    "rds",
    "CreateDBInstance",
    "ModifyDBInstance",
    code="InvalidParameterValue",
    words="RDS for PostgreSQL - Must contain from 8 to 128 characters.",
)
def refuse_lengths_of_passwords(request: Any) -> bool:
    password = request._get_param("MasterUserPassword")
    return password is not None and outside(len(password), 8, 128)


@refuses(
    "A database's storage",
    "rds",
    "CreateDBInstance",
    "ModifyDBInstance",
    code="InvalidParameterValue",
    words="General Purpose (SSD) storage (gp2, gp3): Must be an integer from 20 to 65536.",
)
def refuse_sizes(request: Any) -> bool:
    return outside(number(request, "AllocatedStorage"), 20, 65536)


@refuses(
    "gp3 below 400 GiB takes neither IOPS nor throughput",
    "rds",
    "CreateDBInstance",
    "ModifyDBInstance",
    code="InvalidParameterCombination",
    words="you can provision additional IOPS and storage throughput when storage size is at or above the threshold "
    "value",
    page=f"{GUIDE}/CHAP_Storage.html",
)
def refuse_performance_of_small_gp3(request: Any) -> bool:
    asked = number(request, "Iops") or number(request, "StorageThroughput")
    known = request.backend.databases.get(request._get_param("DBInstanceIdentifier"))
    kind = request._get_param("StorageType") or getattr(known, "storage_type", None)
    size = number(request, "AllocatedStorage") or int(getattr(known, "allocated_storage", 0))
    return bool(asked) and kind == "gp3" and size < GP3_THRESHOLD_GIB


@refuses(
    "Storage grows by ten percent or more, and never shrinks",
    "rds",
    "ModifyDBInstance",
    code="InvalidParameterCombination",
    words="When you increase the allocated storage, you must increase it by at least 10 percent.",
    page=f"{GUIDE}/USER_PIOPS.ModifyingExisting.ScalingUp.html",
)
def refuse_small_growth(request: Any) -> bool:
    old, new = size_before(request), number(request, "AllocatedStorage")
    return new is not None and new != old and new * 10 < old * 11


@refuses(
    "Six hours between two changes of the storage",
    "rds",
    "ModifyDBInstance",
    code="InvalidParameterCombination",
    words="You can't make further storage modifications for either six (6) hours or until storage optimization has "
    "completed on the instance, whichever is longer.",
    page=f"{GUIDE}/USER_PIOPS.ModifyingExisting.ScalingUp.html",
)
def refuse_early_growth(request: Any) -> bool:
    changed = _STORAGE_CHANGED.get(request._get_param("DBInstanceIdentifier"), -SIX_HOURS_SECONDS)
    return grows(request) and time.monotonic() - changed < SIX_HOURS_SECONDS


@after("rds", "ModifyDBInstance")
def note_growth(request: Any, _result: Any) -> None:
    if request.grows:
        _STORAGE_CHANGED[request._get_param("DBInstanceIdentifier")] = time.monotonic()


@after("rds", "CreateDBInstance", "RestoreDBInstanceFromDBSnapshot")
def forget_growth(request: Any, _result: Any) -> None:
    """Forget the growth of a deleted database, because a new database may have the same name."""
    _STORAGE_CHANGED.pop(request._get_param("DBInstanceIdentifier"), None)


def grows(request: Any) -> bool:
    """Return whether the request changes the storage's size. Store the result for `note_growth`."""
    request.grows = number(request, "AllocatedStorage") not in {None, size_before(request)}
    return bool(request.grows)


def size_before(request: Any) -> int:
    """Return the current storage of the database that the request changes."""
    database = request.backend.databases.get(request._get_param("DBInstanceIdentifier"))
    return int(getattr(database, "allocated_storage", 0))


@refuses(
    "The limit of automatic growth",
    "rds",
    "CreateDBInstance",
    "ModifyDBInstance",
    code="InvalidParameterCombination",
    words="You must set the maximum storage threshold to at least 10% more than the current allocated storage.",
    page=f"{GUIDE}/USER_PIOPS.Autoscaling.html",
)
def refuse_low_limits(request: Any) -> bool:
    most, size = number(request, "MaxAllocatedStorage"), number(request, "AllocatedStorage") or size_before(request)
    return most is not None and most * 10 < size * 11


@refuses(
    "The retention of backups",
    "rds",
    "CreateDBInstance",
    "ModifyDBInstance",
    code="InvalidParameterValue",
    words="Must be a value from 0 to 35.",
)
def refuse_backup_retention(request: Any) -> bool:
    return outside(number(request, "BackupRetentionPeriod"), 0, 35)


@refuses(
    "The retention of Performance Insights",
    "rds",
    "CreateDBInstance",
    "ModifyDBInstance",
    code="InvalidParameterValue",
    words="month * 31, where month is a number of months from 1-23.",
)
def refuse_insights_retention(request: Any) -> bool:
    days = number(request, "PerformanceInsightsRetentionPeriod")
    return days not in {None, 7, 731, *(month * 31 for month in range(1, 24))}


@refuses(
    "A backup window is half an hour or longer",
    "rds",
    "CreateDBInstance",
    "ModifyDBInstance",
    code="InvalidParameterValue",
    words="Must be at least 30 minutes.",
)
def refuse_short_windows(request: Any) -> bool:
    window = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", request._get_param("PreferredBackupWindow") or "")
    if window is None:
        return False
    begin, end = (int(window[hour]) * 60 + int(window[hour + 1]) for hour in (1, 3))
    return (end - begin) % (24 * 60) < 30


@refuses(
    "An instance class of an old generation and a new version of PostgreSQL",
    "rds",
    "CreateDBInstance",
    code="InvalidParameterCombination",
    words="Not all DB instance classes are available in all Amazon Web Services Regions, or for all database engines.",
)
def refuse_old_classes(request: Any) -> bool:
    major = int(str(request._get_param("EngineVersion") or "17").partition(".")[0])
    return major >= 13 and str(request._get_param("DBInstanceClass")).startswith(WITHOUT_NEW_POSTGRES)


@refuses(
    "A subnet group's zones",
    "rds",
    "CreateDBSubnetGroup",
    "ModifyDBSubnetGroup",
    code="DBSubnetGroupDoesNotCoverEnoughAZs",
    words="DB subnet groups must contain at least one subnet in at least two AZs in the Amazon Web Services Region.",
)
def refuse_single_zones(request: Any) -> bool:
    return len(zones(request, request._get_param("SubnetIds"))) < 2
