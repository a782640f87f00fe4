"""`make demo` and `make serve`: what a new user sees first, and that neither leaves a process running."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest
from pymediainfo import MediaInfo

from demo.commands import EXAMPLE
from demo.ports import free_port
from demo.site import WORKER_NICENESS
from testing.clips import make_clip
from testing.processes import wait_until

PROJECT = Path(__file__).parents[2]
MARKER = "RISING_STARS_TEST_RUN"
CHEAP = {"RENDER_PRESET": "ultrafast", "RENDER_PROFILE": "lite"}
STOP_SECONDS = 15
"""The time within which every process must exit, whatever its state."""
STORY_SECONDS = 180


class Demo:
    """One run of the demo, with all its descendant processes, even detached ones."""

    def __init__(self, *command: str, data: Path, **environment: str) -> None:
        self.data = data
        self.output = data.with_name(f"{data.name}.out")
        self._mark = uuid.uuid4().hex
        self._seen: set[psutil.Process] = set()
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env={**os.environ, **CHEAP, **environment, "DATA": str(data), MARKER: self._mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_until_it_says(self, text: str, seconds: float = STORY_SECONDS) -> None:
        def said_or_ended() -> bool:
            self.processes()
            return text in self.said or self.process.poll() is not None

        wait_until(said_or_ended, what=f"“{text}”", seconds=seconds)
        assert text in self.said, self.said

    def ended(self, seconds: float = STORY_SECONDS) -> int:
        return self.process.wait(seconds)

    def processes(self) -> list[psutil.Process]:
        """Return the live processes whose environment contains the demo's marker, and all their descendants."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARKER) == self._mark:
                    self._seen |= {process, *process.children(recursive=True)}
        return [process for process in self._seen if _alive(process)]

    def assert_nothing_is_left(self, seconds: float = STOP_SECONDS) -> None:
        wait_until(lambda: not self.processes(), what="the end of all processes", seconds=seconds)

    def kill(self) -> None:
        """Kill every process that is still running."""
        for process in self.processes():
            with suppress(psutil.Error):
                process.kill()
        self.process.wait()


def _alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


