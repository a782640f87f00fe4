"""Start the platform's programs in a process that has already imported them.

Importing a program takes a second of CPU time, more than most tests, and a test run starts hundreds of programs. Each
test process therefore has one server, which imports the programs once and forks a child for each start. Arguments,
environment, output, signals and exit codes are those of an ordinary start. There are two differences. In /proc, the
child has the server's command line and environment. A test that reads these must start the program without the server.
And the child hashes passwords with argon2's cheapest parameters, because a test run signs up and signs in thousands of
times; the environment variable REAL_PASSWORD_HASHES prevents that.

The server is `python -m testing.preloaded FD`. A request is a message on the socket FD: JSON, with three file
descriptors. They are the program's stdout and stderr, and a pipe, to which the server writes the program's process ID
and, later, its exit code.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from argon2 import PasswordHasher

from app.media.kernel import PR_SET_PDEATHSIG, prctl
from app.showcase import passwords
from testing.processes import Subprocess
from testing.service_models import read_service_models

ENTRY_POINTS = {
    "rising-stars": "app.cli",
    "rising-stars-api": "app.wsgi",
    "rising-stars-worker": "tasks.worker",
    "rising-stars-upkeep": "tasks.upkeep",
}
"""Program → the module whose `main` it runs, as in pyproject.toml."""

REAL_PASSWORD_HASHES = "REAL_PASSWORD_HASHES"
"""The variable with which a program hashes passwords as on a site."""

STDOUT, STDERR = 1, 2
_MAX_REQUEST_BYTES = 1 << 17
_CHECKOUT = Path(__file__).parents[1]


class PreloadedProgram:
    """A started program, with the methods of `subprocess.Popen` that tests use.

    Raises:
        ValueError: the environment sets PYTHONPATH, but the server has already imported the code.
        RuntimeError: the server has ended; the test run's output has its traceback.
    """

    def __init__(
        self,
        program: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path,
        output: int,
        errors: int,
    ) -> None:
        if "PYTHONPATH" in environment:
            raise ValueError("The server has already imported the code, so it cannot start another version of it.")
        request = {
            "program": program,
            "arguments": arguments,
            "environment": dict(environment),
            "directory": str(directory),
        }
        reports, reporting = os.pipe()
        try:
            socket.send_fds(_server(), [json.dumps(request).encode()], [output, errors, reporting])
        finally:
            os.close(reporting)
        self._reports = os.fdopen(reports)
        self.returncode: int | None = None
        started = self._reports.readline()
        if not started:
            self._reports.close()
            raise RuntimeError(f"{program} was not started, because the server of {__name__} has ended.")
        self.pid = int(started)
        self._ends = selectors.DefaultSelector()
        self._ends.register(self._reports, selectors.EVENT_READ)

    def poll(self) -> int | None:
        """Return the exit code, or None while the program is running. If a signal ended it, the code is negative."""
        if self.returncode is None and self._ends.select(timeout=0):
            self._read_exit_code()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the program's end and return its exit code.

        Raises:
            subprocess.TimeoutExpired: the program is still running after `timeout` seconds.
        """
        if self.returncode is None:
            if not self._ends.select(timeout):
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self._read_exit_code()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal unless the program has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the program unless it has ended."""
        self.send_signal(signal.SIGKILL)

    def _read_exit_code(self) -> None:
        self.returncode = int(self._reports.readline())
        self._ends.close()
        self._reports.close()


class PreloadedSubprocess(Subprocess):
    """A program of the platform that ends with the test run. Its output is written to a file."""

    def _start(self, output: IO[bytes], environment: Mapping[str, str] | None) -> PreloadedProgram:
        program, *arguments = self.command
        return PreloadedProgram(
            program,
            arguments,
            environment=os.environ if environment is None else environment,
            directory=self.log.parent,
            output=output.fileno(),
            errors=output.fileno(),
        )


def run_preloaded(
    program: str, *arguments: str, environment: Mapping[str, str], timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run a program of the platform to its end, and return its exit code and what it printed.

    Raises:
        subprocess.TimeoutExpired: the program was still running after `timeout` seconds, and was killed.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = PreloadedProgram(
            program,
            arguments,
            environment=environment,
            directory=Path.cwd(),
            output=output.fileno(),
            errors=errors.fileno(),
        )
        try:
            code = started.wait(timeout)
        finally:
            started.kill()
            started.wait()
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess([program, *arguments], code, output.read(), errors.read())


@functools.cache
def _server() -> socket.socket:
    """Start the server on the first call, and return the socket for requests. The server ends with this process."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        server = subprocess.Popen(
            [sys.executable, "-m", __name__, str(its.fileno())],
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
            cwd=_CHECKOUT,
        )

    @atexit.register
    def end() -> None:
        ours.close()
        server.wait()

    return ours


