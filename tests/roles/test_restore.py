"""What restore_site.yml checks before it changes anything. The rehearsal's scenario 9 tests the restore itself."""

from typing import Any

import pytest

from rehearsal.aws.server import MockAws
from rehearsal.operator.whole_site import ENVIRONMENT, Operator
from tests.roles.infrastructure import SMALL_DATABASE

pytestmark = pytest.mark.slow

NAME = f"rising-stars-{ENVIRONMENT}"
BUCKET = f"{NAME}-media-123456789012-us-east-1"
CLIP = "processed-videos/1/2.mp4"


@pytest.fixture(scope="module")
def operator(aws: MockAws, released: dict[str, str]) -> Operator:
    return Operator(aws, released)


def test_a_restore_without_a_snapshot_is_refused(operator: Operator) -> None:
    run = operator.run("restore_site")
    assert run.code != 0
    assert f"There is no available snapshot of {NAME}" in " ".join(run.output.split())
    assert run.writes == {}


@pytest.fixture(scope="module")
def deleted_site(operator: Operator) -> Any:
    """Create what remains of a site that was deleted without purge: a final snapshot, and a version of a deleted clip.

    Return an S3 client.
    """
    rds, s3 = operator.aws.client("rds"), operator.aws.client("s3")
    operator.aws.prepare_for_databases()
    rds.create_db_instance(DBInstanceIdentifier=NAME, **SMALL_DATABASE)
    rds.delete_db_instance(DBInstanceIdentifier=NAME, FinalDBSnapshotIdentifier=f"{NAME}-final-1")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=BUCKET, Key=CLIP, Body=b"a clip")
    s3.delete_object(Bucket=BUCKET, Key=CLIP)
    return s3


@pytest.mark.usefixtures("deleted_site")
def test_a_missing_snapshot_is_named(operator: Operator) -> None:
    run = operator.run("restore_site", snapshot="another")
    assert run.code != 0
    assert "There is no available snapshot another in us-east-1" in " ".join(run.output.split())
    assert run.writes == {}


@pytest.mark.usefixtures("deleted_site")
def test_an_invalid_time_is_refused_before_anything_is_created(operator: Operator) -> None:
    run = operator.run("restore_site", clips_since="yesterday")
    assert run.code != 0
    assert "aws_storage_restore_since is yesterday: set a moment with its offset" in " ".join(run.output.split())
    assert run.writes == {}


def test_a_plan_says_what_would_be_restored_and_restores_nothing(operator: Operator, deleted_site: Any) -> None:
    plan = operator.succeed("restore_site", "--check")
    assert f"The database is restored from {NAME}-final-1" in " ".join(plan.output.split())
    assert "aws_storage : Restore deleted clips" in plan.changes
    assert plan.writes == {}
    assert "Contents" not in deleted_site.list_objects_v2(Bucket=BUCKET)
