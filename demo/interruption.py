"""SIGINT, SIGTERM and SIGHUP as one exception: raised once, and not where it would lose a process."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody wants us to stop. Not an `Exception`, so that no library's handler swallows it."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


class _Interruption:
    """What the handlers know: whether they may raise, and what came when they may not."""

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
    """From now on the first signal raises `Interrupted` in the main thread; later ones do nothing."""
    for signum in SIGNALS:
        signal.signal(signum, _state.handle)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold a signal back until the block is over."""
    _state.shielded += 1
    try:
        yield
    finally:
        _state.shielded -= 1
    _state.raise_pending()
