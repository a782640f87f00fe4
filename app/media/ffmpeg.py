"""Runs FFmpeg: finds its binary, runs it in the sandbox with a deadline, and turns its exit codes into errors."""

import os
import re
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from app.media.errors import (
    FfmpegMissing,
    MediaError,
    RenderInterrupted,
    RenderKilled,
    RenderTimedOut,
    UnreadableClip,
    WorkDirectoryFull,
)
from app.media.sandbox import ENVIRONMENT, LAUNCH_FAILED, Limits, confined

POLL_SECONDS = 0.1
"""How often a run checks whether it was stopped or its deadline has passed."""

MAX_FILE_BYTES = 512 << 20
"""The largest file that FFmpeg may write, so that a fault cannot fill the disk. Results are far smaller."""

_KEPT_STDERR_LINES = 20
_KEPT_LINE_BYTES = 400
_EXIT_AFTER_SIGNAL = 255
"""FFmpeg's exit code after SIGTERM or SIGINT."""

_CAUSES: tuple[tuple[str, type[MediaError]], ...] = (
    ("No space left on device", WorkDirectoryFull),
    ("Disk quota exceeded", WorkDirectoryFull),
    ("error reading header", UnreadableClip),  # e.g. its index (moov) needs more memory than there is
    ("Cannot allocate memory", RenderKilled),
    ("Resource temporarily unavailable", RenderKilled),
    ("Unknown encoder", FfmpegMissing),
    ("No such filter", FfmpegMissing),
    ("Unrecognized option", FfmpegMissing),
    ("Error applying options", FfmpegMissing),
    ("error while loading shared libraries", FfmpegMissing),
)
"""Texts in FFmpeg's last stderr lines, and the error that each indicates. If none matches, the clip is unreadable."""


_INTERRUPTED = re.compile(r"Cannot determine format of input stream [1-9]\d*:\d+ after EOF")
"""FFmpeg's message when SIGTERM arrives before FFmpeg has read its inputs; FFmpeg then exits with code 1. The inputs
after the first are the artwork and the decoded sound. The platform supplies them, so they are readable, and only an
interruption can cause this message."""

_LAUNCHER = ("confine: ", "Traceback (most recent call last):", "Fatal Python error: ")
"""stderr prefixes that mean the sandbox launcher itself failed, independently of the clip."""


def find_ffmpeg(configured: Path | None) -> Path:
    """Return the FFmpeg to use: the configured one, otherwise the system's, otherwise the one in imageio-ffmpeg.

    Raises:
        FfmpegMissing: there is none, or the configured path is not an executable file.
    """
    if configured is not None:
        if os.access(configured, os.X_OK) and configured.is_file():
            return configured.resolve()
        raise FfmpegMissing(f"FFMPEG_PATH={configured} is not an executable file. Correct or unset it.")
    system = shutil.which("ffmpeg")
    return Path(system) if system else _packaged_ffmpeg()


def _packaged_ffmpeg() -> Path:
    try:
        import imageio_ffmpeg  # noqa: PLC0415 - optional: needed only where the system has no FFmpeg

        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        raise FfmpegMissing(
            "There is no FFmpeg. Install one (apt install ffmpeg, or pip install imageio-ffmpeg), or set FFMPEG_PATH."
        ) from None


