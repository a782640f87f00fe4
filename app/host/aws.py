"""Calls to AWS whose total time is limited, and whose failures become one sentence for the operator."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app.host.errors import HostError, Unreachable

BOUNDS = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 1})
"""Time-outs in seconds for one attempt; `ask` makes the retries."""

METADATA_SECONDS = 5
"""The time-out of calls to the metadata service. botocore's default, one attempt of 1 s, is too short for a machine
that has just booted and whose CPUs are all busy."""

PATIENCE_SECONDS = 25.0
"""No attempt begins after this time, so that a result or an error is known within 30 s."""

PAUSE_SECONDS = 1.0
MISSING = {"ParameterNotFound", "ResourceNotFoundException"}
DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
}
FORBIDDEN, SERVERS_FAULT = 403, 500
THROTTLED = {"RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException"}

Answer = TypeVar("Answer")


class Aws:
    """AWS in one region, with a limit on the total time of all calls."""

    def __init__(self, region: str, *, endpoint_url: str | None = None, patience_seconds: float | None = None) -> None:
        self._region = region
        self._endpoint_url = endpoint_url or None
        patience = PATIENCE_SECONDS if patience_seconds is None else patience_seconds
        self._give_up_at = time.monotonic() + patience
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """Return a service's client, cached until a call fails.

        A client that was created before credentials were available never gets any, so a failed call discards it.
        """
        if service not in self._clients:
            core = botocore.session.get_session()
            core.set_config_variable("metadata_service_timeout", METADATA_SECONDS)
            session: Any = boto3.session.Session(region_name=self._region, botocore_session=core)
            self._clients[service] = session.client(service, endpoint_url=self._endpoint_url, config=BOUNDS)
        return self._clients[service]

    def ask(self, what: str, call: Callable[["Aws"], Answer]) -> Answer:
        """Call AWS, and retry transient failures while there is time.

        Args:
            what: the subject of the call in error messages, for example "parameter /a/b".
            call: one attempt.

        Raises:
            HostError: the subject is missing, or AWS denied or rejected the call.
            Unreachable: AWS did not respond in time.
        """
        while True:
            try:
                return call(self)
            except ClientError as error:
                reason = _judge(what, error)
            except BotoCoreError as error:
                reason = f"{type(error).__name__}: {error}"
            if time.monotonic() + PAUSE_SECONDS > self._give_up_at:
                raise Unreachable(f"AWS did not answer about the {what}: unreachable ({reason}).")
            self._clients.clear()
            time.sleep(PAUSE_SECONDS)


def _judge(what: str, error: ClientError) -> str:
    """Return the reason for a transient failure; raise HostError for any other."""
    code = error.response.get("Error", {}).get("Code", "")
    message = " ".join(error.response.get("Error", {}).get("Message", "").split())
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in MISSING:
        raise HostError(f"The {what} is missing in AWS ({code}).") from None
    if code in DENIED or status == FORBIDDEN:
        raise HostError(f"Access to the {what} was denied ({code}: {message}).") from None
    if status < SERVERS_FAULT and code not in THROTTLED:
        raise HostError(f"AWS rejected a request about the {what} ({code}: {message}).") from None
    return f"{code}: {message}"
