"""Run the story of `collections/` with newman, Postman's command-line program."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from testing.programs import newman

COLLECTIONS = Path(__file__).parents[1] / "collections"
STORY_SECONDS = 240


def tell_story(url: str, clip: Path, folder: Path) -> Any:
    """Run the story on the site at `url`, and return newman's statistics. The folder is for the clip and the report.

    Raises:
        AssertionError: a request or one of its checks failed; the text is newman's output.
    """
    shutil.copy(clip, folder / "clip.mp4")
    report = folder / "newman.json"
    arguments = [
        *("run", str(COLLECTIONS / "story.postman_collection.json")),
        *("--environment", str(COLLECTIONS / "local.postman_environment.json")),
        *("--env-var", f"base_url={url}"),
        *("--working-dir", str(folder)),
        *("--reporters", "cli,json", "--reporter-json-export", str(report), "--color", "off"),
    ]
    ran = subprocess.run([*newman(), *arguments], capture_output=True, text=True, timeout=STORY_SECONDS, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(report.read_text())["run"]["stats"]
