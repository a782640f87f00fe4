"""The `rising-stars` commands as an operator runs them."""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import Settings
from app.db.models import Audit, Job, JobState, User, Video, VideoStatus
from app.showcase.ledger import leases
from testing.clips import make_clip, pad_to_size
from testing.homes import PROGRAMS, Home
from testing.preloaded import run_preloaded
from tests.ledger import add_clip, add_player, claim, job_of, opened


@pytest.fixture
def ledger(own_home: Home) -> Iterator[Settings]:
    with opened(own_home) as settings:
        yield settings


def rising_stars(home: Home, *arguments: str | Path | uuid.UUID) -> subprocess.CompletedProcess[str]:
    return run_preloaded("rising-stars", *map(str, arguments), environment=home.environment)


def test_jobs_are_listed_shown_cancelled_and_retried(own_home: Home, ledger: Settings) -> None:
    video = add_clip(ledger)
    job = job_of(video)
    assert str(job.id) in rising_stars(own_home, "jobs", "list", "--state", "queued").stdout
    assert str(job.id) not in rising_stars(own_home, "jobs", "list", "--state", "failed").stdout
    shown = rising_stars(own_home, "jobs", "show", video)
    assert shown.returncode == 0
    assert str(job.id) in shown.stdout
    assert rising_stars(own_home, "jobs", "cancel", job.id).returncode == 0
    assert job_of(video).state is JobState.CANCELLED
    assert rising_stars(own_home, "jobs", "retry", job.id).returncode == 0
    assert job_of(video).state is JobState.QUEUED
    assert [row.action for row in Audit.select().order_by(Audit.id)] == ["jobs.cancel", "jobs.retry"]


def test_a_refusal_is_one_sentence_without_a_traceback(own_home: Home, ledger: Settings) -> None:
    video = add_clip(ledger)
    refused = rising_stars(own_home, "jobs", "retry", video)
    assert refused.returncode == 1
    assert "only a failed or cancelled one can be retried" in refused.stderr
    unknown = rising_stars(own_home, "jobs", "show", uuid.uuid4())
    assert (unknown.returncode, "No such job" in unknown.stderr) == (1, True)
    assert "Traceback" not in refused.stderr + unknown.stderr


@pytest.mark.parametrize("command", [["migrate"], ["jobs", "list"], ["doctor"]], ids=" ".join)
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://stars:hush@127.0.0.1:1/stars", "Connection refused"),
        ("postgresql://stars:hush@nowhere.invalid/stars", 'could not translate host name "nowhere.invalid"'),
        ("sqlite:////nowhere/at/all.db", "unable to open database file"),
    ],
)
def test_an_unreachable_database_is_reported_in_one_line_and_with_exit_code_3(
    command: list[str], url: str, reason: str, own_home: Home
) -> None:
    run = rising_stars(own_home.with_settings(DATABASE_URL=url), *command)
    assert run.returncode == 3
    (line,) = run.stderr.splitlines()
    assert line.startswith("The database cannot be used (")
    assert line.endswith("). Check that it runs, that this machine may reach it, and that DATABASE_URL is right.")
    assert reason in line
    assert "hush" not in line


