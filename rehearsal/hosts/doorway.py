"""A TCP proxy from the hosts' network to a server that listens on 127.0.0.1 only."""

import contextlib
import socket
import threading
from typing import Self


class Doorway:
    """Forwards the connections that arrive at `address` while the doorway is open.

    Args:
        address: the address to listen on.
        port: the port to listen on.
        behind: the server's port at 127.0.0.1; by default, `port`.
    """

    def __init__(self, address: str, port: int, *, behind: int | None = None) -> None:
        self.address = address
        self.port = port
        self._behind = behind or port
        self._passages: set[socket.socket] = set()
        self._listener: socket.socket | None = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.shut()

    def open(self) -> None:
        """Accept connections."""
        self._listener = socket.create_server((self.address, self.port), backlog=256)
        threading.Thread(target=self._admit, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """Refuse new connections, and close the open ones."""
        if self._listener is not None:
            _end(self._listener)
            self._listener = None
        while self._passages:
            _end(self._passages.pop())

    def _admit(self, listener: socket.socket) -> None:
        while True:
            try:
                outside, _ = listener.accept()
            except OSError:
                return
            try:
                inside = socket.create_connection(("127.0.0.1", self._behind))
            except OSError:
                _end(outside)
                continue
            self._passages |= {outside, inside}
            for source, sink in ((outside, inside), (inside, outside)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        _end(sink)
        self._passages.discard(sink)


def _end(connection: socket.socket) -> None:
    # close() alone does not wake a thread inside accept() or recv().
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
