"""A recorded call → IAM's actions, and what each is about."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from rehearsal.aws.permissions import by_name, ec2, rest
from rehearsal.aws.permissions.roles import Roles
from rehearsal.aws.recording import Call

PREFIXES = {"monitoring": "cloudwatch"}
"""Services that IAM calls otherwise than their signature does."""
NOBODY_IS_REFUSED = "sts"
SPECIAL: dict[str, Callable[[Call], Iterator[by_name.Needed]]] = {
    "ec2": ec2.needed,
    "s3": rest.needed_by_s3,
    "route53": rest.needed_by_route53,
}


@dataclass(frozen=True)
class Asked:
    """One permission: may this action be done to this resource?"""

    action: str
    resource: str
    """Its ARN; "*" where the request names none."""
    context: Mapping[str, str] = field(default_factory=dict, hash=False)
    """IAM's condition keys and their values."""


@dataclass(frozen=True)
class Site:
    """What AWS knows of a site without being told in a request."""

    tags: Mapping[str, str]
    """Of all that belongs to it."""
    foreign_images: Mapping[str, str]
    """Images that others publish → their owner."""

    def asked(self, call: Call, roles: Roles) -> list[Asked]:
        """All that must be allowed for a call to be served, by what the calls before it left."""
        service = PREFIXES.get(call.service, call.service)
        if service == NOBODY_IS_REFUSED:
            return []
        needed = SPECIAL[service](call) if service in SPECIAL else by_name.needed(service, call, roles.path(call))
        limit = roles.context(call)
        return [Asked(action, about, {**self._known(action, about), **limit, **told}) for action, about, told in needed]

    def _known(self, action: str, resource: str) -> dict[str, str]:
        kind, _, identity = resource.rpartition(":")[2].partition("/")
        if identity in self.foreign_images:
            return {"ec2:Owner": self.foreign_images[identity]}
        if not resource.startswith("arn:aws:ec2:") or identity == ec2.NEW or kind in ec2.UNTAGGED.get(action, ()):
            return {}
        return {f"aws:ResourceTag/{key}": value for key, value in self.tags.items()}
