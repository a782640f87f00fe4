"""Record every call to mock AWS."""

import html
import io
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]

READS = re.compile(r"(Describe|Get|List|Head|Lookup|Simulate|BatchGet|Filter|Estimate)")
SIGNED = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/")
SECRET = re.compile(r"password|secret(string|binary)|userdata", re.IGNORECASE)
NOTHING: Mapping[str, str] = MappingProxyType({})


class Call(NamedTuple):
    """A request. `service` is the name in the request's signature, `operation` the name in the API reference.

    Requests to REST services (S3, Route 53) do not name the operation, so `operation` is the method and the path.
    """

    service: str
    operation: str
    caller: str = ""
    """The access key that signed the request."""
    parameters: Mapping[str, str] = NOTHING
    """The request's parameters without secrets; lists and structures are flattened (`Tags.1.Key`). Of the requests to
    REST services, only S3's DeleteObjects has parameters: the objects' keys (`Key.1`).
    """

    @property
    def writes(self) -> bool:
        """Whether the call may change something, according to the HTTP method or the first verb of its operation."""
        verb = self.operation.split(" ")[0]
        return verb in {"PUT", "POST", "DELETE"} if verb.isupper() else not READS.match(self.operation)


class Recorder:
    """WSGI middleware that records each call before the application handles it."""

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
    """Return the call that a request makes; None for an unsigned request, for example to moto's own pages."""
    signed = SIGNED.search(environ.get("HTTP_AUTHORIZATION", ""))
    if signed is None:
        return None
    parameters = _parameters(environ)
    known = {name: value for name, value in parameters.items() if not SECRET.search(name)}
    return Call(signed[2], _operation(environ, parameters), signed[1], known)


def _operation(environ: Environ, parameters: Mapping[str, str]) -> str:
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return str(target).rpartition(".")[2]
    if "Action" in parameters:
        return parameters["Action"]
    query = environ.get("QUERY_STRING", "")
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}{'?' + query if query else ''}"


def _parameters(environ: Environ) -> dict[str, str]:
    kind = environ.get("CONTENT_TYPE", "")
    if "x-www-form-urlencoded" in kind:
        return dict(parse_qsl(_body(environ).decode(errors="replace")))
    if "x-amz-json" in kind:
        return dict(_flattened(json.loads(_body(environ) or b"{}"), ""))
    if environ.get("QUERY_STRING") == "delete":
        keys = re.findall("<Key>([^<]*)</Key>", _body(environ).decode())
        return {f"Key.{number}": html.unescape(key) for number, key in enumerate(keys, start=1)}
    return {}


def _body(environ: Environ) -> bytes:
    """Read the body, and leave it readable for the application."""
    body = bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _flattened(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Yield flattened names and values in the notation of the Query APIs, whose list positions start at 1."""
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value, start=1)
        for key, part in inner:
            yield from _flattened(part, f"{name}.{key}" if name else str(key))
    else:
        yield name, str(value)
