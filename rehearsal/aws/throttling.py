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
from typing import Any

from rehearsal.aws.errors import Answer, Codes, error, send
from rehearsal.aws.recording import Application, Call, Environ, read_call

ORDERS = "/tests-aws/throttling"
CODES = Codes(ec2="RequestLimitExceeded", s3="SlowDown", json="ThrottlingException", query="Throttling")
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


class Throttle:
    """WSGI middleware that rejects calls according to its orders."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._orders: list[Order] = []
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == ORDERS:
            return send(self._handle_order(environ), environ, start_response)
        call = read_call(environ)
        if call is not None and self._refuses(call):
            throttled = error(call.service, environ, CODES, MESSAGE, status=HTTPStatus.SERVICE_UNAVAILABLE)
            return send(throttled, environ, start_response)
        return self._application(environ, start_response)

    def _refuses(self, call: Call) -> bool:
        with self._lock:
            # A list, not a generator: any() would stop at the first refusal, but every order must count the call.
            refusals = [order.refuses(call) for order in self._orders]
        return any(refusals)

    def _handle_order(self, environ: Environ) -> Answer:
        with self._lock:
            match environ["REQUEST_METHOD"]:
                case "POST":
                    content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                    self._orders.append(Order(**json.loads(content)))
                case "DELETE":
                    self._orders.clear()
            body = json.dumps([asdict(order) for order in self._orders])
        return Answer(HTTPStatus.OK, body, {"Content-Type": "application/json"})
