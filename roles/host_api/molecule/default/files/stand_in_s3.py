"""A fake S3 that responds to every request with 200, as if every bucket and object existed. It stores nothing."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Obliging(BaseHTTPRequestHandler):
    """Responds to every request with 200."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        """Respond with 200 and an empty body."""
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD  # noqa: N815 (2026-11-24: the name that http.server calls)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 9000), Obliging).serve_forever()
