"""The machines' DNS resolver. It resolves the private zone's and the database's names, and forwards other queries."""

import contextlib
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self


class Resolver:
    """dnsmasq at one address. `set_names` replaces the names that it resolves itself."""

    def __init__(self, address: str, folder: Path) -> None:
        self._hosts = folder / "names"
        self._log = folder / "dnsmasq.log"
        self._address = address
        self._current: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._hosts.write_text("")
        settings = ["--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file=", "--bind-interfaces"]
        where = [f"--listen-address={self._address}", f"--log-facility={self._log}"]
        known = ["--no-hosts", f"--addn-hosts={self._hosts}", "--local-ttl=1"]
        self._process = subprocess.Popen(["dnsmasq", *settings, *where, *known])
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)

    def set_names(self, names: Mapping[str, str]) -> None:
        """Replace the names that dnsmasq resolves itself. It forwards queries for all other names."""
        if names != self._current and self._process is not None:
            self._hosts.write_text("".join(f"{address} {name}\n" for name, address in sorted(names.items())))
            self._process.send_signal(signal.SIGHUP)
            self._current = dict(names)
