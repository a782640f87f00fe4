"""Auto Scaling in a rehearsal: check the health of each group's members, and replace unhealthy members, as AWS does."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from rehearsal.control import Control, Group

log = structlog.get_logger(__name__)


@dataclass
class Health:
    """Checks the groups' members. `is_dead` returns whether an instance's machine has crashed."""

    control: Control
    is_dead: Callable[[str], bool]
    _seen: dict[str, float] = field(default_factory=dict)

    def follow(self, groups: Mapping[str, Group], health: Mapping[str, bool]) -> None:
        """Replace dead members and, in groups that use ELB health checks, unhealthy members after the grace period."""
        now = time.monotonic()
        for group in groups.values():
            for member in group.members:
                since = self._seen.setdefault(member, now)
                unhealthy = group.health_check == "ELB" and not health.get(member, True)
                if self.is_dead(member) or (unhealthy and now - since > group.grace_seconds):
                    log.info("machine_is_replaced", instance=member, group=group.name, dead=self.is_dead(member))
                    self.control.replace(member)
