"""Archives: folders of clips from the shared file system that the league used before S3.

An archive has `unprocessed-videos/` (originals) and `processed-videos/` (results). A result belongs to the original
with the same file name. The result's name may also have "processed" added at its beginning or end.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.showcase.errors import RuleBroken

ORIGINALS_FOLDER, RESULTS_FOLDER = "unprocessed-videos", "processed-videos"
RESULT_MARK = re.compile(r"^(processed[-_.])|([-_.]processed)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ArchivedClip:
    """A clip in an archive: its original, its result, or both."""

    name: str
    original: Path | None
    result: Path | None

    @property
    def files(self) -> list[Path]:
        """The clip's files, the original first."""
        return [path for path in (self.original, self.result) if path is not None]


def find_clips(folder: Path) -> list[ArchivedClip]:
    """Return the clips in an archive, with originals and results paired by name.

    Raises:
        RuleBroken: the folder has neither of the two subfolders.
    """
    if not any((folder / name).is_dir() for name in (ORIGINALS_FOLDER, RESULTS_FOLDER)):
        raise RuleBroken(
            f"{folder} contains neither {ORIGINALS_FOLDER}/ nor {RESULTS_FOLDER}/; pass the folder that contains them."
        )
    originals = {path.stem: path for path in _files(folder / ORIGINALS_FOLDER)}
    results = {path.stem: path for path in _files(folder / RESULTS_FOLDER)}
    results = {stem if stem in originals else RESULT_MARK.sub("", stem): path for stem, path in results.items()}
    return [
        ArchivedClip(name, originals.get(name), results.get(name)) for name in sorted(originals.keys() | results.keys())
    ]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.glob("*")) if path.is_file() and not path.name.startswith("."))
