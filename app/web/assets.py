"""Static files under immutable names, which contain a digest of the content. Caches may keep them for a year."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

FOLDER = Path(__file__).with_name("static")
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
NAME = re.compile(r"([a-z_]+)-([0-9a-f]{16})(\.[a-z]+)")


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file."""

    body: bytes
    content_type: str
    path: str
    """Its address on this site."""


class Assets:
    """The static files of one process, read when it starts."""

    def __init__(self, files: Iterable[tuple[str, bytes]]) -> None:
        self._assets = {name: _asset(name, body) for name, body in files}

    def url(self, name: str) -> str:
        """Return the address of a file, for example of `site.css`."""
        return self._assets[name].path

    def find(self, immutable_name: str) -> tuple[Asset, bool] | None:
        """Return a file by its name with a digest, and whether the digest is that of the content.

        During a rollout, a page of one release may ask a machine of the other release. It then gets that release's
        file, which no cache may keep under this name.
        """
        parts = NAME.fullmatch(immutable_name)
        asset = self._assets.get(f"{parts.group(1)}{parts.group(3)}") if parts else None
        return None if asset is None else (asset, asset.path == f"/static/{immutable_name}")


def read_static_files() -> list[tuple[str, bytes]]:
    """Return name and content of each file in the folder `static`."""
    return [(path.name, path.read_bytes()) for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES]


def _asset(name: str, body: bytes) -> Asset:
    stem, suffix = Path(name).stem, Path(name).suffix
    digest = blake2b(body, digest_size=8).hexdigest()
    return Asset(body, TYPES[suffix], f"/static/{stem}-{digest}{suffix}")
