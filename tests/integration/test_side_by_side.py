"""During a rollout or a rollback, two versions of the code use one database, one queue and one bucket.

One version is the working tree, the other the last commit without the newest migration. Each new migration is thus
tested together with the code that precedes it. As on a host, each version has the Python packages that it pins.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from app.db.migrating import MIGRATIONS
from testing.homes import PROGRAMS, Backend, Home, unique
from testing.people import Player
from testing.postgres import Postgres
from testing.processes import Subprocess, wait_until
from testing.sites import Site, running_site

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NEWEST = max(MIGRATIONS.glob("0*.py"))
PINNED = Path("requirements/runtime.txt")
FAULT = re.compile(r'"level": "(error|critical)"|Traceback')


def git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def earlier_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The platform's packages without the newest migration, and the pinned packages that later code no longer has."""
    added = git("log", "-1", "--format=%H", "--diff-filter=A", "--", str(NEWEST))
    commit = f"{added}^" if added else "HEAD"
    folder = tmp_path_factory.mktemp("earlier")
    try:
        git("archive", f"--output={folder}/code.tar", commit, "app", "tasks", str(PINNED))
    except subprocess.CalledProcessError as error:
        pytest.fail(f"The commit before {NEWEST.name} is not here: git fetch --unshallow.\n{error.stderr}")
    subprocess.run(["tar", "--extract", f"--file={folder}/code.tar"], cwd=folder, check=True)
    assert not (folder / NEWEST.relative_to(ROOT)).exists()
    install(requirements(folder / PINNED) - requirements(ROOT / PINNED), folder)
    return folder


def requirements(file: Path) -> set[str]:
    """Return each pinned package of a requirements file, with its checksums and without comments."""
    entries = re.split(r"\n(?=\S)", file.read_text().strip())
    return {re.sub(r"\s*#.*", "", entry) for entry in entries}


def install(packages: set[str], folder: Path) -> None:
    """Install packages into a folder that is on PYTHONPATH, where they precede those of .venv."""
    if not packages:
        return
    pinned = folder / "requirements.txt"
    pinned.write_text("\n".join(sorted(packages)) + "\n")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--require-hashes", f"--target={folder}", f"--requirement={pinned}"], check=True)


@dataclass(frozen=True)
class Versions:
    """Homes of both versions of the code on one empty database, one queue and one bucket."""

    earlier: Home
    later: Home


@pytest.fixture
def versions(new_home: Callable[[Backend], Home], postgres: Postgres, earlier_code: Path) -> Versions:
    home = new_home("production").with_settings(DATABASE_URL=postgres.url(postgres.create_database()))
    return Versions(earlier=home.with_settings(PYTHONPATH=str(earlier_code)), later=home)


def migrate(home: Home) -> str:
    """Run the migrations of the home's version of the code, and return the command's log."""
    log = home.folder / f"{unique('migrate')}.log"
    command = Subprocess([str(PROGRAMS / "rising-stars"), "migrate"], log=log, environment=home.environment)
    wait_until(lambda: not command.running, what="the migration's end")
    assert command.stop() == 0, log.read_text()
    return log.read_text()


def assert_a_clip_goes_the_whole_way(clip: Path, by: Site, seen_by: Site) -> None:
    """Upload a clip through one site, vote for it through the other, and assert that both report the same."""
    player, voter = by.sign_up(city=unique("Tunja")), seen_by.sign_up()
    answer = player.upload(clip)
    assert answer.status_code == 201, answer.text
    video_id = answer.json()["task_id"]
    by.wait_until(player, video_id, "processed")
    assert voter.vote(video_id).status_code == 200
    assert elsewhere(voter, by).vote(video_id).status_code == 400
    for site in (by, seen_by):
        ranking = site.api.get("/api/public/rankings", params={"city": str(player.city)}).json()
        assert [(row["username"], row["votes"]) for row in ranking] == [(player.username, 1)]
        assert elsewhere(player, site).get(f"/api/videos/{video_id}").json()["votes"] == 1


def elsewhere(player: Player, site: Site) -> Player:
    """Return the player with the same account and token, as a client of another site."""
    return replace(player, site=site)


def assert_no_error(*served: Site) -> None:
    for site in served:
        assert [line for line in site.log.splitlines() if FAULT.search(line)] == []


def test_earlier_code_works_during_the_migration_and_beside_later_code(versions: Versions, small_clip: Path) -> None:
    assert NEWEST.stem not in migrate(versions.earlier)
    with running_site(versions.earlier, with_worker=True) as earlier:
        assert_a_clip_goes_the_whole_way(small_clip, earlier, earlier)
        assert NEWEST.stem in migrate(versions.later)
        assert_a_clip_goes_the_whole_way(small_clip, earlier, earlier)
        with running_site(versions.later) as later:
            assert_a_clip_goes_the_whole_way(small_clip, later, earlier)
            assert_a_clip_goes_the_whole_way(small_clip, earlier, later)
            assert_no_error(later)
        for name in ("worker", "upkeep"):
            earlier.processes[name].stop()
        with running_site(versions.later, with_worker=True) as later:
            assert_a_clip_goes_the_whole_way(small_clip, earlier, later)
            assert_no_error(later)
        assert_no_error(earlier)


def test_earlier_code_works_on_the_later_schema_after_a_roll_back(versions: Versions, small_clip: Path) -> None:
    migrate(versions.later)
    with running_site(versions.later, with_worker=True) as later:
        assert_a_clip_goes_the_whole_way(small_clip, later, later)
        assert "nothing to do" in migrate(versions.earlier)
        for name in ("worker", "upkeep"):
            later.processes[name].stop()
        with running_site(versions.earlier, with_worker=True) as earlier:
            assert_a_clip_goes_the_whole_way(small_clip, earlier, later)
            assert_a_clip_goes_the_whole_way(small_clip, later, earlier)
            assert_no_error(earlier)
        assert_no_error(later)
