"""Reject calls that the caller's policies do not allow, with AWS' errors.

To attach policies to an access key, PUT an `Attachment` as JSON to `/tests-aws/policies`; it replaces an earlier one.
DELETE detaches the policies, and returns the permissions that were denied while they were attached, oldest first. A
caller without an attachment may make every call.
"""

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from rehearsal.aws.errors import Answer, Codes, error, send
from rehearsal.aws.permissions import Policies, Roles, Site
from rehearsal.aws.recording import Application, Call, Environ, read_call

POLICIES = "/tests-aws/policies"
CODES = Codes(ec2="UnauthorizedOperation", s3="AccessDenied", json="AccessDeniedException", query="AccessDenied")


@dataclass(frozen=True)
class Attachment:
    """A caller's policies, and the facts about the caller's site that AWS evaluates (rehearsal/aws/permissions)."""

    caller: str
    statements: list[dict[str, Any]]
    path: str
    """The IAM path of every role that no recorded call created."""
    tags: dict[str, str]
    foreign_images: dict[str, str]

    def denied(self, call: Call, roles: Roles) -> list[str]:
        """Return the permissions that the call needs and the policies do not grant."""
        policies = Policies(tuple(self.statements))
        needed = Site(self.tags, self.foreign_images).asked(call, roles)
        return [f"{asked.action} on {asked.resource}" for asked in needed if not policies.granting(asked)]


class Authorization:
    """WSGI middleware that rejects calls that the caller's policies do not allow."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._attachment: Attachment | None = None
        self._roles: Roles | None = None
        self._refused: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == POLICIES:
            return send(self._handle_attachment(environ), environ, start_response)
        call = read_call(environ)
        with self._lock:
            denied = self._judge(call) if call is not None else []
        if call is not None and denied:
            message = f"User is not authorized to perform: {', '.join(denied)}"
            refusal = error(call.service, environ, CODES, message, status=HTTPStatus.FORBIDDEN)
            return send(refusal, environ, start_response)
        return self._application(environ, start_response)

    def _judge(self, call: Call) -> list[str]:
        if self._attachment is None or call.caller != self._attachment.caller:
            return []
        self._roles = self._roles or Roles(self._attachment.path)
        denied = self._attachment.denied(call, self._roles)
        self._refused += denied
        if not denied:
            self._roles.follow(call)
        return denied

    def _handle_attachment(self, environ: Environ) -> Answer:
        with self._lock:
            refused, self._refused, self._attachment = self._refused, [], None
            if environ["REQUEST_METHOD"] == "PUT":
                content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                self._attachment = Attachment(**json.loads(content))
            return Answer(HTTPStatus.OK, json.dumps(refused), {"Content-Type": "application/json"})
