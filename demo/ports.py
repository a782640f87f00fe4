"""Find free TCP ports on 127.0.0.1 for servers that are about to start."""

import secrets
import socket
from contextlib import ExitStack

GRPC_OFFSET = 10_000
"""The difference between a SeaweedFS port and the gRPC port that SeaweedFS opens in addition to it."""
# Linux gives outgoing connections ephemeral ports from 32768 on. All candidates and their gRPC ports are lower, so that
# no connection takes a port between the search and the start of the server.
CANDIDATES = range(12_000, 22_000)


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """Return a port that is free, and for which port + `GRPC_OFFSET` is free too."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return `count` different ports, as `free_port` does. Another process may take one before the caller does."""
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
