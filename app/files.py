"""Facts about this machine's files: what a file holds, and whether its disk has room."""

import errno
import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_disk_full(error: OSError) -> bool:
    """Whether a write failed because the disk, or the user's quota of it, has no room left."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}
