"""The web edge: Nginx in front of a real API, with the configuration that the host_proxy role renders."""

import json
import os
import re
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import httpx
import psutil

from demo.ports import free_port
from testing.homes import Home
from testing.people import Player
from testing.processes import Subprocess
from testing.programs import nginx as nginx_program
from testing.sites import Site, running_site

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "roles" / "host_proxy" / "templates"
PLAYBOOK = Path(__file__).with_name("render.yml")
GENEROUS = {"host_proxy_processes": 1, "host_proxy_trusted_ranges": ["127.0.0.1/32"]}
"""Role variables that make Nginx trust X-Forwarded-For, so that tests can set the client's address."""


@dataclass(frozen=True)
class Edge:
    """A site behind Nginx, and direct access to its API process."""

    site: Site
    """The site as reached through Nginx."""
    direct: Site
    folder: Path
    nginx: Subprocess
    figures_url: str
    """The base URL at which Nginx serves the API processes' metrics. Append the number of a process, such as `/1`."""

    @property
    def port(self) -> int:
        return self.site.port

    @property
    def requests_url(self) -> str:
        """The URL at which Nginx reports the number of requests in progress."""
        return f"{self.figures_url.rpartition('/')[0]}/requests"

    def through(self, player: Player) -> Player:
        """Return a copy of the player whose requests go through Nginx instead of directly to the API."""
        return replace(player, site=self.site)

    def received_bytes(self) -> int:
        """Return the total size of the files in which Nginx and the API buffer request bodies."""
        mother = psutil.Process(self.nginx.pid)
        receivers = [mother, *mother.children(), psutil.Process(self.direct.processes["api"].pid)]
        # Several processes may have the same file open; the dictionary counts that file once.
        return sum(dict(file for process in receivers for file in _open_files(process)).values())


def _open_files(process: psutil.Process) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield ((device, inode), size) of each open file except logs. Nginx's buffer files are open, but deleted."""
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            found, target = link.stat(), str(link.readlink())
        except FileNotFoundError:
            continue
        if stat.S_ISREG(found.st_mode) and not target.endswith(".log"):
            yield (found.st_dev, found.st_ino), found.st_size


@contextmanager
def running_edge(home: Home, folder: Path, variables: Mapping[str, object] | None = None) -> Iterator[Edge]:
    """Run an API on `home` behind Nginx with the role's configuration.

    Args:
        home: the site's folder, bucket, database, queue and settings.
        folder: an empty folder for Nginx's configuration, request bodies and logs.
        variables: role variables that override its defaults.
    """
    program = nginx_program()
    with running_site(home.with_settings(TRUSTED_PROXY="127.0.0.1")) as site:
        port, figures_port = free_port(), free_port()
        render(folder, variables or {})
        _move_to(folder, {80: port, 8081: figures_port}, site.port)
        nginx = Subprocess(
            [str(program), "-e", "stderr", "-c", str(folder / "etc/nginx/nginx.conf"), "-g", "daemon off;"],
            log=folder / "nginx.log",
        )
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            nginx.wait_until(lambda: _listens(port), what="Nginx's start")
            processes = {**site.processes, "nginx": nginx}
            try:
                edge_site = replace(site, url=url, api=client, processes=processes)
                yield Edge(edge_site, site, folder, nginx, f"http://127.0.0.1:{figures_port}/metrics")
            finally:
                nginx.stop()


def render(folder: Path, variables: Mapping[str, object]) -> None:
    """Render the role's templates into `folder` with Ansible."""
    files = sorted(str(path.relative_to(TEMPLATES))[: -len(".j2")] for path in TEMPLATES.rglob("etc/nginx/**/*.j2"))
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
    given = {**GENEROUS, **variables, "folder": str(folder), "templates": str(TEMPLATES), "files": files}
    given["ansible_python_interpreter"] = sys.executable
    playbook = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-e", json.dumps(given)]
    # Run outside the repository, so that its ansible.cfg does not apply to this playbook.
    done = subprocess.run([*playbook, str(PLAYBOOK)], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _move_to(folder: Path, ports: Mapping[int, int], api_port: int) -> None:
    """Adapt the paths, ports, user, log target and API address in the rendered files; change nothing else."""
    for name in ("run/nginx", "var/lib/nginx", "var/cache/nginx"):
        (folder / name).mkdir(parents=True)
    for path in folder.rglob("etc/nginx/**/*.conf"):
        text = path.read_text()
        text = text.replace("user www-data;", f"user {'root' if os.geteuid() == 0 else 'www-data'};")
        text = re.sub(r"unix:/run/rising-stars-api/\d+\.sock:?", f"127.0.0.1:{api_port}", text)
        text = re.sub(r"access_log syslog:\S+", f"access_log {folder}/access.log", text)
        text = re.sub(
            r"listen (127\.0\.0\.1:)?(80|8081)\b", lambda found: f"listen 127.0.0.1:{ports[int(found[2])]}", text
        )
        path.write_text(re.sub(r"(?<=[ :])/(etc|run|var)/", rf"{folder}/\1/", text))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# ── Clients that misbehave


@dataclass
class SlowUpload:
    """An upload whose body the test sends a few bytes at a time."""

    connection: socket.socket

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, data: bytes = b"x") -> None:
        """Send more of the body; do nothing if the server has closed the connection."""
        try:
            self.connection.sendall(data)
        except OSError:
            return

    def answer(self, *, seconds: float = 5) -> bytes:
        """Return what the server sends within `seconds`: b"" if nothing, b"closed" if it closes the connection."""
        self.connection.settimeout(seconds)
        try:
            return self.connection.recv(65_536) or b"closed"
        except TimeoutError:
            return b""
        except ConnectionError:
            return b"closed"

    def trickle(self, *, at_most: float) -> tuple[float, bytes]:
        """Send single bytes until the server responds; return the elapsed seconds and the response."""
        began, answer = time.monotonic(), b""
        while not answer and time.monotonic() - began < at_most:
            self.send()
            answer = self.answer(seconds=0.3)
        seconds = time.monotonic() - began
        if answer.endswith(b"\r\n\r\n"):  # the body may follow in another segment
            answer += self.answer(seconds=5)
        return seconds, answer

    def status(self, *, seconds: float = 10) -> int | None:
        """Return the response's status, or None if the server is still waiting for the body after `seconds`."""
        answer = self.answer(seconds=seconds)
        return int(answer.split()[1]) if answer.startswith(b"HTTP/") else None


def begin_upload(port: int, *, headers: Mapping[str, str] | None = None, length: int = 1_000_000) -> SlowUpload:
    """Send the headers of an upload and the first bytes of its body."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    lines = {"Host": "x", "Content-Length": str(length), "Content-Type": "multipart/form-data; boundary=b"}
    head = "".join(f"{name}: {value}\r\n" for name, value in {**lines, **(headers or {})}.items())
    connection.sendall(f"POST /api/videos/upload HTTP/1.1\r\n{head}\r\n--b\r\n".encode())
    return SlowUpload(connection)


def statuses(uploads: Sequence[SlowUpload]) -> list[int | None]:
    """Wait 3 s, then return the status of each response, or None for an upload without a response."""
    time.sleep(3)
    return [upload.status(seconds=0.05) for upload in uploads]


@contextmanager
def slow_uploads(port: int, count: int, *, headers: Mapping[str, str] | None = None) -> Iterator[list[SlowUpload]]:
    """Begin `count` uploads, and leave them open until the `with` block ends."""
    with ExitStack() as stack:
        begun = [stack.enter_context(begin_upload(port, headers=headers)) for _ in range(count)]
        time.sleep(1)
        yield begun
