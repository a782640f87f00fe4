"""The metrics that upkeep sends to CloudWatch: the names that alarms use, and their values."""

import datetime as dt
import logging
import time
from typing import Any

import pytest

from app.config import Settings
from app.db.database import read_now
from app.db.models import Job, JobState, Worker
from app.operations import presence
from app.operations.measuring import measure
from app.showcase.ledger import leases
from app.showcase.ledger.leases import Output
from app.storage.s3 import S3Store
from app.telemetry.cloudwatch import CloudWatch
from demo.ports import free_port
from rehearsal.aws.server import MockAws
from tasks.doorbell import HueyDoorbell
from tasks.upkeep import Upkeep
from testing.homes import unique
from tests.ledger import add_clip, claim, job_of

NAMES = {"BacklogPerWorker", "FailedJobs", "QueueAgeSeconds", "RenderSeconds", "WorkerHeartbeat"}


def succeed(settings: Settings) -> None:
    assert leases.succeed(claim(settings), Output("r", "p", 1, "00" * 32), publish=True)


def test_an_idle_site_has_zero_values(settings: Settings) -> None:
    assert settings.s3_bucket
    figures = measure(None)
    assert (figures.queue_age, figures.backlog_per_worker, figures.failed_jobs, figures.healthy_workers) == (0, 0, 0, 0)
    assert figures.renders == []


def test_due_and_running_jobs_are_divided_by_the_number_of_live_workers(settings: Settings) -> None:
    for name in ("host:1", "host:2"):
        presence.report(name, None)
    presence.report("host:3", "its disk is full")
    presence.report("host:4", None)
    Worker.update(seen_at=read_now() - 61).where(Worker.name == "host:4").execute()
    for _ in range(6):
        add_clip(settings)
    claim(settings)
    later = add_clip(settings)
    Job.update(run_at=read_now() + 600).where(Job.video == later).execute()
    figures = measure(None)
    assert figures.backlog_per_worker == 2
    assert figures.healthy_workers == 2


def test_without_a_worker_the_backlog_is_divided_by_one(settings: Settings) -> None:
    for _ in range(3):
        add_clip(settings)
    assert measure(None).backlog_per_worker == 3


def test_the_oldest_due_job_and_recent_failures_are_measured(settings: Settings) -> None:
    old, failed, long_failed = (add_clip(settings) for _ in range(3))
    now = read_now()
    Job.update(run_at=now - 100).where(Job.video == old).execute()
    for video, age in ((failed, 899), (long_failed, 901)):
        Job.update(state=JobState.FAILED, finished_at=now - age).where(Job.video == video).execute()
    figures = measure(None)
    assert figures.queue_age == pytest.approx(100, abs=5)
    assert figures.failed_jobs == 1


def test_each_render_is_reported_once(settings: Settings) -> None:
    first = add_clip(settings)
    succeed(settings)
    Job.update(started_at=Job.finished_at - 12.5).where(Job.video == first).execute()
    figures = measure(read_now() - 60)
    assert figures.renders == [pytest.approx(12.5)]
    assert measure(figures.measured_at).renders == []
    add_clip(settings)
    succeed(settings)
    assert len(measure(figures.measured_at).renders) == 1


@pytest.fixture
def cloudwatch(aws: MockAws, monkeypatch: pytest.MonkeyPatch) -> CloudWatch:
    """Mock CloudWatch with a unique namespace. Mock AWS has no bucket for the site; the tests need none."""
    for name, value in aws.env.items():
        monkeypatch.setenv(name, value)
    return CloudWatch(unique("RisingStars/t"))


def upkeep(settings: Settings, cloudwatch: CloudWatch | None) -> Upkeep:
    store = S3Store(settings.s3_bucket, presigned_url_seconds=60)
    made = Upkeep(store, HueyDoorbell(settings), settings, cloudwatch)
    made._swept_at = time.monotonic()
    return made


def test_a_pass_sends_all_metrics_in_one_request(settings: Settings, aws: MockAws, cloudwatch: CloudWatch) -> None:
    presence.report("host:1", None)
    looking_after = upkeep(settings, cloudwatch)
    before = len(aws.operations())
    looking_after.make_pass()
    add_clip(settings)
    succeed(settings)
    looking_after.make_pass()
    assert aws.operations()[before:] == ["PutMetricData"] * 2
    found: list[Any] = aws.client("cloudwatch").list_metrics(Namespace=cloudwatch._namespace)["Metrics"]
    assert {metric["MetricName"] for metric in found} == NAMES
    assert all(metric["Dimensions"] == [] for metric in found)
    assert maximum(aws, cloudwatch, "WorkerHeartbeat") == 1


def maximum(aws: MockAws, cloudwatch: CloudWatch, name: str) -> float:
    now = dt.datetime.now(dt.UTC)
    answer = aws.client("cloudwatch").get_metric_statistics(
        Namespace=cloudwatch._namespace,
        MetricName=name,
        StartTime=now - dt.timedelta(minutes=5),
        EndTime=now + dt.timedelta(minutes=5),
        Period=60,
        Statistics=["Maximum"],
    )
    return float(answer["Datapoints"][0]["Maximum"])


def test_upkeep_continues_when_aws_does_not_answer(
    settings: Settings,
    cloudwatch: CloudWatch,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    video = add_clip(settings)
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        upkeep(settings, cloudwatch).make_pass()
    assert time.monotonic() - began < 8
    assert job_of(video).dispatched_at is not None


def test_without_a_namespace_no_metric_is_sent(settings: Settings, aws: MockAws) -> None:
    before = len(aws.operations())
    upkeep(settings, None).make_pass()
    assert aws.operations()[before:] == []
