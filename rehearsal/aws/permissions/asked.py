"""Derive from a recorded call which IAM actions must be allowed on which resources."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from rehearsal.aws.permissions import by_name, ec2, rest
from rehearsal.aws.permissions.roles import Roles
from rehearsal.aws.recording import Call

PREFIXES = {"monitoring": "cloudwatch"}
"""Service name in a request's signature → service name in IAM actions, where the two differ."""
WITHOUT_PERMISSIONS = "sts"
"""Ansible's modules call STS only for GetCallerIdentity, which needs no permission."""
SPECIAL: dict[str, Callable[[Call], Iterator[by_name.Needed]]] = {
    "ec2": ec2.needed,
    "s3": rest.needed_by_s3,
    "route53": rest.needed_by_route53,
}


@dataclass(frozen=True)
class Asked:
    """A permission that a call needs: an action on a resource."""

    action: str
    resource: str
    """The resource's ARN; "*" if the request names none."""
    context: Mapping[str, str] = field(default_factory=dict, hash=False)
    """IAM's condition keys with their values."""


@dataclass(frozen=True)
class Site:
    """The facts about a site's resources that AWS evaluates when it authorizes a request."""

    tags: Mapping[str, str]
    """The tags that every resource of the site has."""
    foreign_images: Mapping[str, str]
    """The ID of each public image → the ID of the account that owns the image."""

    def asked(self, call: Call, roles: Roles) -> list[Asked]:
        """Return all permissions that a call needs. All earlier calls must have been passed to `roles.follow`."""
        service = PREFIXES.get(call.service, call.service)
        if service == WITHOUT_PERMISSIONS:
            return []
        needed = SPECIAL[service](call) if service in SPECIAL else by_name.needed(service, call, roles.path(call))
        limit = roles.context(call)
        return [Asked(action, about, {**self._known(about), **limit, **keys}) for action, about, keys in needed]

    def _known(self, resource: str) -> dict[str, str]:
        identity = resource.rpartition(":")[2].partition("/")[2]
        if identity in self.foreign_images:
            return {"ec2:Owner": self.foreign_images[identity]}
        if not resource.startswith("arn:aws:ec2:") or identity == ec2.NEW:
            return {}
        return {f"aws:ResourceTag/{key}": value for key, value in self.tags.items()}
