"""A request as raw as a socket takes it, and what every answer owes its reader."""

import http.client
import json
import socket
from dataclasses import dataclass, field
from http import HTTPStatus

TIMEOUT_SECONDS = 30.0
BOUNDARY = b"fuzzfuzzfuzz"


@dataclass
class Ask:
    """One request. Its body is written from `fields` (JSON) or `parts` (multipart), unless `body` says otherwise."""

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
    """What was changed; an ask without is a good one."""

    def written(self) -> bytes:
        """The bytes for the socket."""
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
        """Write the body down, to be disturbed as bytes."""
        self.body = self._body()
        return self.body


def multipart(parts: list[tuple[bytes, bytes]], boundary: bytes = BOUNDARY) -> bytes:
    """Heads (without their empty line) and contents as a form."""
    written = b"".join(b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary, head, content) for head, content in parts)
    return written + b"--" + boundary + b"--\r\n"


def quoted(text: str) -> bytes:
    """A text as JSON."""
    return json.dumps(text).encode()


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    kind: str
    body: bytes

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 400


def send(port: int, ask: Ask) -> Answer | None:
    """Send, say that no more will come, and read the answer; None when the other end hangs up without one.

    Raises:
        TimeoutError: the other end hangs.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS) as connection:
        try:
            connection.sendall(ask.written())
            connection.shutdown(socket.SHUT_WR)
        except TimeoutError:
            raise
        except OSError:
            pass  # It has heard enough, and has answered already.
        answer = http.client.HTTPResponse(connection, method="HEAD" if ask.method == b"HEAD" else None)
        try:
            answer.begin()
            return Answer(answer.status, answer.headers.get_content_type(), answer.read())
        except (http.client.HTTPException, ConnectionResetError):
            return None


def broken_claim(ask: Ask, answer: Answer | None) -> str | None:
    """What is wrong with an answer; None when it is as every answer must be."""
    if answer is None:
        return None if "length" in ask.disturbed else "no answer"
    told = f"{answer.status} {answer.kind} {answer.body[:300]!r}"
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not _is_due(ask, answer):
        return told
    if ask.method == b"HEAD" or answer.status in {204, 304}:
        return None
    if not ask.disturbed and not answer.succeeded:
        return f"a good request is refused: {told}"
    if answer.status >= HTTPStatus.BAD_REQUEST:
        return None if answer.kind == "application/json" and _is_refusal(answer.body) else told
    return None if answer.kind != "application/json" or _is_json(answer.body) else told


def _is_due(ask: Ask, answer: Answer) -> bool:
    """The one 5xx that a client can be told: RFC 9112 (6.1) asks for 501 to a transfer coding nobody knows."""
    coded = any(name.lower() == b"transfer-encoding" for name, _ in ask.headers)
    return answer.status == HTTPStatus.NOT_IMPLEMENTED and coded


def _is_refusal(body: bytes) -> bool:
    """`{"detail": …}` with a string or a list that says something."""
    try:
        said = json.loads(body)
    except ValueError:
        return False
    return isinstance(said, dict) and isinstance(said.get("detail"), str | list) and bool(said["detail"])


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True
