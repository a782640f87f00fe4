"""Fakes of a deployed machine's dependencies: the instance metadata service and `systemctl`."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from rehearsal.aws.server import REGION
from testing.processes import wait_until


class MetadataService:
    """Version 2 of the instance metadata service: it requires a token and serves `values` by path."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {
            "meta-data/instance-id": "i-0123456789abcdef0",
            "meta-data/placement/region": REGION,
        }
        self.tokens: set[str] = set()
        self.failing = False
        self.delay_seconds = 0.0
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                if self.path != "/latest/api/token" or "X-aws-ec2-metadata-token-ttl-seconds" not in self.headers:
                    self._answer(400, "")
                    return
                token = f"token-{len(service.tokens)}-{os.urandom(4).hex()}"
                service.tokens.add(token)
                self._answer(200, token)

            def do_GET(self) -> None:
                time.sleep(service.delay_seconds)
                if service.failing:
                    self._answer(503, "")
                elif self.headers.get("X-aws-ec2-metadata-token") not in service.tokens:
                    self._answer(401, "")
                else:
                    text = service.values.get(self.path.removeprefix("/latest/"))
                    self._answer(404 if text is None else 200, text or "")

            def _answer(self, status: int, text: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_arguments: object) -> None:
                """Write no log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass(frozen=True)
class Systemctl:
    """A fake `systemctl` that records its arguments and runs for a given time."""

    folder: Path

    @property
    def asked(self) -> list[str]:
        log = self.folder / "asked"
        return log.read_text().splitlines() if log.exists() else []

    def install(self, *, seconds: float = 0, code: int = 0, look_at: Path | None = None) -> None:
        """Write the program; with `look_at`, it also records whether that file exists."""
        state = f'[ -e "{look_at}" ] && printf "draining " >> "{self.folder}/asked"\n' if look_at else ""
        program = self.folder / "systemctl"
        program.write_text(f'#!/bin/sh\n{state}echo "$@" >> "{self.folder}/asked"\nsleep {seconds}\nexit {code}\n')
        program.chmod(0o755)


def wait_for(done: Callable[[], bool], what: str) -> None:
    wait_until(done, what=what, seconds=20)
