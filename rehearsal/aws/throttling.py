"""AWS that is asked too often: on order, one service refuses what it is asked, in its protocol's own words.

The order is a POST of JSON to `/tests-aws/throttling`: {"caller", "after", "refusals"}. When that caller has made
`after` more calls, the service that it asks next is throttled: its next calls are refused, as many as `refusals` says,
or all until the order is lifted (DELETE) when that is null. GET tells the orders, each with the service that it struck
and how often it refused. Other callers are served meanwhile.
"""

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

from rehearsal.aws.recording import Application, Call, Environ, read_call

ORDERS = "/tests-aws/throttling"
MESSAGE = "Rate exceeded"


@dataclass
class Order:
    """Whom to refuse, when, and how often; what came of it so far."""

    caller: str
    after: int
    refusals: int | None
    service: str = ""
    refused: int = 0

    def refuses(self, call: Call) -> bool:
        """Whether this call is one to refuse. Asked once for each call."""
        if call.caller != self.caller:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.service = self.service or call.service
        if call.service != self.service or self.refused == self.refusals:
            return False
        self.refused += 1
        return True


class Refusal(NamedTuple):
    """An answer: its status, its body, its headers."""

    status: HTTPStatus
    body: str
    headers: dict[str, str]


class Throttle:
    """A WSGI application around another, which refuses in its stead what it is ordered to."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._orders: list[Order] = []
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == ORDERS:
            return answer(self._take(environ), environ, start_response)
        call = read_call(environ)
        if call is not None and self._refuses(call):
            return answer(refusal(call.service, environ), environ, start_response)
        return self._application(environ, start_response)

    def _refuses(self, call: Call) -> bool:
        with self._lock:
            refusals = [order.refuses(call) for order in self._orders]  # each order counts the call
        return any(refusals)

    def _take(self, environ: Environ) -> Refusal:
        with self._lock:
            match environ["REQUEST_METHOD"]:
                case "POST":
                    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                    self._orders.append(Order(**json.loads(body)))
                case "DELETE":
                    self._orders.clear()
            told = json.dumps([asdict(order) for order in self._orders])
        return Refusal(HTTPStatus.OK, told, {"Content-Type": "application/json"})


def refusal(service: str, environ: Environ) -> Refusal:
    """As the service words it: EC2, S3, those that speak JSON, and all others."""
    if service == "ec2":
        error = f"<Errors><Error><Code>RequestLimitExceeded</Code><Message>{MESSAGE}</Message></Error></Errors>"
        return _xml(HTTPStatus.SERVICE_UNAVAILABLE, f"<Response>{error}<RequestID>0</RequestID></Response>")
    if service == "s3":
        return _xml(HTTPStatus.SERVICE_UNAVAILABLE, f"<Error><Code>SlowDown</Code><Message>{MESSAGE}</Message></Error>")
    if "HTTP_X_AMZ_TARGET" in environ:
        body = json.dumps({"__type": "ThrottlingException", "message": MESSAGE})
        # CloudWatch spoke XML once, and keeps the codes of that time beside the new ones.
        old = {"x-amzn-query-error": "Throttling;Sender"} if service == "monitoring" else {}
        return Refusal(HTTPStatus.BAD_REQUEST, body, {"Content-Type": "application/x-amz-json-1.1", **old})
    error = f"<Error><Type>Sender</Type><Code>Throttling</Code><Message>{MESSAGE}</Message></Error>"
    return _xml(HTTPStatus.BAD_REQUEST, f"<ErrorResponse>{error}<RequestId>0</RequestId></ErrorResponse>")


def _xml(status: HTTPStatus, body: str) -> Refusal:
    return Refusal(status, body, {"Content-Type": "text/xml"})


def answer(given: Refusal, environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Give it to the caller; to HEAD, without its body."""
    body = given.body.encode()
    headers = {**given.headers, "Content-Length": str(len(body))}
    start_response(f"{given.status.value} {given.status.phrase}", list(headers.items()))
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
