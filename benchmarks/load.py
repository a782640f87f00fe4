"""Sends requests over keep-alive connections from a process of its own, and measures throughput and latency.

The client is small, because it shares the machine's cores with the server: it writes prepared bytes, and parses only
the status and the length of a response.
"""

import itertools
import json
import multiprocessing
import random
import selectors
import socket
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import quantiles

import psutil

HEADER_END = b"\r\n\r\n"
LENGTH = b"content-length:"
CHUNK = 256 * 1024


@dataclass
class Load:
    """What one run measured: statuses, latencies in seconds, and the run's duration in seconds."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0
    server_cpu_seconds: float = 0

    @property
    def per_second(self) -> float:
        """Responses per second."""
        return len(self.latencies) / self.seconds

    @property
    def cpu_us(self) -> float:
        """The processor time that the server spent on each request, in microseconds."""
        return 1e6 * self.server_cpu_seconds / len(self.latencies)

    def percentile_ms(self, percent: int) -> float:
        """Return a percentile of the latency in milliseconds."""
        return 1000 * quantiles(self.latencies, n=100)[percent - 1]


def get(path: str, token: str | None = None) -> bytes:
    """Return the bytes of a GET request."""
    return _request("GET", path, token)


def post(path: str, token: str) -> bytes:
    """Return the bytes of a POST request without a body."""
    return _request("POST", path, token)


def post_json(path: str, body: Mapping[str, object]) -> bytes:
    """Return the bytes of a POST request with a JSON body."""
    content = json.dumps(body).encode()
    return f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


def _request(method: str, path: str, token: str | None) -> bytes:
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    length = "Content-Length: 0\r\n" if method == "POST" else ""
    return f"{method} {path} HTTP/1.1\r\nHost: bench\r\n{authorization}{length}\r\n".encode()


def measure_load(
    url: str,
    requests: Sequence[bytes],
    server: psutil.Process,
    *,
    connections: int,
    seconds: float,
    once: bool = False,
    per_second: float | None = None,
    accepted: Collection[int] = (200,),
) -> Load:
    """Send `requests` for some seconds, over and over (or each only once), and measure.

    Each connection always has a request in progress. With `per_second`, the requests are instead due at random times,
    as independent visitors send them (a Poisson process), and each takes a free connection.

    Raises:
        RuntimeError: a response's status is not among `accepted`, or `once` and there were too few requests.
    """
    host, _, port = url.removeprefix("http://").rpartition(":")
    address = (host, int(port))
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as client:
        client.submit(int).result()  # the process has started
        before = server.cpu_times()
        if per_second is None:
            load = client.submit(_drive, address, requests, connections, seconds, once).result()
        else:
            load = client.submit(_drive_at_rate, address, requests, connections, seconds, per_second).result()
        after = server.cpu_times()
    load.server_cpu_seconds = after.user + after.system - before.user - before.system
    if not set(load.statuses) <= set(accepted):
        raise RuntimeError(f"Responses to {requests[0][:80]!r} had the statuses {dict(load.statuses)}.")
    return load


def _drive(address: tuple[str, int], requests: Sequence[bytes], connections: int, seconds: float, once: bool) -> Load:  # noqa: FBT001
    """Keep each connection busy with one request at a time."""
    queue: Iterator[bytes] = iter(requests) if once else itertools.cycle(requests)
    load = Load()
    with _connected(address, connections) as (selector, exchanges):
        began = time.perf_counter()
        busy = set(exchanges)
        for exchange in exchanges:
            exchange.send(next(queue))
        while busy:
            for key, _ in selector.select():
                exchange = key.data
                if not exchange.receive(load):
                    continue
                following = next(queue, None) if time.perf_counter() - began < seconds else None
                if following is None:
                    busy.discard(exchange)
                    selector.unregister(exchange.socket)
                else:
                    exchange.send(following)
        load.seconds = time.perf_counter() - began
    return load


def _drive_at_rate(
    address: tuple[str, int], requests: Sequence[bytes], connections: int, seconds: float, per_second: float
) -> Load:
    """Send requests at random times. A latency begins when its request is due, even if no connection is free yet."""
    queue, load = itertools.cycle(requests), Load()
    draw = random.Random(1)  # noqa: S311 (not for secrets)
    with _connected(address, connections) as (selector, idle):
        began = time.perf_counter()
        due, end = began + draw.expovariate(per_second), began + seconds
        while due < end or len(idle) < connections:
            now = time.perf_counter()
            if due < end and due <= now and idle:
                idle.pop().send(next(queue), since=due)
                due += draw.expovariate(per_second)
                continue
            patience = due - now if due < end and idle else None
            idle += [key.data for key, _ in selector.select(patience) if key.data.receive(load)]
        load.seconds = time.perf_counter() - began
    return load


@contextmanager
def _connected(
    address: tuple[str, int], connections: int
) -> Iterator[tuple[selectors.BaseSelector, list["_Exchange"]]]:
    with selectors.DefaultSelector() as selector, ExitStack() as opened:
        exchanges = [_Exchange(opened.enter_context(socket.create_connection(address))) for _ in range(connections)]
        for exchange in exchanges:
            selector.register(exchange.socket, selectors.EVENT_READ, exchange)
        yield selector, exchanges


class _Exchange:
    """One connection, with at most one request in progress."""

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._sent_at = 0.0

    def send(self, request: bytes, *, since: float | None = None) -> None:
        """Send a request. Its latency begins at `since`, or now."""
        self._buffer = b""
        self._sent_at = since or time.perf_counter()
        self.socket.sendall(request)

    def receive(self, load: Load) -> bool:
        """Read what has arrived; count the response and return True when it is complete."""
        chunk = self.socket.recv(CHUNK)
        if not chunk:
            raise RuntimeError("The server closed a connection.")
        self._buffer += chunk
        end = self._buffer.find(HEADER_END)
        if end < 0 or len(self._buffer) < end + len(HEADER_END) + _length(self._buffer[:end]):
            return False
        load.latencies.append(time.perf_counter() - self._sent_at)
        load.statuses[int(self._buffer[9:12])] += 1
        return True


def _length(headers: bytes) -> int:
    lines: Iterable[bytes] = headers.lower().split(b"\r\n")
    return next(int(line[len(LENGTH) :]) for line in lines if line.startswith(LENGTH))
