"""Free TCP ports of 127.0.0.1, for servers that are started now."""

import secrets
import socket
from contextlib import ExitStack

GRPC_OFFSET = 10_000
"""SeaweedFS opens, for every port it is given, a second one this much higher."""
# Both below 32768, where Linux begins to hand out ports to outgoing connections.
CANDIDATES = range(12_000, 22_000)


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A port nobody listens on; neither on its neighbour `GRPC_OFFSET` higher."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Different ports of that kind. Another process may still take one before it is used."""
    ports: list[int] = []
    with ExitStack() as held:
        while len(ports) < count:
            port = secrets.choice(CANDIDATES)
            try:
                for number in (port, port + GRPC_OFFSET):
                    held.enter_context(socket.create_server(("127.0.0.1", number)))
            except OSError:
                continue
            ports.append(port)
    return ports
