"""Local files: computes their SHA-256, and recognizes a full disk."""

import errno
import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_disk_full(error: OSError) -> bool:
    """Whether a write failed because the disk is full or the user's quota is used up."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}
