"""Scenario 4: a web host is killed under load and replaced; only requests in flight may fail."""

from rehearsal.people import Traffic, reading
from rehearsal.site import Rehearsal

GROUP = "rising-stars-rehearsal-web"
REPLACE_SECONDS = 300
READERS = 2


def play(site: Rehearsal) -> dict[str, object]:
    """Kill one of two web hosts."""
    keep_members(site, 2)
    site.wait(lambda: healthy(site) == 2, what="a second web host", seconds=REPLACE_SECONDS)
    victim = site.instances("web")[0]
    with Traffic(site, reading(READERS, per_second=5)) as traffic:
        site.crash(victim)
        site.wait(
            lambda: is_terminated(site, victim.id),
            what="the end of the killed host's instance",
            seconds=REPLACE_SECONDS,
        )
        seconds = site.wait(lambda: healthy(site) == 2, what="two healthy web hosts", seconds=REPLACE_SECONDS)
    assert sum(traffic.failures.values()) <= READERS, traffic.outcomes
    keep_members(site, 1)
    site.wait(lambda: len(site.instances("web")) == 1, what="the group's former size", seconds=REPLACE_SECONDS)
    return {
        "requests": traffic.total,
        "failed": sum(traffic.failures.values()),
        "replaced_after_seconds": seconds,
    }


def keep_members(site: Rehearsal, count: int) -> None:
    """Set the group's minimum and desired size. With a minimum of 1, the group would shrink under this light load."""
    site.control.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=GROUP, MinSize=count, DesiredCapacity=count
    )


def is_terminated(site: Rehearsal, instance_id: str) -> bool:
    """Whether the instance is no longer running."""
    return all(each.id != instance_id for each in site.instances("web"))


def healthy(site: Rehearsal) -> int:
    """Return the number of running web hosts that the load balancer reports as healthy."""
    client = site.control.client("elbv2")
    (group,) = client.describe_target_groups()["TargetGroups"]
    targets = client.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
    alive = {each.id for each in site.instances("web")}
    return sum(each["TargetHealth"]["State"] == "healthy" and each["Target"]["Id"] in alive for each in targets)
