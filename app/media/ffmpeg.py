"""FFmpeg as a process: where its binary is, and one confined, supervised run of it."""

import os
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
"""How long a stop or a deadline may go unnoticed."""

MAX_FILE_BYTES = 512 << 20
"""No result comes near it (the profiles cap the bit rate); it keeps a fault from filling the disk."""

_KEPT_STDERR_LINES = 20
_KEPT_LINE_BYTES = 400
_EXIT_AFTER_SIGNAL = 255
"""FFmpeg's own exit code when SIGTERM or SIGINT made it stop early."""

_CAUSES: tuple[tuple[str, type[MediaError]], ...] = (
    ("No space left on device", WorkDirectoryFull),
    ("Disk quota exceeded", WorkDirectoryFull),
    ("error reading header", UnreadableClip),  # an index that asks for more memory than there is
    ("Cannot allocate memory", RenderKilled),
    ("Resource temporarily unavailable", RenderKilled),
    ("Unknown encoder", FfmpegMissing),
    ("No such filter", FfmpegMissing),
    ("Unrecognized option", FfmpegMissing),
    ("Error applying options", FfmpegMissing),
    ("error while loading shared libraries", FfmpegMissing),
)
"""Words in FFmpeg's last lines that tell a fault of the surroundings from one of the clip."""


_LAUNCHER = ("confine: ", "Traceback (most recent call last):", "Fatal Python error: ")
"""How the words of a launcher begin that could not start FFmpeg confined: a clip has no part in it."""


def find_ffmpeg(configured: Path | None) -> Path:
    """The FFmpeg to use: the configured one, else the system's, else that of the package imageio-ffmpeg.

    Raises:
        FfmpegMissing: there is none, or the configured path is not a program.
    """
    if configured is not None:
        if os.access(configured, os.X_OK) and configured.is_file():
            return configured.resolve()
        raise FfmpegMissing(f"FFMPEG_PATH={configured} is not a program. Correct it, or leave it out.")
    system = shutil.which("ffmpeg")
    return Path(system) if system else _packaged_ffmpeg()


def _packaged_ffmpeg() -> Path:
    try:
        import imageio_ffmpeg  # noqa: PLC0415 - optional: only where the system has no FFmpeg

        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        raise FfmpegMissing(
            "There is no FFmpeg. Install one (apt install ffmpeg, or pip install imageio-ffmpeg), or set FFMPEG_PATH."
        ) from None


@dataclass(frozen=True, slots=True)
class FfmpegJob:
    """What all FFmpeg runs of one render share."""

    ffmpeg: Path
    directory: Path
    """Private to the render: FFmpeg's working directory."""
    memory_bytes: int
    """Address space; beyond it FFmpeg's allocations fail."""
    deadline: float
    """On `time.monotonic()`'s clock."""
    stop: threading.Event

    def run(self, arguments: list[str], *, on_line: Callable[[str], None] | None = None) -> None:
        """Run FFmpeg to its end; `on_line` gets each line of its standard output.

        However this returns, no process of the run is left.

        Raises:
            RenderInterrupted: `stop` was set.
            RenderTimedOut: the deadline passed.
            RenderKilled: a signal from outside, or no memory.
            WorkDirectoryFull: the disk is full.
            FfmpegMissing: this FFmpeg lacks an encoder, a filter or an option, or could not be started confined.
            UnreadableClip: FFmpeg gave up for any other reason; the text holds its last words.
        """
        last_words: deque[str] = deque(maxlen=_KEPT_STDERR_LINES)
        with self._start(arguments) as process:
            try:
                self._follow(process, on_line or _ignore, last_words.append)
                self._await_exit(process)
            except BaseException:
                _kill_group(process)
                raise
        raise_for_exit(process.returncode, "\n".join(last_words))

    def _start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - no shell; the arguments are ours, the clip's path among them
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
        """Read both pipes as they fill, so that neither ever blocks FFmpeg, until both are closed."""
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
            raise RenderInterrupted("The render was asked to stop.")
        if time.monotonic() > self.deadline:
            raise RenderTimedOut("FFmpeg ran longer than RENDER_TIMEOUT_SECONDS allows.")


def _inputs(arguments: list[str]) -> list[Path]:
    """The files that a command line reads (`-i file:/…`): with its folder, all that this run of FFmpeg needs to see."""
    inputs = [word for option, word in pairwise(arguments) if option == "-i"]
    return [Path(word.removeprefix("file:")) for word in inputs if word.startswith("file:/")]


def raise_for_exit(code: int, last_words: str) -> None:
    """Turn FFmpeg's end into the fact behind it; 0 is no error, below 0 is a signal's number."""
    if code == 0:
        return
    if code < 0 or code == _EXIT_AFTER_SIGNAL:
        raise RenderKilled(f"FFmpeg was ended by signal {-code if code < 0 else 'TERM or INT'}. {last_words}".strip())
    if code in {1, LAUNCH_FAILED} and last_words.startswith(_LAUNCHER):
        raise FfmpegMissing(f"FFmpeg could not be started: {last_words}")
    for words, error in _CAUSES:
        if words in last_words:
            raise error(f"FFmpeg: {last_words}")
    raise UnreadableClip(f"FFmpeg gave up with code {code}: {last_words}")


class _Lines:
    """Cuts a stream of bytes into lines; what exceeds the kept length of a line is dropped."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes; none means the end."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if not chunk and self._rest:
            lines, self._rest = [self._rest], b""
        self._rest = self._rest[:_KEPT_LINE_BYTES]
        for line in lines:
            self._take(line[:_KEPT_LINE_BYTES].decode("utf-8", "replace").rstrip("\r"))


def _ignore(_: str) -> None:
    """For a run whose standard output nobody wants."""


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill FFmpeg and whatever it started, and collect it. Its number is not reused before it is collected."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
