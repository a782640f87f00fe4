"""Jinja filter: the final snapshots of a database that exceed the number to keep."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Snapshot = Mapping[str, Any]


def old_final_snapshots(snapshots: Iterable[Snapshot], name: str, tags: Mapping[str, str], kept: int) -> list[str]:
    """Return the ids of all final snapshots except the newest `kept`, sorted from newest to oldest.

    The filter considers only snapshots that the role aws_database created: manual snapshots of the database `name`
    that have an id of the form `<name>-final-<14 digits>` and all `tags`. It ignores snapshots that are not available.

    Args:
        snapshots: in the format that amazon.aws.rds_snapshot_info returns.
        name: the identifier of the database.
        tags: the site's tags. If there are none, the filter returns an empty list.
        kept: the number of snapshots to keep.
    """
    wanted = dict(tags)  # items() of Ansible's own mapping type does not support the `<=` below
    final = re.compile(re.escape(name) + r"-final-[0-9]{14}")
    own = [
        snapshot
        for snapshot in snapshots
        if final.fullmatch(snapshot["db_snapshot_identifier"])
        and snapshot["db_instance_identifier"] == name
        and snapshot["snapshot_type"] == "manual"
        and snapshot["status"] == "available"
        and wanted
        and wanted.items() <= {tag["key"]: tag["value"] for tag in snapshot.get("tag_list", [])}.items()
    ]
    newest_first = sorted(own, key=lambda snapshot: str(snapshot["snapshot_create_time"]), reverse=True)
    return [snapshot["db_snapshot_identifier"] for snapshot in newest_first[max(kept, 0) :]]


class FilterModule:
    """The class that Ansible loads."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filters by name."""
        return {"old_final_snapshots": old_final_snapshots}
