"""What IAM knows of roles: their paths and permissions boundaries, as the calls so far left them."""

from rehearsal.aws.recording import Call

BOUNDARY = "iam:PermissionsBoundary"


class Roles:
    """Every role that a recorded call made. A role that no call gave a boundary has none."""

    def __init__(self, path: str) -> None:
        """`path` is that of roles that no recorded call made."""
        self._path = path
        self._paths: dict[str, str] = {}
        self._boundaries: dict[str, str] = {}

    def path(self, call: Call) -> str:
        """The path of the role that a call is about, or creates."""
        return call.parameters.get("Path") or self._paths.get(_name(call), self._path)

    def context(self, call: Call) -> dict[str, str]:
        """IAM's condition key for a call about a role: the boundary that the call names, else the role's own."""
        if call.service != "iam":
            return {}
        found = call.parameters.get("PermissionsBoundary") or self._boundaries.get(_name(call))
        return {BOUNDARY: found} if found else {}

    def follow(self, call: Call) -> None:
        """Note what a call changes."""
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
