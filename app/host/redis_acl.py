"""Who may do what on the queue's Redis, as an ACL file: one user, and what this platform's own code asks for."""

import hashlib
from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.host.environment_file import parse
from app.host.errors import HostError

KEYS = ("huey.*.risingstars", "huey.r.risingstars.*", "LIMITS:*")
"""The queue and its schedule, what Huey notes of single tasks, the counters of the package limits."""

COMMANDS = (
    # Ringing and hearing the doorbell.
    *("zadd", "zcard", "bzpopmin"),
    # Huey's schedule, and what it looks up before it runs a task.
    *("zrangebyscore", "zremrangebyscore", "mget"),
    # Counting and forgiving; the counters' scripts are subject to these, too.
    *("evalsha", "script|load", "exists", "get", "set", "incrby", "pttl", "rename", "del"),
    # Looking whether it lives.
    "ping",
)
"""As a MONITOR of a whole site shows; a test runs one under this file. Anything else is refused."""


def render_acl(username: str, password: str) -> str:
    """The file's text. It holds the password's SHA-256, as Redis keeps it."""
    digest = hashlib.sha256(password.encode()).hexdigest()
    keys = " ".join(f"~{pattern}" for pattern in KEYS)
    commands = " ".join(f"+{command}" for command in COMMANDS)
    nobody = "user default reset off\n"
    return f"{nobody}user {username} reset on #{digest} {keys} -@all {commands}\n"


def acl_of(environment_file: Path) -> str:
    """The ACL file for the user and password of the `QUEUE_URL` in an environment file.

    Raises:
        HostError: there is none.
    """
    try:
        url = urlsplit(parse(environment_file.read_text(encoding="utf-8")).get("QUEUE_URL", ""))
    except OSError as error:
        raise HostError(f"{environment_file} could not be read: {error.strerror}.") from None
    if url.scheme not in {"redis", "rediss"} or not url.username or not url.password:
        raise HostError(f"{environment_file} names no Redis with a user and a password in QUEUE_URL.")
    return render_acl(unquote(url.username), unquote(url.password))
