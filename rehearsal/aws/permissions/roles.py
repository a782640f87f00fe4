"""Track roles' paths and permissions boundaries from one recorded call to the next."""

from rehearsal.aws.recording import Call

BOUNDARY = "iam:PermissionsBoundary"
SERVICE = "iam:AWSServiceName"
SERVICE_LINKED = "AWSServiceRoleFor"
"""The prefix of the names of service-linked roles."""


class Roles:
    """The roles in the recorded calls. A role has a permissions boundary only if a call has set one."""

    def __init__(self, path: str) -> None:
        """`path` is the path of every role that no recorded call created."""
        self._path = path
        self._paths: dict[str, str] = {}
        self._boundaries: dict[str, str] = {}

    def path(self, call: Call) -> str:
        """Return the IAM path of the role or instance profile that a call concerns."""
        if _name(call).startswith(SERVICE_LINKED):
            return "/aws-service-role/any/"
        return call.parameters.get("Path") or self._paths.get(_name(call), self._path)

    def context(self, call: Call) -> dict[str, str]:
        """Return the condition key for a call about a role, with its value.

        For a service-linked role, the value is the role's service. For any other role, it is the permissions boundary
        in the call or, if the call names none, the role's current boundary.
        """
        if call.service != "iam":
            return {}
        if "AWSServiceName" in call.parameters:
            return {SERVICE: call.parameters["AWSServiceName"]}
        found = call.parameters.get("PermissionsBoundary") or self._boundaries.get(_name(call))
        return {BOUNDARY: found} if found else {}

    def follow(self, call: Call) -> None:
        """Apply the changes that a call makes."""
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