def _serve(requests: socket.socket) -> Callable[[], Any]:
    """Fork a child for each request and, in the child, return the program's `main`.

    The caller runs `main` after this function has returned, so that the program's tracebacks do not contain this
    function. In the server itself, return a no-op once the test process has closed the socket.
    """
    selector = selectors.DefaultSelector()
    selector.register(requests, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is not requests:
                selector.unregister(key.fileobj)
                _report_end(key.fd, key.data)
                continue
            message, descriptors, _, _ = socket.recv_fds(requests, _MAX_REQUEST_BYTES, 3)
            if not message:
                return lambda: None
            pid = os.fork()
            if pid == 0:
                selector.close()
                # Detach the socket object from its descriptor, which _become closes. Otherwise, the object would later
                # close this descriptor number again, which may by then belong to another file.
                requests.detach()
                return _become(json.loads(message), *descriptors[:2])
            output, errors, reports = descriptors
            os.close(output)
            os.close(errors)
            _report(reports, pid)
            selector.register(os.pidfd_open(pid), selectors.EVENT_READ, reports)


def _report_end(pidfd: int, reports: int) -> None:
    _report(reports, reap(pidfd))
    os.close(reports)


def reap(pidfd: int) -> int:
    """Reap an ended child process and close its descriptor. Return its exit code, negative if a signal ended it."""
    ended = os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
    assert ended is not None
    os.close(pidfd)
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def _report(reports: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # the test may have stopped waiting for this program
        os.write(reports, f"{number}\n".encode())


def _become(request: dict[str, Any], output: int, errors: int) -> Callable[[], Any]:
    """Apply the request's environment, working directory and output streams; return the program's `main`."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(output, STDOUT)
    os.dup2(errors, STDERR)
    close_all_but_standard_streams()
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    if request["environment"].get("PYTHONWARNINGS") == "default":
        warnings.simplefilter("default")
    if REAL_PASSWORD_HASHES not in request["environment"]:
        hash_passwords_cheaply()
    sys.argv = [request["program"], *request["arguments"]]
    sys.modules["__main__"].__package__ = None  # as in a script; Typer derives the command's name from it
    main: Callable[[], Any] = importlib.import_module(ENTRY_POINTS[request["program"]]).main
    return main


def close_all_but_standard_streams() -> None:
    """Close the open descriptors that /proc lists. Do not try all possible ones: a container may allow a billion."""
    for descriptor in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if descriptor > STDERR:
            with contextlib.suppress(OSError):  # the listing's own descriptor is closed already
                os.close(descriptor)


def hash_passwords_cheaply() -> None:
    """Have this process hash passwords in microseconds instead of tens of milliseconds."""
    cheapest = functools.partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    vars(passwords)["PasswordHasher"] = lambda **_: cheapest()


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for module in ENTRY_POINTS.values():
        importlib.import_module(module)
    read_service_models(["s3"])
    # Exclude the loaded objects from garbage collection. Otherwise, the first collection in each child would write to
    # all of them, and the kernel would copy their memory.
    gc.collect()
    gc.freeze()
    sys.exit(_serve(socket.socket(fileno=int(sys.argv[1])))())
