"""HTTP requests as raw bytes, and the checks that every response must pass."""

import http.client
import json
import socket
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from app.http.paths import is_api_path

TIMEOUT_SECONDS = 30.0
BOUNDARY = b"fuzzfuzzfuzz"


@dataclass
class RawRequest:
    """A request. Its body is built from `fields` (JSON) or `parts` (multipart), unless `body` is set."""

    route: str
    method: bytes
    path: bytes
    token: str | None = None
    query: list[tuple[bytes, bytes]] = field(default_factory=list)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    fields: list[tuple[bytes, bytes]] | None = None
    parts: list[tuple[bytes, bytes]] | None = None
    body: bytes | None = None
    target: bytes | None = None
    disturbed: list[str] = field(default_factory=list)
    """The names of the disturbances; a request without any is valid."""

    def encode(self) -> bytes:
        """Return the request as bytes."""
        body = self._body()
        lines = [b"%s %s HTTP/1.1" % (self.method, self.target or self._target()), b"Host: fuzz", b"Connection: close"]
        named = {name.lower() for name, _ in self.headers}
        if self.token is not None and b"authorization" not in named:
            lines.append(b"Authorization: Bearer " + self.token.encode())
        if self.parts is not None and b"content-type" not in named:
            lines.append(b"Content-Type: multipart/form-data; boundary=" + BOUNDARY)
        if body and not named & {b"content-length", b"transfer-encoding"}:
            lines.append(b"Content-Length: %d" % len(body))
        lines += [name + b": " + value for name, value in self.headers]
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    def _target(self) -> bytes:
        return self.path + (b"?" + b"&".join(b"%s=%s" % pair for pair in self.query) if self.query else b"")

    def _body(self) -> bytes:
        if self.body is not None:
            return self.body
        if self.fields is not None:
            return b"{" + b", ".join(b'"%s": %s' % pair for pair in self.fields) + b"}"
        if self.parts is not None:
            return multipart(self.parts)
        return b""

    def freeze(self) -> bytes:
        """Build the body and store it in `body`, so that disturbances can change its bytes."""
        self.body = self._body()
        return self.body


def multipart(parts: list[tuple[bytes, bytes]], boundary: bytes = BOUNDARY) -> bytes:
    """Return a multipart form; each part is a pair of its headers (without the blank line) and its content."""
    written = b"".join(b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary, head, content) for head, content in parts)
    return written + b"--" + boundary + b"--\r\n"


def quoted(text: str) -> bytes:
    """Return the text as a JSON string."""
    return json.dumps(text).encode()


@dataclass(frozen=True)
class Answer:
    """A response: status, media type and body."""

    status: int
    kind: str
    body: bytes

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 400


def send(port: int, request: RawRequest) -> Answer | None:
    """Send a request, shut down the sending side, and return the response; None if there is no valid one.

    Raises:
        TimeoutError: the server does not respond in time.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as connection:
        try:
            connection.sendall(request.encode())
            connection.shutdown(socket.SHUT_WR)
        except TimeoutError:
            raise
        except OSError:
            pass  # The server has responded and closed the connection before reading the whole request.
        answer = http.client.HTTPResponse(connection, method="HEAD" if request.method == b"HEAD" else None)
        try:
            answer.begin()
            return Answer(answer.status, answer.headers.get_content_type(), answer.read())
        except (http.client.HTTPException, ConnectionResetError):
            return None


def find_violation(request: RawRequest, answer: Answer | None) -> str | None:
    """Return what is wrong with a response; None if it passes every check."""
    if answer is None:
        return None if "length" in request.disturbed else "no answer"
    shown = f"{answer.status} {answer.kind} {answer.body[:300]!r}"
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not _is_allowed_501(request, answer):
        return shown
    if request.method == b"HEAD" or answer.status in {204, 304}:
        return None
    if not request.disturbed and not answer.succeeded:
        return f"a valid request is refused: {shown}"
    if answer.status >= HTTPStatus.BAD_REQUEST:
        is_json = answer.kind == "application/json" and _is_refusal(answer.body)
        return None if is_json or (_asks_for_page(request) and _is_page(answer)) else shown
    return None if answer.kind != "application/json" or _is_json(answer.body) else shown


def _is_allowed_501(request: RawRequest, answer: Answer) -> bool:
    """Whether the response is the only allowed 5xx: 501 for an unknown transfer coding (RFC 9112, 6.1)."""
    coded = any(name.lower() == b"transfer-encoding" for name, _ in request.headers)
    return answer.status == HTTPStatus.NOT_IMPLEMENTED and coded


def _asks_for_page(request: RawRequest) -> bool:
    """Whether the path is that of a page, or of nothing, and not one of the API."""
    target, _, _ = (request.target or request.path).partition(b"?")
    return not is_api_path(unquote_to_bytes(target).decode("latin-1"))


def _is_page(answer: Answer) -> bool:
    return answer.kind == "text/html" and b"<h1" in answer.body


def _is_refusal(body: bytes) -> bool:
    """Whether the body is `{"detail": …}` with a non-empty string or list."""
    try:
        parsed = json.loads(body)
    except ValueError:
        return False
    return isinstance(parsed, dict) and isinstance(parsed.get("detail"), str | list) and bool(parsed["detail"])


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True
