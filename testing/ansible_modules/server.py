"""Fork a preloaded process for each Ansible module. The server is `python -m testing.ansible_modules.server SOCKET`.

Ansible starts a Python process for each module. In that process, startup/sitecustomize.py connects to SOCKET and sends
a request with the process's standard streams. The server replies with the module's exit code. If a signal ended the
module, the code is the signal's number, negated.
"""

import contextlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testing.ansible_modules.startup.scaled_sleep import scale_sleeps
from testing.preloaded import close_all_but_standard_streams, die_with_parent, reap
from testing.processes import Subprocess

_STARTUP = Path(__file__).parent / "startup"
_CHECKOUT = Path(__file__).parents[2]
_MAX_REQUEST_BYTES = 1 << 17


@contextmanager
def preloaded_modules(folder: Path) -> Iterator[dict[str, str]]:
    """Run a server until the `with` block ends.

    Yields:
        The environment variables with which ansible-playbook and molecule use the server.
    """
    address = folder / "modules"
    command = [sys.executable, "-m", __name__, str(address)]
    environment = {**os.environ, "PYTHONPATH": str(_CHECKOUT)}
    server = Subprocess(command, log=folder / "modules.log", environment=environment)
    try:
        server.wait_until(address.exists, what="the start of the server of Ansible modules")
        yield {
            "PRELOADED_MODULES": str(address),
            "PRELOADED_PYTHON": sys.executable,
            "PYTHONPATH": os.pathsep.join([str(_STARTUP), *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
    finally:
        server.stop()


class _Server:
    """Starts modules, and sends each module's exit code to the process that waits for it."""

    def __init__(self, address: str) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(address)
        listener.listen(64)
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ, self._start)

    def serve(self) -> Callable[[], object]:
        """Fork a child for each request and, in the child, return the module to run.

        The caller runs the module after this function has returned, so that the module's tracebacks do not contain
        this function.
        """
        while True:
            for key, _ in self._selector.select():
                module = key.data(key.fileobj)
                if module is not None:
                    return module  # type: ignore[no-any-return]

    def _start(self, listener: socket.socket) -> Callable[[], object] | None:
        connection, _ = listener.accept()
        message, streams, _, _ = socket.recv_fds(connection, _MAX_REQUEST_BYTES, 3)
        if not message:  # The process was killed before it sent its request.
            connection.close()
            return None
        pid = os.fork()
        if pid == 0:
            self._abandon(connection)
            return _become(json.loads(message), streams)
        for stream in streams:
            os.close(stream)
        pidfd = os.pidfd_open(pid)

        def report(_: int) -> None:
            self._selector.unregister(pidfd)
            with contextlib.suppress(KeyError):  # if the waiting process was killed
                self._selector.unregister(connection)
            with contextlib.suppress(BrokenPipeError), connection:
                connection.send(str(reap(pidfd)).encode())

        def kill(_: socket.socket) -> None:
            self._selector.unregister(connection)
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)

        self._selector.register(pidfd, selectors.EVENT_READ, report)
        self._selector.register(connection, selectors.EVENT_READ, kill)
        return None

    def _abandon(self, connection: socket.socket) -> None:
        """Detach the sockets from their descriptors, which `_become` closes.

        Otherwise, the socket objects would later close the same numbers, which may by then belong to other files.
        """
        for opened in (connection, *(entry.fileobj for entry in self._selector.get_map().values())):
            if isinstance(opened, socket.socket):
                opened.detach()
        self._selector.close()


def _become(request: dict[str, Any], streams: Sequence[int]) -> Callable[[], object]:
    """Adopt the request's environment and standard streams, and return the module to run."""
    die_with_parent()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    close_all_but_standard_streams()
    os.chdir(request["directory"])
    os.umask(request["umask"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = request["arguments"]
    scale_sleeps()
    return lambda: runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    from testing.ansible_modules.imports import import_all

    import_all()
    _Server(sys.argv[1]).serve()()
