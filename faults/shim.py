"""An FFmpeg launcher that carries out the nemesis's orders, and kills the worker or itself for a poison clip.

It runs before the platform's launcher, because a program in that launcher's sandbox can neither read the orders nor
kill the worker.
"""

import os
from pathlib import Path
from typing import Literal

from app.media import sandbox
from faults.clips import MARKS

Order = Literal["hang", "crash", "full", "slow"]

SLOW_SECONDS = 4

SCRIPT = """\
#!/bin/sh
# $PPID is the worker.
case "$*" in *mediainfo_process.py*) exec "$@" ;; esac
order={orders}/$PPID
if mv "$order" "$order.taken" 2>/dev/null; then
    case $(cat "$order.taken") in
        hang) exec sleep 3600 ;;
        crash) kill -SEGV $$ ;;
        full) ln -s /dev/full video.mp4 ;;
        slow) sleep {slow} ;;
    esac
fi
for word; do
    case $word in file:*/original.mp4)
        grep -q {worker} "${{word#file:}}" && kill -KILL $PPID
        grep -q {ffmpeg} "${{word#file:}}" && kill -SEGV $$ ;;
    esac
done
exec "$@"
"""
SHIM = "FAULTS_SHIM"
"""The environment variable with the launcher's path."""


def install_shim() -> None:
    """Make this process start FFmpeg through the shim."""
    sandbox.LAUNCHER = (os.environ[SHIM], *sandbox.LAUNCHER)


class Shim:
    """The launcher and its orders. An order is a file whose name is the worker's process ID."""

    def __init__(self, folder: Path) -> None:
        self._orders = folder / "orders"
        self._orders.mkdir(parents=True, exist_ok=True)
        self.program = folder / "launch"
        self.program.write_text(SCRIPT.format(orders=self._orders, slow=SLOW_SECONDS, **MARKS))
        self.program.chmod(0o755)

    def order(self, worker_pid: int, order: Order) -> None:
        """Leave an order for the worker's next FFmpeg process."""
        written = self._orders / f"{worker_pid}.new"
        written.write_text(order)
        written.rename(self._orders / str(worker_pid))