class Demos:
    """Starts demos, each in a new folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.started: list[Demo] = []

    def run(self, *, data: Path | None = None, **environment: str) -> Demo:
        return self.start(sys.executable, "-m", "demo", "run", data=data, **environment)

    def serve(self, *, port: int, data: Path | None = None) -> Demo:
        return self.start(sys.executable, "-m", "demo", "serve", data=data, PORT=str(port))

    def start(self, *command: str, data: Path | None = None, **environment: str) -> Demo:
        demo = Demo(*command, data=data or self._folder / f"data{len(self.started)}", **environment)
        self.started.append(demo)
        return demo


@pytest.fixture
def demos(tmp_path: Path) -> Iterator[Demos]:
    started = Demos(tmp_path)
    yield started
    for demo in started.started:
        demo.kill()


@pytest.fixture(scope="module")
def own_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("own") / "mine.mp4")


def test_the_demo_shows_sign_up_to_ranking_on_one_screen_and_keeps_the_result(demos: Demos) -> None:
    demo = demos.run(COLUMNS="80")
    assert demo.ended() == 0, demo.said
    demo.assert_nothing_is_left(0)
    for words in (
        "201 Usuario creado exitosamente.",
        "201 Video subido correctamente. Procesamiento en curso.",
        "200 Voto registrado exitosamente.",
        "400 Ya has votado por este video.",
    ):
        assert words in demo.said
    assert re.search(r"1 +Lucía Herrera +Bogotá +3 *\n +2 +Mateo Rojas +Medellín +1 *\n", demo.said)
    lines = [line for line in demo.said.splitlines() if str(demo.data) not in line]
    assert len(lines) <= 45, demo.said
    assert max(map(len, lines)) <= 80, demo.said
    video = MediaInfo.parse(demo.data / "clip.mp4").video_tracks[0]
    assert (video.format, video.width, video.height) == ("AVC", 1280, 720)
    assert MediaInfo.parse(demo.data / "poster.jpg").image_tracks[0].width == 1280


def test_the_demo_processes_the_users_own_clip(demos: Demos, own_clip: Path) -> None:
    demo = demos.run(CLIP=str(own_clip))
    assert demo.ended() == 0, demo.said
    assert f"One uploads {own_clip}" in demo.said
    assert re.search(r"1 +Lucía Herrera +Bogotá +3 *\n", demo.said)
    assert (demo.data / "clip.mp4").stat().st_size > 0


def test_a_refused_clip_ends_the_demo_with_the_reason_of_the_api(demos: Demos, tmp_path: Path) -> None:
    text = tmp_path / "holiday.mp4"
    text.write_text("not a video\n")
    demo = demos.run(CLIP=str(text))
    assert demo.ended() == 1
    demo.assert_nothing_is_left(0)
    assert f"✘ The API rejected {text}: Tipo de archivo inválido" in demo.said
    assert "Traceback" not in demo.said


def test_a_clip_that_does_not_exist_is_named_at_once(demos: Demos) -> None:
    demo = demos.run(CLIP="nowhere/clip.mp4")
    assert demo.ended(10) == 1
    assert "✘ CLIP=nowhere/clip.mp4: the file does not exist." in demo.said


def test_the_demo_does_not_empty_a_folder_it_did_not_make(demos: Demos, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "family.jpg").touch()
    for _ in range(2):
        demo = demos.run(data=photos)
        assert demo.ended(10) == 1
        assert "left alone" in demo.said
    assert (photos / "family.jpg").exists()


def test_a_path_that_no_database_address_can_hold_is_refused(demos: Demos, tmp_path: Path) -> None:
    demo = demos.run(data=tmp_path / "issue#2")
    assert demo.ended(10) == 1
    assert "cannot contain a path with # or ?" in demo.said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "signum"),
    [
        ("", signal.SIGINT),
        ("Rising Stars", signal.SIGTERM),
        ("storage", signal.SIGINT),
        ("database", signal.SIGTERM),
        ("Two upload", signal.SIGINT),
    ],
)
def test_a_signal_while_the_demo_starts_leaves_no_process(demos: Demos, words: str, signum: signal.Signals) -> None:
    demo = demos.run()
    demo.wait_until_it_says(words)
    time.sleep(0.5)
    assert_a_calm_end(demo, signum)


@pytest.mark.slow
def test_a_signal_while_a_clip_is_rendered_leaves_no_process(demos: Demos, own_clip: Path) -> None:
    demo = demos.run(CLIP=str(own_clip), RENDER_PRESET="veryslow")
    wait_until(lambda: "ffmpeg" in names_of(demo), what="the start of FFmpeg")
    assert_a_calm_end(demo, signal.SIGTERM)


@pytest.mark.slow
def test_killing_the_demo_also_ends_its_render(demos: Demos, own_clip: Path) -> None:
    demo = demos.run(CLIP=str(own_clip), RENDER_PRESET="veryslow")
    wait_until(lambda: "ffmpeg" in names_of(demo), what="the start of FFmpeg")
    demo.process.kill()
    demo.assert_nothing_is_left()


def test_a_served_site_keeps_its_data_and_prints_a_command_that_works(demos: Demos) -> None:
    port = free_port()
    first = demos.serve(port=port)
    first.wait_until_it_says("Ctrl-C stops it.")
    assert EXAMPLE.format(url=f"http://127.0.0.1:{port}") in first.said
    body = json.loads(EXAMPLE.format(url="").split("-d '")[1].removesuffix("'"))
    assert post(port, "/api/auth/signup", body) == 201
    first.process.send_signal(signal.SIGTERM)
    assert first.ended(STOP_SECONDS) == 0
    first.assert_nothing_is_left(0)

    second = demos.serve(port=port, data=first.data)
    second.wait_until_it_says("Ctrl-C stops it.")
    niceness = {Path(process.cmdline()[1]).name: process.nice() for process in second.processes()}
    assert niceness["rising-stars-worker"] - niceness["rising-stars-api"] == WORKER_NICENESS
    assert post(port, "/api/auth/login", {"email": body["email"], "password": body["password1"]}) == 200


def test_a_served_site_stops_when_one_of_its_processes_dies_and_names_it(demos: Demos) -> None:
    demo = demos.serve(port=free_port())
    demo.wait_until_it_says("Ctrl-C stops it.")
    next(process for process in demo.processes() if "rising-stars-upkeep" in process.cmdline()[1]).kill()
    assert demo.ended(STOP_SECONDS) == 1
    demo.assert_nothing_is_left(0)
    assert "✘ upkeep ended unexpectedly" in demo.said
    assert "upkeep.log" in demo.said


def test_a_port_or_a_folder_in_use_is_reported(demos: Demos) -> None:
    port = free_port()
    first = demos.serve(port=port)
    first.wait_until_it_says("Ctrl-C stops it.")
    same_port = demos.serve(port=port)
    assert same_port.ended(10) == 1
    assert f"✘ Port {port} is in use by another program. Choose another one" in same_port.said
    same_folder = demos.serve(port=free_port(), data=first.data)
    assert same_folder.ended(10) == 1
    assert "already. Stop it first." in same_folder.said


@pytest.mark.slow
def test_make_serve_forwards_sigterm_and_leaves_no_process(demos: Demos) -> None:
    demo = demos.start("make", "serve", f"PORT={free_port()}")
    demo.wait_until_it_says("Ctrl-C stops it.")
    demo.process.send_signal(signal.SIGTERM)
    assert demo.ended(STOP_SECONDS) in (0, 2, -signal.SIGTERM)
    demo.assert_nothing_is_left(0)


def assert_a_calm_end(demo: Demo, signum: signal.Signals) -> None:
    demo.processes()
    demo.process.send_signal(signum)
    assert demo.ended(STOP_SECONDS) == 128 + signum, demo.said
    demo.assert_nothing_is_left(0)
    assert f"Stopped by {signum.name}. Nothing is left running." in demo.said
    assert "Traceback" not in demo.said


def names_of(demo: Demo) -> str:
    names = []
    for process in demo.processes():
        with suppress(psutil.Error):
            names.append(process.name())
    return " ".join(names)


def post(port: int, path: str, body: dict[str, str]) -> int:
    return httpx.post(f"http://127.0.0.1:{port}{path}", json=body, trust_env=False).status_code
