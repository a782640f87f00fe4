"""Only final snapshots that the role took of this site's database are old, and only those beyond the newest ones."""

from typing import Any

import pytest

from plugins.filter.old_final_snapshots import old_final_snapshots

NAME = "rising-stars-staging"
TAGS = {"Project": "rising-stars", "Environment": "staging"}


def snapshot(day: int, **changes: Any) -> dict[str, Any]:
    own = {
        "db_snapshot_identifier": f"{NAME}-final-202611{day:02}070000",
        "db_instance_identifier": NAME,
        "snapshot_type": "manual",
        "status": "available",
        "snapshot_create_time": f"2026-11-{day:02}T07:00:00+00:00",
        "tag_list": [{"key": key, "value": value} for key, value in {**TAGS, "Name": NAME}.items()],
    }
    return {**own, **changes}


def test_all_but_the_newest_are_old() -> None:
    snapshots = [snapshot(day) for day in (3, 1, 4, 2)]
    assert old_final_snapshots(snapshots, NAME, TAGS, 2) == [
        f"{NAME}-final-20261102070000",
        f"{NAME}-final-20261101070000",
    ]
    assert old_final_snapshots(snapshots, NAME, TAGS, 4) == []
    assert len(old_final_snapshots(snapshots, NAME, TAGS, 0)) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"db_snapshot_identifier": f"{NAME}-before-1"},
        {"db_snapshot_identifier": f"{NAME}-final-1"},
        {"db_snapshot_identifier": f"{NAME}-2-final-20261101070000"},
        {"db_instance_identifier": "another"},
        {"snapshot_type": "automated"},
        {"status": "creating"},
        {"tag_list": []},
        {"tag_list": [{"key": "Project", "value": "rising-stars"}, {"key": "Environment", "value": "production"}]},
    ],
)
def test_any_other_snapshot_is_neither_returned_nor_counted(changes: dict[str, Any]) -> None:
    snapshots = [snapshot(1), snapshot(2), snapshot(3, **changes)]
    assert old_final_snapshots(snapshots, NAME, TAGS, 1) == [f"{NAME}-final-20261101070000"]


def test_without_tags_no_snapshot_is_old() -> None:
    assert old_final_snapshots([snapshot(1)], NAME, {}, 0) == []
