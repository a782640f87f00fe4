"""The Postman collections are those of the document, and newman tells the story on an embedded site."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from postman.story import STORY
from testing.homes import Backend, Home
from testing.newman import COLLECTIONS, tell_story
from testing.sites import running_site

ROOT = Path(__file__).parents[2]


def test_the_collections_are_generated_from_the_document(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "postman", str(tmp_path)], cwd=ROOT, check=True)
    generated = {path.name: path.read_text() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_text() for path in COLLECTIONS.glob("*.json")}
    assert generated == committed, "run `make collections`"


def test_newman_tells_the_story(new_home: Callable[[Backend], Home], small_clip: Path, tmp_path: Path) -> None:
    with running_site(new_home("embedded"), with_worker=True) as site:
        statistics = tell_story(site.url, small_clip, tmp_path)
    assert statistics["requests"]["failed"] == statistics["assertions"]["failed"] == 0
    assert statistics["requests"]["total"] >= len(STORY)
    assert statistics["assertions"]["total"] > len(STORY) + sum(len(step.expects) for step in STORY)
