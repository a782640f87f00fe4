"""In the place of the API's processes: one behind each socket named, until it is killed.

    stand_in_api.py echo|break SOCKET…

echo answers 200 with what it was asked, as JSON; break hangs up when it has read the request, unless the proxy asks
whether an upload may begin. Both write one line per request into /run/stand-in-api.log.
"""

import json
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

MODE, *SOCKETS = sys.argv[1:]


class StandIn(BaseHTTPRequestHandler):
    """Answers any method."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Read the whole request, record it, and answer or not."""
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

    do_POST = do_GET  # noqa: N815 - the base class's word

    def address_string(self) -> str:
        """A Unix socket has none."""
        return "proxy"


class Server(socketserver.ThreadingUnixStreamServer):
    """One socket."""

    daemon_threads = True


if __name__ == "__main__":
    import os
    import threading

    for path in SOCKETS:
        server = Server(path, StandIn)
        os.chmod(path, 0o666)  # noqa: PTH101, S103 - a socket in a folder that few may enter
        threading.Thread(target=server.serve_forever).start()
