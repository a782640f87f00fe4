"""Simulate CloudWatch's evaluation of the site's alarms and target tracking policies.

Evaluation periods are shortened: a CloudWatch minute lasts `MINUTE` seconds here. Rates are not scaled: a target of
1200 requests per minute still means 20 requests per second. The metrics that machines send are used unchanged. Policies
on CPU utilization are ignored, because a container measures the utilization of the whole computer.
"""

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from rehearsal.control import Control, Group

log = structlog.get_logger(__name__)

MINUTE = 5.0
"""The length of an evaluation minute, in seconds; policies and alarms are thus evaluated 12 times as fast as in AWS."""

OUT_AFTER, IN_AFTER = 3, 15
"""As on AWS, a group scales out after 3 consecutive minutes above the target, and scales in after 15 well below it."""

IN_BELOW = 0.9
"""A figure below this fraction of the target counts as well below it."""

NEWEST_SECONDS = 180
"""The maximum age, in seconds, of a data point that counts as current."""


@dataclass
class Tracking:
    """The data points of one policy: one per minute, the newest last."""

    seen: deque[float] = field(default_factory=lambda: deque(maxlen=IN_AFTER))

    def desired_capacity(self, figure: float, target: float, current: int) -> int:
        """Add a minute's data point, and return the desired number of members."""
        self.seen.append(figure)
        last = list(self.seen)
        if len(last) >= OUT_AFTER and min(last[-OUT_AFTER:]) > target:
            return max(current + 1, math.ceil(current * min(last[-OUT_AFTER:]) / target))
        if len(last) == IN_AFTER and max(last) < target * IN_BELOW:
            return min(current - 1, max(math.ceil(current * max(last) / target), current - 1))
        return current


@dataclass
class Scaling:
    """Evaluates the policies and alarms every `MINUTE`."""

    control: Control
    _tracking: dict[str, Tracking] = field(default_factory=dict)
    _evaluated: float = field(default_factory=time.monotonic)
    _requests: int | None = None

    def follow(self, groups: Mapping[str, Group], health: Mapping[str, bool], requests: int) -> None:
        """Evaluate all policies and alarms if a minute has passed. `requests` is the load balancer's request count."""
        now = time.monotonic()
        if now - self._evaluated < MINUTE:
            return
        before, since = self._requests, now - self._evaluated
        self._requests, self._evaluated = requests, now
        per_minute = (requests - before) * 60 / since if before is not None and requests >= before else 0.0
        for group in groups.values():
            if all(health.get(member, True) for member in group.members):
                self._scale(group, per_minute / max(len(group.members), 1))
        self._alarms()

    def _scale(self, group: Group, requests_per_target: float) -> None:
        """Scale to the highest capacity that any policy computes. If the capacity changes, discard all data points."""
        capacities = [
            self._tracking.setdefault(name, Tracking()).desired_capacity(figure, target, group.desired)
            for name, target, figure in self._figures(group, requests_per_target)
        ]
        desired = max(group.smallest, min(group.largest, max(capacities, default=group.desired)))
        if desired != group.desired:
            log.info("group_scales", group=group.name, members=group.desired, desired=desired)
            self._tracking.clear()
            self.control.client("autoscaling").set_desired_capacity(
                AutoScalingGroupName=group.name, DesiredCapacity=desired
            )

    def _figures(self, group: Group, requests_per_target: float) -> Iterator[tuple[str, float, float]]:
        """Yield each policy's name, target value and current metric value, if the policy can be evaluated here."""
        for policy in self.control.client("autoscaling").describe_policies(AutoScalingGroupName=group.name)[
            "ScalingPolicies"
        ]:
            tracking = policy["TargetTrackingConfiguration"]
            if "CustomizedMetricSpecification" in tracking:
                figure = self._newest(tracking["CustomizedMetricSpecification"])
            elif tracking["PredefinedMetricSpecification"]["PredefinedMetricType"] == "ALBRequestCountPerTarget":
                figure = requests_per_target
            else:
                continue
            if figure is not None:
                yield policy["PolicyName"], tracking["TargetValue"], figure

    def _newest(self, metric: Mapping[str, Any]) -> float | None:
        return self._value(metric, metric["Statistic"], NEWEST_SECONDS)

    def _value(self, metric: Mapping[str, Any], statistic: str, seconds: float) -> float | None:
        """Return the metric's newest value from the last `seconds`; None if there is none."""
        now = datetime.now(UTC)
        points = self.control.client("cloudwatch").get_metric_statistics(
            Namespace=metric["Namespace"],
            MetricName=metric["MetricName"],
            Dimensions=metric.get("Dimensions", []),
            StartTime=now - timedelta(seconds=seconds),
            EndTime=now,
            Period=60,
            Statistics=[statistic],
        )["Datapoints"]
        newest = max(points, key=lambda point: point["Timestamp"], default=None)
        return None if newest is None else float(newest[statistic])

    def _alarms(self) -> None:
        """Set the state of each alarm on a metric that machines send. AWS' own metrics (AWS/…) do not exist here."""
        client = self.control.client("cloudwatch")
        for alarm in client.describe_alarms()["MetricAlarms"]:
            if "MetricName" not in alarm or alarm["Namespace"].startswith("AWS/"):
                continue
            state = self._state(alarm)
            if state != alarm["StateValue"]:
                log.info("alarm", name=alarm["AlarmName"], state=state)
                client.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue=state, StateReason="Rehearsed")

    def _state(self, alarm: Mapping[str, Any]) -> str:
        value = self._value(alarm, alarm["Statistic"], max(alarm["Period"], NEWEST_SECONDS))
        if value is None:
            treated = {"breaching": "ALARM", "notBreaching": "OK", "ignore": alarm["StateValue"]}
            return str(treated.get(alarm.get("TreatMissingData", "missing"), "INSUFFICIENT_DATA"))
        threshold = alarm["Threshold"]
        compared = {
            "GreaterThanThreshold": value > threshold,
            "GreaterThanOrEqualToThreshold": value >= threshold,
            "LessThanThreshold": value < threshold,
            "LessThanOrEqualToThreshold": value <= threshold,
        }
        return "ALARM" if compared[alarm["ComparisonOperator"]] else "OK"