@pytest.mark.parametrize("program", ["rising-stars-api", "rising-stars-worker", "rising-stars-upkeep", "rising-stars"])
def test_a_missing_setting_is_named(program: str, own_home: Home) -> None:
    environment = {name: value for name, value in own_home.environment.items() if name != "S3_BUCKET"}
    environment["JWT_SECRET"] = "short"
    arguments = ["migrate"] if program == "rising-stars" else []
    run = subprocess.run(
        [str(PROGRAMS / program), *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 2
    assert "S3_BUCKET is not set" in run.stderr
    assert ("JWT_SECRET" in run.stderr) == (program == "rising-stars-api")
    assert "short" not in run.stderr.replace("should have at least", "")
    assert "Traceback" not in run.stderr


def test_reviewed_clips_are_listed_published_and_rejected(own_home: Home, ledger: Settings) -> None:
    clips = [add_clip(ledger), add_clip(ledger)]
    for _ in clips:
        lease = claim(ledger)
        leases.succeed(
            lease, leases.Output(f"processed-videos/{lease.video_id}/r.mp4", "p", 1, "00" * 32), publish=False
        )
    listed = rising_stars(own_home, "videos", "list").stdout
    assert all(str(clip) in listed for clip in clips)
    assert rising_stars(own_home, "videos", "publish", clips[0]).returncode == 0
    assert rising_stars(own_home, "videos", "reject", clips[1]).returncode == 0
    assert Video.get_by_id(clips[0]).published_at is not None
    assert Video.get_by_id(clips[1]).status is VideoStatus.REJECTED
    assert rising_stars(own_home, "videos", "publish", clips[1]).returncode == 1


DUNK = "unprocessed-videos/dunk.mp4"


@pytest.fixture(scope="session")
def old_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out like the shared file system of the platform's predecessor."""
    folder = tmp_path_factory.mktemp("videos")
    originals, results = folder / "unprocessed-videos", folder / "processed-videos"
    for each in (originals, results):
        each.mkdir()
    make_clip(originals / "dunk.mp4", seconds=1, fps=2)
    make_clip(originals / "waiting.mp4", seconds=2, fps=2)
    make_clip(results / "dunk_processed.mp4", seconds=1, fps=4)
    make_clip(results / "only-result.mp4", seconds=3, fps=2)
    (originals / "notes.mp4").write_text("not a video")
    return folder


def import_folder(home: Home, folder: Path, *arguments: str) -> dict[str, str]:
    """Run the import and return the outcome of each clip."""
    run = rising_stars(home, "media", "import", folder, *arguments)
    assert "Traceback" not in run.stderr, run.stderr
    lines = [line.split() for line in run.stdout.splitlines()]
    return {line[1]: line[0] for line in lines if line[0] in {"imported", "present", "refused"}}


def test_repeated_imports_of_an_old_folder_import_each_clip_once(
    own_home: Home, ledger: Settings, old_folder: Path
) -> None:
    assert ledger.s3_bucket
    owner = User.get_by_id(add_player())
    first = import_folder(own_home, old_folder, "--owner", owner.email.upper())
    assert first == {"dunk": "imported", "waiting": "imported", "only-result": "imported", "notes": "refused"}
    again = import_folder(own_home, old_folder, "--owner", owner.email)
    assert again == {"dunk": "present", "waiting": "present", "only-result": "present", "notes": "refused"}
    by_title = {video.title: video for video in Video.select().where(Video.user == owner.id)}
    assert set(by_title) == {"dunk", "waiting", "only-result"}
    assert by_title["dunk"].status is VideoStatus.PROCESSED
    assert by_title["dunk"].published_at is not None
    assert by_title["waiting"].status is VideoStatus.UPLOADED
    assert [job.video_id for job in Job.select()] == [by_title["waiting"].id]
    referenced = {
        key for video in by_title.values() for key in (video.original_key, video.processed_key) if key is not None
    }
    assert referenced <= own_home.bucket.stored_keys()
    assert by_title["only-result"].original_key is None


def test_an_interrupted_import_resumes_where_it_stopped(
    own_home: Home, ledger: Settings, old_folder: Path, tmp_path: Path
) -> None:
    assert ledger.s3_bucket
    half = tmp_path / "videos"
    (half / "unprocessed-videos").mkdir(parents=True)
    shutil.copy(old_folder / "unprocessed-videos" / "waiting.mp4", half / "unprocessed-videos")
    assert import_folder(own_home, half) == {"waiting": "imported"}
    assert import_folder(own_home, old_folder) == {
        "dunk": "imported",
        "waiting": "present",
        "only-result": "imported",
        "notes": "refused",
    }
    assert not User.get(User.email == "archive@rising-stars.invalid").is_active


def test_an_imported_clip_named_by_its_old_id_keeps_that_id(
    own_home: Home, ledger: Settings, old_folder: Path, tmp_path: Path
) -> None:
    assert ledger.s3_bucket
    named = uuid.uuid4()
    (tmp_path / "unprocessed-videos").mkdir()
    shutil.copy(old_folder / "unprocessed-videos" / "dunk.mp4", tmp_path / "unprocessed-videos" / f"{named}.mp4")
    import_folder(own_home, tmp_path)
    assert Video.get_by_id(named).title == str(named)


def test_importing_a_wrong_folder_or_for_an_unknown_account_is_refused_in_a_sentence(
    own_home: Home, ledger: Settings, old_folder: Path, tmp_path: Path
) -> None:
    assert ledger.s3_bucket
    wrong = rising_stars(own_home, "media", "import", tmp_path)
    assert (wrong.returncode, "pass the folder that contains them" in wrong.stderr) == (1, True)
    unknown = rising_stars(own_home, "media", "import", old_folder, "--owner", "nobody@example.com")
    assert (unknown.returncode, "There is no account nobody@example.com" in unknown.stderr) == (1, True)


def folder_of(tmp_path: Path, clip: Path, *names: str) -> Path:
    """Create a folder in the predecessor's layout with one original per name, each with different content."""
    originals = tmp_path / "old" / "unprocessed-videos"
    originals.mkdir(parents=True)
    for size, name in enumerate(names, clip.stat().st_size + 8):
        shutil.copy(clip, originals / f"{name}.mp4")
        pad_to_size(originals / f"{name}.mp4", size)
    return originals.parent


def test_imported_titles_are_cleaned_as_uploaded_ones_are(
    own_home: Home, ledger: Settings, old_folder: Path, tmp_path: Path
) -> None:
    assert ledger.s3_bucket
    names = ("  dunk\u200b of the\u00ad year ", "x" * 230, "mate\u200d")
    run = rising_stars(own_home, "media", "import", folder_of(tmp_path, old_folder / DUNK, *names))
    assert run.returncode == 0, run.stderr
    assert {video.title for video in Video.select()} == {"dunk of the year", "x" * 200, "mate"}


def test_a_clip_whose_name_is_not_a_valid_title_is_refused_and_the_others_are_imported(
    own_home: Home, ledger: Settings, old_folder: Path, tmp_path: Path
) -> None:
    assert ledger.s3_bucket
    names = ("\u202edunk", "two\nlines", "\u200b", os.fsdecode(b"ca\xf1a"), "good")
    run = rising_stars(own_home, "media", "import", folder_of(tmp_path, old_folder / DUNK, *names))
    assert "Traceback" not in run.stderr, run.stderr
    assert (run.returncode, "5 clips, 4 refused" in run.stdout) == (1, True)
    assert "cambian la dirección del texto" in run.stdout
    assert "no puede estar vacío" in run.stdout
    assert run.stdout.count("caracteres no permitidos") == 2
    assert [video.title for video in Video.select()] == ["good"]


BROKEN_MEDIAINFO = """\
#!{python}
from pathlib import Path
from app.cli import main
from app.media import probe
probe._MEDIAINFO = Path({script!r})
main()
"""


@pytest.mark.parametrize(
    "script",
    [("raise OSError('libmediainfo cannot be loaded')", "libmediainfo cannot be loaded"), (None, "No such file")],
    ids=["its library is missing", "it is missing"],
)
def test_an_import_where_mediainfo_cannot_start_ends_with_a_sentence(
    script: tuple[str | None, str], own_home: Home, ledger: Settings, old_folder: Path, tmp_path: Path
) -> None:
    assert ledger.s3_bucket
    (code, reason), path, command = script, tmp_path / "mediainfo.py", tmp_path / "rising-stars"
    if code is not None:
        path.write_text(code)
    command.write_text(BROKEN_MEDIAINFO.format(python=sys.executable, script=str(path)))
    command.chmod(0o755)
    run = subprocess.run(
        [str(command), "media", "import", str(old_folder)],
        env=own_home.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, "Traceback" in run.stderr) == (1, False), run.stderr
    (sentence,) = run.stderr.splitlines()
    assert sentence.startswith("The import stopped at dunk: ")
    assert reason in sentence
    assert Video.select().count() == 0


def test_an_import_without_a_store_ends_with_a_sentence(own_home: Home, ledger: Settings, old_folder: Path) -> None:
    assert ledger.s3_bucket
    run = rising_stars(own_home.with_settings(AWS_ENDPOINT_URL="http://127.0.0.1:1"), "media", "import", old_folder)
    assert (run.returncode, "Traceback" in run.stderr) == (1, False), run.stderr
    assert "The import stopped at dunk: " in run.stderr
    assert Video.select().count() == 0
