"""The sandbox confines an exploited FFmpeg or MediaInfo: a fake program tries to break out of it."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import imageio_ffmpeg
import pytest

from app.media import probe as probing
from app.media import sandbox
from app.media.errors import FfmpegMissing, MediaInfoMissing, UnreadableClip
from app.media.ffmpeg import FfmpegJob
from app.media.probe import probe
from app.media.sandbox import ENVIRONMENT, Limits, confined, sandbox_gaps
from testing import homes, sites
from testing.clips import make_clip
from testing.homes import Backend, Home
from testing.processes import Subprocess, wait_until
from testing.sites import Site, SiteMaker, running_site
from tests.intrusions import DENIED, NEEDS, SECRETS, Targets, check_denied, endings, write_intruder
from tests.looking import ENGINES

pytestmark = pytest.mark.either_backend

ROOT = Path(__file__).parents[2]
LIMITS = Limits(memory_bytes=8 << 30, file_bytes=1 << 29)
WRITES = frozenset({"write_own", "replace_own"})
SYSTEM_PYTHON = "/usr/bin/python3"
USERS = ["nobody", "root"] if os.geteuid() == 0 else ["myself"]


@pytest.fixture
def targets(tmp_path: Path, small_clip: Path) -> Targets:
    """The folders of two jobs, a file with the site's secrets, and a folder that belongs to no job."""
    mine, other, outside = (tmp_path / name for name in ("job-1", "job-2", "outside"))
    for folder in (mine / "render", other, outside):
        folder.mkdir(parents=True)
    for job in (mine, other):
        shutil.copy(small_clip, job / "original.mp4")
    (tmp_path / "site.env").write_text("JWT_SECRET=very secret\n")
    clip, other_clip = (str(job / "original.mp4") for job in (mine, other))
    return Targets(clip, other_clip, str(tmp_path / "site.env"), str(outside))


@pytest.fixture
def intruder(tmp_path: Path, targets: Targets) -> Path:
    return write_intruder(tmp_path / "intruder", targets)


@pytest.fixture
def secret_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the secrets that a worker has in its environment and that a parser must not see."""
    for name in SECRETS:
        monkeypatch.setenv(name, "very secret")


def ffmpeg_job(program: Path, targets: Targets) -> FfmpegJob:
    return FfmpegJob(program, Path(targets.clip).parent / "render", 8 << 30, time.monotonic() + 60, threading.Event())


def words_of(program: Path, targets: Targets) -> str:
    """Run the intruder instead of FFmpeg and return its output."""
    with pytest.raises(UnreadableClip) as refusal:
        ffmpeg_job(program, targets).run(["-i", f"file:{targets.clip}"])
    return str(refusal.value)


@pytest.mark.usefixtures("secret_environment")
def test_without_confinement_the_intruder_succeeds(
    intruder: Path, targets: Targets, request: pytest.FixtureRequest
) -> None:
    """Show that each attempt succeeds without confinement. Otherwise, its denial would prove nothing."""
    directory = Path(targets.clip).parent / "render"
    request.addfinalizer(lambda: Path("/tmp/intruder").unlink(missing_ok=True))  # noqa: S108 (the intruder's target)
    ended = endings(subprocess.run([intruder], cwd=directory, check=False, capture_output=True, text=True).stderr)
    anyone = {"own_environment", "parent_environ", "inet", "unix", "netlink", "socketpair", "settings", "passwd"}
    anyone |= {"other_clip", "write_outside", "write_other", "truncate", "open_truncate", "mode3_truncate", "symlink"}
    anyone |= {"hard_link", "fifo", "kill", "fork", "pipe_signal", "limit_parent", "pidfd_open", *NEEDS}
    assert {name: ended.get(name) for name in anyone} == dict.fromkeys(anyone, "OPEN")
    if os.geteuid() == 0:
        assert {name for name, how in ended.items() if how in DENIED} == set()


@pytest.mark.usefixtures("secret_environment")
def test_an_exploited_ffmpeg_is_denied_every_attempt(intruder: Path, targets: Targets, small_clip: Path) -> None:
    check_denied(words_of(intruder, targets))
    assert Path(targets.other_clip).read_bytes() == small_clip.read_bytes()
    assert Path(targets.clip).read_bytes() == small_clip.read_bytes()
    assert list(Path(targets.outside).iterdir()) == []


OLDER_KERNEL = """
import runpy, sys
sys.path.append({root!r})
from app.media import landlock
landlock.landlock_abi = lambda: {abi}
runpy.run_path({launcher!r}, run_name="__main__")
"""


@pytest.mark.usefixtures("secret_environment")
@pytest.mark.parametrize("abi", [1, 2, 3, 5])
def test_older_landlock_versions_deny_every_attempt_too(
    abi: int, intruder: Path, targets: Targets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Debian 12's kernel has Landlock ABI 2, which does not restrict truncation, network or signals."""
    launcher = tmp_path / "older_kernel.py"
    *python, script = sandbox.LAUNCHER
    launcher.write_text(OLDER_KERNEL.format(root=str(ROOT), abi=abi, launcher=script))
    monkeypatch.setattr(sandbox, "LAUNCHER", (*python, str(launcher)))
    check_denied(words_of(intruder, targets))


