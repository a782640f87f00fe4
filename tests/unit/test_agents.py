"""`make agents` adds only packages with a valid signature by the pinned key (release/agents.py)."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

from release import agents
from release.agents import AGENTS, Agent

pytestmark = pytest.mark.skipif(not shutil.which("gpg"), reason="needs gpg")

NAMES = [agent.name for agent in AGENTS]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""


@dataclass(frozen=True)
class Signer:
    """A GnuPG home with one key."""

    home: Path

    def gpg(self, *arguments: str) -> str:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--yes", "--pinentry-mode", "loopback"]
        command += ["--passphrase", "", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def create(self, expires: str) -> str:
        """Create the key, and return its fingerprint."""
        self.home.mkdir(mode=0o700)
        self.gpg("--faked-system-time", "20260101T000000", "--quick-generate-key", "signer", "rsa2048", "sign", expires)
        listed = self.gpg("--with-colons", "--list-keys")
        return next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))

    def sign(self, package: Path) -> None:
        at = ["--faked-system-time", "20260102T000000"]
        self.gpg(*at, "--output", f"{package}.sig", "--detach-sign", str(package))
        self.gpg("--output", f"{package}.gpg", "--export")


@dataclass(frozen=True)
class Mirror:
    """Packages on a server, and the inventory to which the command adds them."""

    served: Path
    inventory: Path
    run: Callable[[], None]

    @property
    def settings(self) -> Path:
        return self.inventory / "group_vars" / "all" / "aws_release_agents.yml"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the folder that a web server serves, and the server's URL."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def mirror(
    request: pytest.FixtureRequest, served: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Mirror:
    """A mirror of two packages that are signed by their pinned key. `indirect` sets the key's expiry."""
    folder, url = served
    signer = Signer(tmp_path / "signer")
    fingerprint = signer.create(getattr(request, "param", "never"))
    for name in NAMES:
        (folder / f"{name}.deb").write_text(f"content of {name}")
        signer.sign(folder / f"{name}.deb")
    pinned = [on_server(agent, url, fingerprint) for agent in AGENTS]
    for name, value in {"AGENTS": pinned, "ROOT": tmp_path, "PACKAGES": tmp_path / "var" / "agents"}.items():
        monkeypatch.setattr(agents, name, value)
    monkeypatch.setattr(agents, "__file__", str(tmp_path / "release" / "agents.py"))
    inventory = tmp_path / "inventory" / "production"
    (inventory / "group_vars" / "all").mkdir(parents=True)
    return Mirror(folder, inventory, partial(agents.mirror, inventory))


def on_server(agent: Agent, url: str, fingerprint: str) -> Agent:
    package = f"{url}/{agent.name}.deb"
    return replace(agent, package_url=package, key_url=f"{package}.gpg", fingerprint=fingerprint)


def assert_refused(mirror: Mirror, reason: str) -> None:
    """Assert that the command fails with the reason, and writes neither settings nor packages."""
    with pytest.raises(SystemExit, match=reason):
        mirror.run()
    assert not mirror.settings.exists()
    assert not agents.PACKAGES.exists()


def test_signed_packages_are_stored_and_added_to_the_inventory_with_their_checksums(mirror: Mirror) -> None:
    mirror.run()
    mirror.run()
    added = yaml.safe_load(mirror.settings.read_text())["aws_release_agents"]
    assert [agent["name"] for agent in added] == NAMES
    for agent in added:
        content = f"content of {agent['name']}".encode()
        assert agent["sha256"] == hashlib.sha256(content).hexdigest()
        path = Path(agent["source"].replace("{{ playbook_dir }}", str(agents.ROOT / "playbooks")))
        (agents.ROOT / "playbooks").mkdir(exist_ok=True)
        assert path.read_bytes() == content


def test_a_changed_package_is_refused(mirror: Mirror) -> None:
    (mirror.served / f"{NAMES[1]}.deb").write_text("another content")
    assert_refused(mirror, f"^No agent was added. .*/{NAMES[1]}.deb has no valid signature")


def test_a_signature_by_another_key_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    another = Signer(tmp_path / "another")
    another.create("never")
    another.sign(mirror.served / f"{NAMES[0]}.deb")
    assert_refused(mirror, "has no valid signature by the key")


@pytest.mark.parametrize("mirror", ["20260301T000000"], indirect=True)
def test_a_key_that_has_expired_is_refused(mirror: Mirror) -> None:
    assert_refused(mirror, "has no valid signature by the key .* names another key, replace the fingerprint in release")


@pytest.mark.parametrize("ending", ["", ".sig", ".gpg"])
def test_a_file_that_cannot_be_downloaded_is_named(mirror: Mirror, ending: str) -> None:
    (mirror.served / f"{NAMES[0]}.deb{ending}").unlink()
    assert_refused(mirror, f"/{NAMES[0]}.deb{ending} cannot be downloaded: HTTP Error 404")


def test_a_folder_that_is_no_inventory_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    assert_refused(
        replace(mirror, run=partial(agents.mirror, tmp_path)), "is no inventory: it has no folder group_vars"
    )


def test_amazons_packages_and_keys_are_downloaded_over_tls_and_fingerprints_are_complete() -> None:
    for agent in AGENTS:
        assert all(url.startswith("https://") for url in (agent.package_url, agent.key_url, agent.page))
        assert len(bytes.fromhex(agent.fingerprint)) == 20
        assert agent.fingerprint == agent.fingerprint.upper()
