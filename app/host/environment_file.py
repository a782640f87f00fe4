"""Environment files as systemd reads them (`EnvironmentFile=`), written atomically."""

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
"""Control characters that systemd rejects in values. It accepts tab and line feed."""

ENTRY = re.compile(r'^([A-Z_][A-Z0-9_]*)="((?:[^"\\]|\\.)*)"$', re.MULTILINE | re.DOTALL)


def render(variables: Mapping[str, str]) -> str:
    """Return the file's text, with a line `NAME="value"` for each variable.

    Inside double quotes systemd, like a shell, unescapes only the four characters that `NEEDS_ESCAPE` lists.

    Raises:
        HostError: a name or value is not valid in an environment.
    """
    return "".join(f'{_name(name)}="{_escaped(name, value)}"\n' for name, value in variables.items())


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise HostError(f"{name!r} is not a valid variable name.")
    return name


def _escaped(name: str, value: str) -> str:
    if FORBIDDEN.search(value):
        raise HostError(f"The value of {name} contains a control character, which systemd rejects in variables.")
    return NEEDS_ESCAPE.sub(r"\\\1", value)


def parse(text: str) -> dict[str, str]:
    """Return the variables of a file that `render` produced."""
    return {name: re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL) for name, value in ENTRY.findall(text)}


def write_private(path: Path, text: str, *, owner: str | None = None) -> None:
    """Write a file atomically, readable only by its owner (this process's user, or `owner`).

    Raises:
        HostError: the file cannot be written.
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
