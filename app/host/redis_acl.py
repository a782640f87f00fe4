"""The ACL file of the queue's Redis: one user, with the commands and keys that this platform uses."""

import hashlib
from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.host.environment_file import parse
from app.host.errors import HostError

KEYS = ("huey.*.risingstars", "huey.r.risingstars.*", "LIMITS:*")
"""Patterns of the keys: the queue and its schedule, Huey's data on tasks, and the counters of the `limits` package."""

COMMANDS = (
    # Ringing the doorbell, and waiting for it.
    *("zadd", "zcard", "bzpopmin"),
    # Huey's schedule, and Huey's checks before it runs a task.
    *("zrangebyscore", "zremrangebyscore", "mget"),
    # Counting and resetting rate limits. The ACL also applies to the commands inside the counters' Lua scripts.
    *("evalsha", "script|load", "exists", "get", "set", "incrby", "pttl", "rename", "del"),
    # Health checks.
    "ping",
)
"""The commands that a running site uses, as seen in Redis' MONITOR. The ACL denies all others. A test runs a site with
this ACL."""


def render_acl(username: str, password: str) -> str:
    """Return the file's text, which contains the password's SHA-256."""
    digest = hashlib.sha256(password.encode()).hexdigest()
    keys = " ".join(f"~{pattern}" for pattern in KEYS)
    commands = " ".join(f"+{command}" for command in COMMANDS)
    no_default_user = "user default reset off\n"
    return f"{no_default_user}user {username} reset on #{digest} {keys} -@all {commands}\n"


def acl_of(environment_file: Path) -> str:
    """Return the ACL file for the user and password of `QUEUE_URL` in an environment file.

    Raises:
        HostError: the file cannot be read, or has no `QUEUE_URL` with a Redis scheme, a user and a password.
    """
    try:
        url = urlsplit(parse(environment_file.read_text(encoding="utf-8")).get("QUEUE_URL", ""))
    except OSError as error:
        raise HostError(f"{environment_file} could not be read: {error.strerror}.") from None
    if url.scheme not in {"redis", "rediss"} or not url.username or not url.password:
        raise HostError(f"{environment_file} names no Redis with a user and a password in QUEUE_URL.")
    return render_acl(unquote(url.username), unquote(url.password))