@dataclass(frozen=True, slots=True)
class FfmpegJob:
    """The parameters that all FFmpeg runs of one render share."""

    ffmpeg: Path
    directory: Path
    """FFmpeg's working directory, used by this render only."""
    memory_bytes: int
    """The limit on FFmpeg's address space."""
    deadline: float
    """The time, by `time.monotonic()`, after which FFmpeg is killed."""
    stop: threading.Event

    def run(self, arguments: list[str], *, on_line: Callable[[str], None] | None = None) -> None:
        """Run FFmpeg until it exits; `on_line` receives each line of its standard output.

        No process of the run remains, however the run ends.

        Raises:
            RenderInterrupted: `stop` was set.
            RenderTimedOut: the deadline passed.
            RenderKilled: FFmpeg was killed from outside, or ran out of memory.
            WorkDirectoryFull: the disk is full.
            FfmpegMissing: this FFmpeg lacks an encoder, a filter or an option, or could not start in the sandbox.
            UnreadableClip: FFmpeg failed for any other reason; the text contains its last lines on stderr.
        """
        last_lines: deque[str] = deque(maxlen=_KEPT_STDERR_LINES)
        with self._start(arguments) as process:
            try:
                self._follow(process, on_line or _ignore, last_lines.append)
                self._await_exit(process)
            except BaseException:
                _kill_group(process)
                raise
        raise_for_exit(process.returncode, "\n".join(last_lines))

    def _start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - no shell; all arguments are built here, including the clip's path
            confined(
                [str(self.ffmpeg), *arguments],
                Limits(self.memory_bytes, MAX_FILE_BYTES),
                readable=_inputs(arguments),
                writable=self.directory,
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.directory,
            env=ENVIRONMENT,
            start_new_session=True,
        )

    def _follow(
        self, process: subprocess.Popen[bytes], on_line: Callable[[str], None], on_error: Callable[[str], None]
    ) -> None:
        """Read both pipes until they are closed, so that neither fills up and blocks FFmpeg."""
        with selectors.DefaultSelector() as selector:
            for pipe, take in ((process.stdout, on_line), (process.stderr, on_error)):
                if pipe is not None:
                    selector.register(pipe, selectors.EVENT_READ, _Lines(take))
            while selector.get_map():
                self._check()
                for key, _ in selector.select(POLL_SECONDS):
                    chunk = os.read(key.fd, 1 << 16)
                    key.data.feed(chunk)
                    if not chunk:
                        selector.unregister(key.fileobj)

    def _await_exit(self, process: subprocess.Popen[bytes]) -> None:
        while True:
            self._check()
            try:
                process.wait(POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            return

    def _check(self) -> None:
        if self.stop.is_set():
            raise RenderInterrupted("The render was stopped.")
        if time.monotonic() > self.deadline:
            raise RenderTimedOut("FFmpeg ran longer than RENDER_TIMEOUT_SECONDS allows.")


def _inputs(arguments: list[str]) -> list[Path]:
    """Return the files that a command line reads (`-i file:/…`).

    The sandbox grants access to these and to the working directory.
    """
    inputs = [word for option, word in pairwise(arguments) if option == "-i"]
    return [Path(word.removeprefix("file:")) for word in inputs if word.startswith("file:/")]


def raise_for_exit(code: int, last_words: str) -> None:
    """Raise the error that FFmpeg's exit code and last lines indicate. A negative code means that a signal ended it."""
    if code == 0:
        return
    if code < 0 or code == _EXIT_AFTER_SIGNAL:
        raise RenderKilled(f"FFmpeg was ended by signal {-code if code < 0 else 'TERM or INT'}. {last_words}".strip())
    if code in {1, LAUNCH_FAILED} and last_words.startswith(_LAUNCHER):
        raise FfmpegMissing(f"FFmpeg could not be started: {last_words}")
    if _INTERRUPTED.match(last_words):
        raise RenderKilled(f"FFmpeg was ended by a signal before it had read its inputs. {last_words}")
    for words, error in _CAUSES:
        if words in last_words:
            raise error(f"FFmpeg: {last_words}")
    raise UnreadableClip(f"FFmpeg gave up with code {code}: {last_words}")


class _Lines:
    """Splits a stream of bytes into lines and truncates long ones."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """Process the next bytes; empty bytes mean the end."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if not chunk and self._rest:
            lines, self._rest = [self._rest], b""
        self._rest = self._rest[:_KEPT_LINE_BYTES]
        for line in lines:
            self._take(line[:_KEPT_LINE_BYTES].decode("utf-8", "replace").rstrip("\r"))


def _ignore(_: str) -> None:
    """Ignore a line of standard output."""


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill FFmpeg's process group, and only then reap FFmpeg, because the pid of a reaped process may be reused."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
