"""`python -m postman FOLDER` writes the collections and the environment into a folder."""

import json
import sys
from pathlib import Path

from app.api.application import list_documented_routes
from app.api.openapi import build_document
from postman.collections import build_files


def main(folder: Path) -> None:
    """Write every file."""
    for name, content in build_files(build_document(list_documented_routes())).items():
        (folder / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
