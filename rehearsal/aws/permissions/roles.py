"""The paths and permissions boundaries of roles after the calls so far."""

from rehearsal.aws.recording import Call

BOUNDARY = "iam:PermissionsBoundary"


class Roles:
    """All roles that the recorded calls created. A role without a call that sets its boundary has none."""

    def __init__(self, path: str) -> None:
        """`path` is the path of roles that no recorded call created."""
        self._path = path
        self._paths: dict[str, str] = {}
        self._boundaries: dict[str, str] = {}

    def path(self, call: Call) -> str:
        """Return the path of a call's role."""
        return call.parameters.get("Path") or self._paths.get(_name(call), self._path)

    def context(self, call: Call) -> dict[str, str]:
        """Return the condition key of a call about a role: the boundary in the call, else the role's."""
        if call.service != "iam":
            return {}
        found = call.parameters.get("PermissionsBoundary") or self._boundaries.get(_name(call))
        return {BOUNDARY: found} if found else {}

    def follow(self, call: Call) -> None:
        """Apply the changes of a call."""
        named = call.parameters.get("PermissionsBoundary")
        match call.operation:
            case "CreateRole":
                self._paths[_name(call)] = call.parameters.get("Path", "/")
                self._set(_name(call), named)
            case "PutRolePermissionsBoundary" | "DeleteRole" | "DeleteRolePermissionsBoundary":
                self._set(_name(call), named)

    def _set(self, role: str, boundary: str | None) -> None:
        if boundary:
            self._boundaries[role] = boundary
        else:
            self._boundaries.pop(role, None)


def _name(call: Call) -> str:
    return call.parameters.get("RoleName", "")
