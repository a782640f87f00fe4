"""Raise an exception at the first SIGINT, SIGTERM or SIGHUP, but not while a process is being started or stopped."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked this process to stop. The class is not an `Exception`, so that libraries do not catch it."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


class _Interruption:
    """The signal handler's state: whether it may raise now, whether it has raised, and the pending signal."""

    def __init__(self) -> None:
        self.shielded = 0
        self.pending: int | None = None
        self.raised = False

    def handle(self, signum: int, _frame: FrameType | None) -> None:
        if self.raised:
            return
        self.pending = self.pending or signum
        self.raise_pending()

    def raise_pending(self) -> None:
        if self.pending and not self.shielded and not self.raised:
            self.raised = True
            raise Interrupted(self.pending)


_state = _Interruption()


def raise_on_signals() -> None:
    """Install the signal handler: the first signal raises `Interrupted` in the main thread, later ones do nothing."""
    for signum in SIGNALS:
        signal.signal(signum, _state.handle)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Defer `Interrupted` until the `with` block ends, so that a signal cannot leave a process behind."""
    _state.shielded += 1
    try:
        yield
    finally:
        _state.shielded -= 1
    _state.raise_pending()
