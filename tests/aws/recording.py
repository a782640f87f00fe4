"""What was asked of AWS, call by call."""

import io
import json
import re
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]

READS = re.compile(r"(Describe|Get|List|Head|Lookup|Simulate|BatchGet|Filter|Estimate)")
SIGNED = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/")


class Call(NamedTuple):
    """One request: the service as its signature names it, and the API's own name of the operation.

    REST services (S3, Route 53) have no such name in the request: theirs is the method and the path.
    """

    service: str
    operation: str
    caller: str = ""
    """The access key that signed it."""

    @property
    def writes(self) -> bool:
        """Whether it may change something, going by AWS' rules for naming operations."""
        verb = self.operation.split(" ")[0]
        return verb in {"PUT", "POST", "DELETE"} if verb.isupper() else not READS.match(self.operation)


class Recorder:
    """A WSGI application around another that writes each call down before it is answered."""

    def __init__(self, application: Application, record: Path) -> None:
        self._application = application
        self._record = record
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        call = read_call(environ)
        if call is not None:
            line = json.dumps({**call._asdict(), "writes": call.writes})
            with self._lock, self._record.open("a") as file:
                file.write(line + "\n")
        return self._application(environ, start_response)


def read_call(environ: Environ) -> Call | None:
    """The call that a request makes; None for moto's own pages and what bears no signature."""
    signed = SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
    if signed is None:
        return None
    return Call(signed[2], _operation(environ), caller=signed[1])


def _operation(environ: Environ) -> str:
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return str(target).rpartition(".")[2]
    if "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", ""):
        body = bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        environ["wsgi.input"] = io.BytesIO(body)
        action = parse_qs(body.decode(errors="replace")).get("Action")
        if action:
            return action[0]
    query = environ.get("QUERY_STRING", "")
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}{'?' + query if query else ''}"