@pytest.mark.usefixtures("secret_environment")
def test_an_exploited_mediainfo_is_denied_every_attempt_and_writes_nothing(
    intruder: Path, targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "_MEDIAINFO", intruder)
    with pytest.raises(MediaInfoMissing) as refusal:
        probe(Path(targets.clip))
    said = str(refusal.value)
    check_denied(said, without=WRITES | {"read_clip"})
    ended = endings(said)
    assert {ended[name] for name in (*WRITES, "read_clip")} <= {*DENIED, "ENOENT"}


@pytest.fixture
def open_ground(tmp_path: Path) -> Path:
    """A copy of the launcher that every user may read, as on an installed host."""
    folder = tmp_path / "installed"
    shutil.copytree(ROOT / "app", folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    for path in (tmp_path, *tmp_path.parents):
        if path.owner() == "root" and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
    return folder


RUN_CONFINED = """
import json, subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from app.media.sandbox import ENVIRONMENT, Limits, confined
command = confined([sys.argv[2]], Limits(8 << 30, 1 << 29), readable=[Path(sys.argv[3])], writable=Path(sys.argv[4]))
print(subprocess.run(command, env=ENVIRONMENT, cwd=sys.argv[4], check=False, capture_output=True, text=True).stderr)
"""


@pytest.mark.usefixtures("secret_environment")
@pytest.mark.parametrize("user", USERS)
def test_the_confinement_holds_for_any_user_and_any_python(
    user: str, targets: Targets, tmp_path: Path, open_ground: Path
) -> None:
    """The user owns the targets, so only the confinement can deny access."""
    intruder = write_intruder(tmp_path / "intruder", targets, interpreter=SYSTEM_PYTHON)
    directory = Path(targets.clip).parent / "render"
    if user == "nobody":
        for path in tmp_path.rglob("*"):
            shutil.chown(path, user)
    as_user = ["setpriv", "--reuid", "nobody", "--clear-groups"] if user == "nobody" else []
    command = [*as_user, SYSTEM_PYTHON, "-c", RUN_CONFINED, open_ground, intruder, targets.clip, directory]
    run = subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True)
    check_denied(run.stdout + run.stderr)


# What remains possible


