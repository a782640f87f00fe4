"""Environment files as systemd reads them (`EnvironmentFile=`), written so that nobody ever sees half of one."""

import os
import pwd
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from app.host.errors import HostError

NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
NEEDS_ESCAPE = re.compile(r'(["\\$`])')
FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
"""Control characters that systemd takes in no value; tab and line feed it does."""

ENTRY = re.compile(r'^([A-Z_][A-Z0-9_]*)="((?:[^"\\]|\\.)*)"$', re.MULTILINE | re.DOTALL)


def render(variables: Mapping[str, str]) -> str:
    """One `NAME="value"` for each; inside double quotes systemd (as a shell) unescapes four characters only.

    Raises:
        HostError: a name or a value that no process can have in its environment.
    """
    return "".join(f'{_name(name)}="{_escaped(name, value)}"\n' for name, value in variables.items())


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise HostError(f"{name!r} is no name of a variable.")
    return name


def _escaped(name: str, value: str) -> str:
    if FORBIDDEN.search(value):
        raise HostError(f"The value of {name} holds a control character, which systemd takes in no variable.")
    return NEEDS_ESCAPE.sub(r"\\\1", value)


def parse(text: str) -> dict[str, str]:
    """The variables of a file that `render` made."""
    return {name: re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL) for name, value in ENTRY.findall(text)}


def write_private(path: Path, text: str, *, owner: str | None = None) -> None:
    """Put a file in its place whole, readable for its owner alone (this process's user, or `owner`).

    Raises:
        HostError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), 0o600)
                if owner:
                    os.fchown(file.fileno(), *_ids(owner))
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise HostError(f"{path} could not be written: {error.strerror or error}.") from None


def _ids(owner: str) -> tuple[int, int]:
    try:
        entry = pwd.getpwnam(owner)
    except KeyError:
        raise HostError(f"There is no user {owner} on this machine.") from None
    return entry.pw_uid, entry.pw_gid
