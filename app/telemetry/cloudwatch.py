"""CloudWatch metrics through boto3. Region, endpoint and credentials come from AWS's variables or the instance role."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

MAX_VALUES = 150
"""PutMetricData accepts at most this many values of a metric. Further values are not sent."""

BOUNDS = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 1})
"""Short time-outs (in seconds) and no retries, because the next push follows soon."""


class MetricsNotSent(Exception):
    """CloudWatch did not accept the metrics, or could not be reached."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric and its values. `unit` is one of CloudWatch's unit names ("Seconds", "Count", "Percent")."""

    name: str
    unit: str
    values: Sequence[float]
    dimensions: Mapping[str, str] = field(default_factory=dict)


class CloudWatch:
    """Sends metrics to one CloudWatch namespace."""

    def __init__(self, namespace: str, *, region: str | None = None) -> None:
        self._namespace = namespace
        self._region = region

    @cached_property
    def _client(self) -> Any:
        session: Any = boto3.session.Session(region_name=self._region)
        return session.client("cloudwatch", config=BOUNDS)

    def push(self, metrics: Sequence[Metric]) -> None:
        """Send the metrics that have values, in one request without retries.

        Raises:
            MetricsNotSent
        """
        data = [_datum(metric) for metric in metrics if metric.values]
        try:
            self._client.put_metric_data(Namespace=self._namespace, MetricData=data)
        except (BotoCoreError, ClientError) as error:
            # A client that was created before credentials were available never gets any, so create a new one next time.
            self.__dict__.pop("_client", None)
            raise MetricsNotSent(f"{type(error).__name__}: {error}") from error


def _datum(metric: Metric) -> dict[str, object]:
    return {
        "MetricName": metric.name,
        "Unit": metric.unit,
        "Values": list(metric.values[:MAX_VALUES]),
        "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions.items()],
    }
