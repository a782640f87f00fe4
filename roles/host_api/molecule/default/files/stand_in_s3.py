"""A fake S3 that answers 200 to every request: the bucket exists, and any object is accepted."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Obliging(BaseHTTPRequestHandler):
    """Answers every request without storing anything."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        """Answer 200, whether the path names a bucket or an object."""
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD  # noqa: N815 (2026-11-24: the name that http.server calls)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 9000), Obliging).serve_forever()