@pytest.mark.parametrize("engine", ENGINES)
def test_both_ffmpegs_encode_with_all_their_threads(engine: str, small_clip: Path, tmp_path: Path) -> None:
    ffmpeg = str(ENGINES[engine]())
    words = ["-v", "verbose", "-nostdin", "-t", "2", "-i", f"file:{small_clip}", "-r", "30", "out.mp4"]
    command = confined([ffmpeg, *words], LIMITS, readable=[small_clip], writable=tmp_path)
    run = subprocess.run(command, env=ENVIRONMENT, cwd=tmp_path, check=False, capture_output=True, text=True)
    free = subprocess.run([ffmpeg, *words, "-y"], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert (run.returncode, free.returncode) == (0, 0), run.stderr
    assert len(_threads(run.stderr)) == 2
    assert _threads(run.stderr) == _threads(free.stderr)


def _threads(said: str) -> list[str]:
    """Return the options in FFmpeg's output that show how many threads x264 uses."""
    return re.findall(r"lookahead_threads=\d+|\bthreads=\d+", said)


def test_a_read_only_run_needs_no_folder(small_clip: Path) -> None:
    words = ["-hide_banner", "-i", f"file:{small_clip}"]
    command = confined([imageio_ffmpeg.get_ffmpeg_exe(), *words], LIMITS, readable=[small_clip])
    run = subprocess.run(command, env=ENVIRONMENT, cwd="/", check=False, capture_output=True, text=True)
    assert "1920x1080" in run.stderr


def test_starting_a_confined_program_takes_little_cpu_time() -> None:
    """The test measures CPU time, which does not depend on the machine's load."""

    def seconds(command: list[str]) -> float:
        before = os.times()
        for _ in range(10):
            subprocess.run(command, env=ENVIRONMENT, check=True)
        after = os.times()
        return (after.children_user + after.children_system - before.children_user - before.children_system) / 10

    assert seconds(confined(["/usr/bin/true"], LIMITS)) - seconds(["/usr/bin/true"]) < 0.05


# A launcher that fails


def test_a_failing_launcher_is_not_blamed_on_the_clip(
    small_clip: Path, targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FfmpegMissing, match=r"confine: .*No such file.*gone\.mp4"):
        ffmpeg_job(Path("/usr/bin/true"), targets).run(["-i", "file:/nowhere/gone.mp4"])
    monkeypatch.setattr(sandbox, "LAUNCHER", (*sandbox.LAUNCHER, "read=/nowhere/gone.png"))
    with pytest.raises(MediaInfoMissing, match=r"confine: .*No such file.*gone\.png"):
        probe(small_clip)


# Where the kernel has no Landlock

WITHOUT_LANDLOCK = """
import errno, os, struct, sys
sys.path.insert(0, sys.argv[1])
import ctypes
from app.media import seccomp
from app.media.kernel import PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, prctl
filter = b"".join(struct.pack("=HBBI", *step) for step in (
    (0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x00050000 | errno.ENOSYS), (0x06, 0, 0, 0x7FFF0000)
))
kept = ctypes.create_string_buffer(filter, len(filter))
prctl(PR_SET_NO_NEW_PRIVS, 1)
prctl(PR_SET_SECCOMP, 2, seccomp._Program(4, ctypes.addressof(kept)))
os.execv(sys.argv[2], sys.argv[2:])
"""


def without_landlock(*command: str) -> list[str]:
    """Return the command line that runs the command as if the kernel had no Landlock."""
    return [sys.executable, "-c", WITHOUT_LANDLOCK, str(ROOT), *command]


def test_without_landlock_ffmpeg_still_runs_and_still_has_no_network(intruder: Path, targets: Targets) -> None:
    clip, directory = targets.clip, str(Path(targets.clip).parent / "render")
    words = [RUN_CONFINED, str(ROOT), str(intruder), clip, directory]
    run = subprocess.run(without_landlock(sys.executable, "-c", *words), check=False, capture_output=True, text=True)
    ended = endings(run.stdout)
    assert {ended[name] for name in ("inet", "unix", "netlink", "metadata", "ptrace", "fork", "truncate")} == {"EPERM"}
    assert {ended[name] for name in NEEDS} == {"OPEN"}
    assert ended["passwd"] == "OPEN"


def test_this_machine_supports_the_complete_confinement() -> None:
    assert sandbox_gaps() == []


@pytest.fixture(params=["rising-stars-worker", "rising-stars-api"])
def poor_log(request: pytest.FixtureRequest, own_home: Home, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Returns the log of a program that starts as if the kernel had no Landlock."""
    listen = ["--unix-socket", str(tmp_path / "socket")] if request.param.endswith("api") else []
    command = without_landlock(str(homes.PROGRAMS / request.param), *listen)
    process = Subprocess(command, log=tmp_path / "log", environment=own_home.environment)
    yield (tmp_path / "log").read_text
    process.stop()


@pytest.mark.only_on("embedded")
def test_a_starting_program_logs_what_this_kernel_cannot_confine(poor_log: Callable[[], str]) -> None:
    wait_until(lambda: "sandbox_incomplete" in poor_log(), what="the warning", seconds=20)
    (line,) = [json.loads(line) for line in poor_log().splitlines() if "sandbox_incomplete" in line]
    assert "Landlock" in line["problem"]
    assert line["level"] == "warning"


@pytest.mark.only_on("embedded")
def test_doctor_reports_what_this_kernel_cannot_confine(own_home: Home) -> None:
    command = without_landlock(str(homes.PROGRAMS / "rising-stars"), "doctor")
    run = subprocess.run(command, env=own_home.environment, check=False, capture_output=True, text=True)
    assert "Landlock is not available here" in run.stdout, run.stdout + run.stderr
    sound = subprocess.run(command[4:], env=own_home.environment, check=False, capture_output=True, text=True)
    assert "Landlock" not in sound.stdout


# Through a running site


def targets_of(home: Home, small_clip: Path) -> Targets:
    """Return the intruder's targets in a running site. The folder `outside` contains the site's database."""
    other = home.folder / "work" / "job-other"
    other.mkdir()
    shutil.copy(small_clip, other / "original.mp4")
    (home.folder / "site.env").write_text("JWT_SECRET=very secret\n")
    return Targets(str(small_clip), str(other / "original.mp4"), str(home.folder / "site.env"), str(home.folder))


def test_in_a_running_site_an_exploited_ffmpeg_is_denied_everything(
    backend: Backend, new_home: Callable[[Backend], Home], small_clip: Path
) -> None:
    home = new_home(backend)
    intruder = write_intruder(home.folder / "intruder", targets_of(home, small_clip))
    with running_site(home.with_settings(FFMPEG_PATH=str(intruder)), with_worker=True) as site:
        player = site.sign_up()
        video = player.upload(small_clip).json()["task_id"]
        site.wait_until(player, video, "failed")
        # Here `clip` is the file that the test uploads, not the job's copy, so the intruder may not read it.
        check_denied(_detail(site), without=frozenset({"read_clip"}))


def _detail(site: Site) -> str:
    """Return the error detail that the worker logged for the only render."""
    (line,) = [line for line in site.log.splitlines() if "render_failed" in line]
    return str(json.loads(line)["detail"])


API = """\
#!{python}
from pathlib import Path
from app.media import probe
from app.wsgi import main
probe._MEDIAINFO = Path({script!r})
main()
"""


@pytest.fixture
def with_mediainfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes APIs that start later run another program instead of MediaInfo."""

    def install(script: Path) -> None:
        programs = tmp_path / "programs"
        programs.mkdir()
        api = programs / "rising-stars-api"
        api.write_text(API.format(python=sys.executable, script=str(script)))
        api.chmod(0o755)

        def execute(command: list[str], *, log: Path, environment: dict[str, str]) -> Subprocess:
            return Subprocess([str(programs / command[0]), *command[1:]], log=log, environment=environment)

        monkeypatch.setattr(sites, "PreloadedSubprocess", execute)

    return install


def test_in_a_running_site_an_exploited_mediainfo_is_denied_everything(
    home: Home, make_site: SiteMaker, small_clip: Path, with_mediainfo: Callable[[Path], None], tmp_path: Path
) -> None:
    with_mediainfo(write_intruder(tmp_path / "intruder", targets_of(home, small_clip)))
    site = make_site()
    answer = site.sign_up().upload(small_clip)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    check_denied(site.log, without=WRITES | {"read_clip"})


def test_an_upload_is_not_blamed_for_a_mediainfo_that_cannot_start(
    make_site: SiteMaker, small_clip: Path, with_mediainfo: Callable[[Path], None]
) -> None:
    with_mediainfo(Path("/nowhere/mediainfo_process.py"))
    assert make_site().sign_up().upload(small_clip).status_code == 503


def test_a_real_clip_is_processed_under_confinement(working_site: Site, tmp_path: Path) -> None:
    """The clip has sound, so FFmpeg runs several times: for the loudness, the render and the poster."""
    player = working_site.sign_up()
    video = player.upload(make_clip(tmp_path / "clip.mp4")).json()["task_id"]
    assert working_site.wait_until(player, video, "processed")["processed_url"]
