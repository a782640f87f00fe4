"""TCP proxies whose connections a test can cut."""

import contextlib
import socket
import threading

from demo.ports import free_port


class Cable:
    """A TCP proxy to a server, which a test can interrupt and restore.

    `cut` closes its connections and refuses new ones. `muffle` makes it accept connections without forwarding anything.
    `plug_in` makes it forward again.
    """

    def __init__(self, target_port: int) -> None:
        self.port = free_port()
        self._target_port = target_port
        self._muffled = False
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.plug_in()

    def plug_in(self) -> None:
        """Close the current connections, and forward new ones."""
        self.cut()
        self._muffled = False
        self._listen()

    def muffle(self) -> None:
        """Close the current connections, and accept new ones without forwarding them, like a host that hangs."""
        self.cut()
        self._muffled = True
        self._listen()

    def cut(self) -> None:
        """Close all connections and the listening socket."""
        if self._listener is not None:
            # shutdown() wakes the thread that waits in accept(); close() alone would not.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        while self._open:
            _hang_up(self._open.pop())

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            self._open.append(near)
            if self._muffled:
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target_port))
            except OSError:
                _hang_up(near)
                continue
            self._open.append(far)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_forward, args=(source, sink), daemon=True).start()


def _forward(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        _hang_up(sink)


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
