"""TCP proxies, each between one process and one server. They can refuse, cut, delay or watch connections."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

CHUNK_BYTES = 1 << 16
BACKLOG = 128


class Cut(Exception):
    """Raised by a watcher to close the connection instead of forwarding the bytes."""


@dataclass(eq=False)
class Link:
    """One connection through a line. A watcher can set flags for the connection in `marks`."""

    near: socket.socket
    far: socket.socket
    marks: set[str] = field(default_factory=set)

    def hang_up(self) -> None:
        for end in (self.near, self.far):
            _close(end)


Way = Literal["outgoing", "incoming"]
"""The direction of bytes: from the process to the server, or back."""

Watcher = Callable[[Link, bytes], None]
"""A function that a line calls with bytes before it forwards them. It may sleep, run an action, or raise `Cut`."""


class Line:
    """Accepts the connections of one process, and forwards them to one server."""

    def __init__(self, name: str, target_port: int) -> None:
        self.name = name
        self._target_port = target_port
        self._links: set[Link] = set()
        self._watchers: list[tuple[Way, Watcher]] = []
        self._door = _door(0)
        self.port: int = self._door.getsockname()[1]
        self._open()

    def _open(self) -> None:
        self._door.listen(BACKLOG)
        threading.Thread(target=self._accept, args=(self._door,), name=f"line-{self.name}", daemon=True).start()

    def refuse(self) -> None:
        """Close all connections and refuse new ones. A bound socket that does not listen keeps the port reserved."""
        _close(self._door)
        self._door = _door(self.port)
        self.cut()

    def accept(self) -> None:
        """Accept connections again."""
        self._open()

    def watch(self, way: Way, watcher: Watcher) -> None:
        self._watchers.append((way, watcher))

    def unwatch(self, way: Way, watcher: Watcher) -> None:
        self._watchers.remove((way, watcher))

    def cut(self) -> None:
        """Close the open connections."""
        for link in list(self._links):
            link.hang_up()

    def close(self) -> None:
        _close(self._door)
        self.cut()

    def _accept(self, door: socket.socket) -> None:
        while True:
            try:
                near, _ = door.accept()
            except OSError:
                return
            self._connect(near)

    def _connect(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._target_port), timeout=5)
        except OSError:
            _close(near)
            return
        far.settimeout(None)
        link = Link(near, far)
        self._links.add(link)
        for ends in ((near, far, "outgoing"), (far, near, "incoming")):
            threading.Thread(target=self._carry, args=(link, *ends), daemon=True).start()

    def _carry(self, link: Link, source: socket.socket, sink: socket.socket, way: Way) -> None:
        try:
            while data := source.recv(CHUNK_BYTES):
                self._show(way, link, data)
                sink.sendall(data)
        except (OSError, Cut):
            pass
        finally:
            link.hang_up()
            self._links.discard(link)

    def _show(self, way: Way, link: Link, data: bytes) -> None:
        for watched_way, watcher in list(self._watchers):
            if watched_way == way:
                watcher(link, data)


@contextmanager
def watched(lines: list[Line], way: Way, watcher: Watcher) -> Iterator[None]:
    """Attach a watcher to lines until the `with` block ends."""
    for line in lines:
        line.watch(way, watcher)
    try:
        yield
    finally:
        for line in lines:
            line.unwatch(way, watcher)


def _door(port: int) -> socket.socket:
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.bind(("127.0.0.1", port))
    return door


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
