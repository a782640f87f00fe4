"""Files that only their owner may read."""

import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

MODE = 0o600


def write_secret(path: Path, text: str) -> None:
    """Replace the file. The new file has mode 0600 from its creation, so that only its owner can ever read it."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "w") as file:  # noqa: PTH123 - a mode
        file.write(text)


def load_secrets(path: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the secrets in the file. First generate and store missing ones, each of 32 random bytes in hexadecimal."""
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    missing = {name: secrets.token_hex(32) for name in names if name not in kept}
    if missing:
        kept |= missing
        write_secret(path, json.dumps(kept, indent=2))
    return kept
