"""Throttle one caller at one service, with the throttling error of that service's protocol.

To place an order, POST {"caller", "after", "refusals"} as JSON to `/tests-aws/throttling`. The caller's next `after`
calls are not throttled. The service of the call after these is the throttled service: it rejects that call and the
caller's further calls, `refusals` calls in total (null means all). DELETE removes all orders. GET returns the orders,
each with its service and the number of calls rejected so far.
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
    """A throttling order (see the module's docstring), with the throttled service and its rejections so far."""

    caller: str
    after: int
    refusals: int | None
    service: str = ""
    refused: int = 0

    def refuses(self, call: Call) -> bool:
        """Count a call, and return whether to reject it. Must be called once for each call."""
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
    """An HTTP response: status, body and headers."""

    status: HTTPStatus
    body: str
    headers: dict[str, str]


class Throttle:
    """WSGI middleware that rejects calls according to its orders."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._orders: list[Order] = []
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == ORDERS:
            return answer(self._handle_order(environ), environ, start_response)
        call = read_call(environ)
        if call is not None and self._refuses(call):
            return answer(refusal(call.service, environ), environ, start_response)
        return self._application(environ, start_response)

    def _refuses(self, call: Call) -> bool:
        with self._lock:
            refusals = [order.refuses(call) for order in self._orders]  # a list, so that each order counts the call
        return any(refusals)

    def _handle_order(self, environ: Environ) -> Refusal:
        with self._lock:
            match environ["REQUEST_METHOD"]:
                case "POST":
                    content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                    self._orders.append(Order(**json.loads(content)))
                case "DELETE":
                    self._orders.clear()
            body = json.dumps([asdict(order) for order in self._orders])
        return Refusal(HTTPStatus.OK, body, {"Content-Type": "application/json"})


def refusal(service: str, environ: Environ) -> Refusal:
    """Return the throttling error in the format of EC2, S3, the JSON protocols or the Query protocol."""
    if service == "ec2":
        error = f"<Errors><Error><Code>RequestLimitExceeded</Code><Message>{MESSAGE}</Message></Error></Errors>"
        return _xml(HTTPStatus.SERVICE_UNAVAILABLE, f"<Response>{error}<RequestID>0</RequestID></Response>")
    if service == "s3":
        return _xml(HTTPStatus.SERVICE_UNAVAILABLE, f"<Error><Code>SlowDown</Code><Message>{MESSAGE}</Message></Error>")
    if "HTTP_X_AMZ_TARGET" in environ:
        body = json.dumps({"__type": "ThrottlingException", "message": MESSAGE})
        # CloudWatch formerly used the Query protocol, and still sends that protocol's error codes in this header.
        old = {"x-amzn-query-error": "Throttling;Sender"} if service == "monitoring" else {}
        return Refusal(HTTPStatus.BAD_REQUEST, body, {"Content-Type": "application/x-amz-json-1.1", **old})
    error = f"<Error><Type>Sender</Type><Code>Throttling</Code><Message>{MESSAGE}</Message></Error>"
    return _xml(HTTPStatus.BAD_REQUEST, f"<ErrorResponse>{error}<RequestId>0</RequestId></ErrorResponse>")


def _xml(status: HTTPStatus, body: str) -> Refusal:
    return Refusal(status, body, {"Content-Type": "text/xml"})


def answer(given: Refusal, environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Send the response, without a body for a HEAD request."""
    body = given.body.encode()
    headers = {**given.headers, "Content-Length": str(len(body))}
    start_response(f"{given.status.value} {given.status.phrase}", list(headers.items()))
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
