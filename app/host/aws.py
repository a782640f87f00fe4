"""Asking AWS within bounded time, and saying in a sentence what it refused."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from app.host.errors import HostError, Unreachable

BOUNDS = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 1})
"""Seconds for one attempt; `ask` repeats it."""

METADATA_SECONDS = 5
"""For one answer of the metadata service. botocore's own patience, one attempt of 1 s, is too short for a machine that
has just booted, and has all its processors busy."""

PATIENCE_SECONDS = 25.0
"""No attempt begins later, so that all is said within 30 s."""

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
    """One region, and how long this process may wait for it in all."""

    def __init__(self, region: str, *, endpoint_url: str | None = None, patience_seconds: float | None = None) -> None:
        self._region = region
        self._endpoint_url = endpoint_url or None
        patience = PATIENCE_SECONDS if patience_seconds is None else patience_seconds
        self._give_up_at = time.monotonic() + patience
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """A client of a service, kept until AWS fails: one made before there were credentials never gets any."""
        if service not in self._clients:
            core = botocore.session.get_session()
            core.set_config_variable("metadata_service_timeout", METADATA_SECONDS)
            session: Any = boto3.session.Session(region_name=self._region, botocore_session=core)
            self._clients[service] = session.client(service, endpoint_url=self._endpoint_url, config=BOUNDS)
        return self._clients[service]

    def ask(self, what: str, call: Callable[["Aws"], Answer]) -> Answer:
        """Call AWS, again and again while it does not answer and there is time.

        Args:
            what: what is wanted, for the sentence of a failure ("parameter /a/b").
            call: one attempt.

        Raises:
            HostError: AWS says that it is missing, or not for this machine.
            Unreachable: no answer in time.
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
    """The reason of a failure that may pass; any other is raised."""
    code = error.response.get("Error", {}).get("Code", "")
    message = " ".join(error.response.get("Error", {}).get("Message", "").split())
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in MISSING:
        raise HostError(f"The {what} is missing in AWS ({code}).") from None
    if code in DENIED or status == FORBIDDEN:
        raise HostError(f"Access to the {what} was denied ({code}: {message}).") from None
    if status < SERVERS_FAULT and code not in THROTTLED:
        raise HostError(f"AWS refused a request about the {what} ({code}: {message}).") from None
    return f"{code}: {message}"
