"""The Postman collections are those of the document, and newman tells the story on an embedded site."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from postman.story import STORY
from testing.homes import Backend, Home
from testing.programs import newman
from testing.sites import Site, running_site

Json = Any

ROOT = Path(__file__).parents[2]
COLLECTIONS = ROOT / "collections"
STEPS = len(STORY)


def test_the_collections_are_generated_from_the_document(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "postman", str(tmp_path)], cwd=ROOT, check=True)
    generated = {path.name: path.read_text() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_text() for path in COLLECTIONS.glob("*.json")}
    assert generated == committed, "run `make collections`"


def test_newman_tells_the_story(new_home: Callable[[Backend], Home], small_clip: Path, tmp_path: Path) -> None:
    with running_site(new_home("embedded"), with_worker=True) as site:
        tell_story(site, small_clip, tmp_path)


def tell_story(site: Site, small_clip: Path, tmp_path: Path) -> None:
    """Run newman, and assert that every request was sent and every assertion holds."""
    shutil.copy(small_clip, tmp_path / "clip.mp4")
    report = tmp_path / "report.json"
    arguments = [
        *("run", str(COLLECTIONS / "story.postman_collection.json")),
        *("--environment", str(COLLECTIONS / "local.postman_environment.json")),
        *("--env-var", f"base_url={site.url}"),
        *("--working-dir", str(tmp_path)),
        *("--reporters", "cli,json", "--reporter-json-export", str(report), "--color", "off"),
    ]
    ran = subprocess.run([*newman(), *arguments], capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    statistics = json.loads(report.read_text())["run"]["stats"]
    assert statistics["requests"]["failed"] == statistics["assertions"]["failed"] == 0
    assert statistics["requests"]["total"] >= STEPS
    assert statistics["assertions"]["total"] > STEPS + sum(len(step.expects) for step in STORY)
