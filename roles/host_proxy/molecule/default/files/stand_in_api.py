"""A fake API, which listens on each given socket until this process is killed.

    stand_in_api.py echo|break SOCKET…

In the mode `echo`, it responds with 200 and the request as JSON. In the mode `break`, it reads the request and closes
the connection without a response, except that it still admits uploads (/internal/…). In both modes, it writes one line
per request to /run/stand-in-api.log.
"""

import json
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

MODE, *SOCKETS = sys.argv[1:]


class StandIn(BaseHTTPRequestHandler):
    """Handles GET and POST."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Read and log the whole request. Then respond or, in the mode `break`, close the connection."""
        length = len(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
        with Path("/run/stand-in-api.log").open("a") as log:
            log.write(f"{self.command} {self.path}\n")
        if MODE == "break" and not self.path.startswith("/internal/"):
            self.close_connection = True
            return
        received = {"path": self.path, "length": length, "at": time.time(), "headers": dict(self.headers.items())}
        body = json.dumps(received).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the base class's name

    def address_string(self) -> str:
        """Return a constant, because the peer of a Unix socket has no address."""
        return "proxy"


class Server(socketserver.ThreadingUnixStreamServer):
    """A server of one Unix socket, with one thread per connection."""

    daemon_threads = True


if __name__ == "__main__":
    import os
    import threading

    for path in SOCKETS:
        server = Server(path, StandIn)
        os.chmod(path, 0o666)  # noqa: PTH101, S103 - the sockets' directory limits access
        threading.Thread(target=server.serve_forever).start()
