"""HTTP proxies to S3. They read the method and the key of each request, and can make the request fail.

The Host and signature headers pass unchanged, so that SeaweedFS can verify the platform's signatures.
"""

import contextlib
import http.client
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

UPSTREAM_SECONDS = 30
HOP_HEADERS = {"connection", "keep-alive", "transfer-encoding", "expect"}
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Request:
    """A request from a process to the store."""

    process: str
    method: str
    key: str
    """The object's key, without the bucket; empty for requests about the bucket itself."""

    def about(self, method: str, prefix: str) -> bool:
        return self.method == method and self.key.startswith(prefix)


@dataclass(frozen=True, slots=True)
class Error:
    """Return this error, and do not forward the request."""

    status: int
    code: str


class Hang:
    """Send no response until the fault is over."""


class Reset:
    """Reset the connection in the middle of the body."""


class Swallow:
    """Acknowledge a PUT without storing anything."""


Verdict = Error | Hang | Reset | Swallow | None
Judge = Callable[[Request], Verdict]


@dataclass
class Traffic:
    """The state that all gates share: the current fault, and the watchers of requests."""

    judge: Judge = lambda _: None
    watchers: list[Callable[[Request], None]] = field(default_factory=list)
    """Functions that each gate calls with each request before it forwards the request."""
    over: threading.Event = field(default_factory=threading.Event)
    """Set when the fault is over, so that hanging connections are reset."""

    def inject(self, judge: Judge) -> None:
        self.over = threading.Event()
        self.judge = judge

    def heal(self) -> None:
        self.judge = lambda _: None
        self.over.set()


class Gate:
    """The proxy between one process and S3."""

    def __init__(self, process: str, target_port: int, traffic: Traffic) -> None:
        handler = type("Handler", (Relay,), {"process": process, "target_port": target_port, "traffic": traffic})
        self._server = QuietServer(("127.0.0.1", 0), handler)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name=f"gate-{process}", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class QuietServer(ThreadingHTTPServer):
    """A server that ignores errors on connections that the faults have broken."""

    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Print nothing."""


class Relay(BaseHTTPRequestHandler):
    """One connection from a process to the store."""

    protocol_version = "HTTP/1.1"
    process: str
    target_port: int
    traffic: Traffic

    def relay(self) -> None:
        """Forward one request and its response, or apply the current fault."""
        request = Request(self.process, self.command, _key(self.path))
        for watcher in list(self.traffic.watchers):
            watcher(request)
        verdict = self.traffic.judge(request)
        if isinstance(verdict, Hang):
            self.traffic.over.wait()
            self._break_off()
        elif isinstance(verdict, Reset) and self.command == "PUT":
            self.rfile.read(int(self.headers.get("Content-Length", 0)) // 2)
            self._break_off()
        else:
            self._answer(verdict, self._read_body())

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = relay  # noqa: N815 (names of the standard library)

    def _answer(self, verdict: Verdict, body: bytes) -> None:
        if isinstance(verdict, Error):
            self._refuse(verdict)
        elif isinstance(verdict, Swallow):
            self._respond(200, [("ETag", '"d41d8cd98f00b204e9800998ecf8427e"')], b"")
        else:
            self._forward(body, halved=isinstance(verdict, Reset))

    def _forward(self, body: bytes, *, halved: bool) -> None:
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.target_port, timeout=UPSTREAM_SECONDS)
        ) as upstream:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP_HEADERS:
                    upstream.putheader(name, value)
            upstream.endheaders(body or None)
            answer = upstream.getresponse()
            content = answer.read()
            headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_HEADERS]
        if halved:
            self._respond(answer.status, headers, content[: len(content) // 2])
            self._break_off()
        else:
            self._respond(answer.status, headers, content)

    def _respond(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        named = {name.lower() for name, _ in headers}
        for name, value in headers:
            self.send_header(name, value)
        if "content-length" not in named:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _refuse(self, error: Error) -> None:
        text = f"<?xml version='1.0'?><Error><Code>{error.code}</Code><Message>by the nemesis</Message></Error>"
        self._respond(error.status, [("Content-Type", "application/xml")], text.encode())

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            return b"".join(self._chunks())
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> list[bytes]:
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return chunks

    def _break_off(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self.connection.close()

    def log_message(self, *_: object) -> None:
        """Log nothing, because the history records the requests that a fault affects."""


def _key(path: str) -> str:
    return unquote(urlsplit(path).path).lstrip("/").partition("/")[2]
