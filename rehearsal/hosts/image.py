"""The test hosts' image: Debian 12 with those packages of Debian's cloud image that the tests need."""

import fcntl
import hashlib
import subprocess
import tempfile
from pathlib import Path

from rehearsal.hosts.podman import VAR, PodmanError, podman

REPOSITORY = "localhost/rising-stars-host"

PACKAGES = (
    *("ca-certificates", "cloud-init", "dbus", "gpgv", "iproute2", "locales", "procps", "python3", "python3-apt"),
    *("systemd", "systemd-sysv", "systemd-timesyncd", "tzdata", "unattended-upgrades"),
)
"""The list omits python3-venv and pip, because Debian's cloud image has neither."""

SOURCES = "".join(
    f"deb http://deb.debian.org/{archive} {suite} main\n"
    for archive, suite in (
        ("debian", "bookworm"),
        ("debian", "bookworm-updates"),
        ("debian-security", "bookworm-security"),
    )
)

CLOUD_INIT = """\
# Podman configures the network; the seed is in /var/lib/cloud/seed/nocloud.
network: {config: disabled}
datasource_list: [NoCloud, None]
# There is neither SSH nor a locale to set up.
locale: false
ssh_deletekeys: false
ssh_genkeytypes: []
"""

NO_UNITS = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "getty.target", "e2scrub_reap.service"),
    *("systemd-udevd.service", "systemd-udev-trigger.service", "systemd-sysctl.service"),
)
"""Masked units. Most of them manage devices, consoles, disks or kernel settings, which a container shares with its
machine. The apt timers would install updates during tests.
"""

CHRONY = """\
# A container shares this machine's clock: chronyd observes it and does not set it.
[Service]
ExecStart=
ExecStart=!/usr/sbin/chronyd -F 1 -x
"""

FILES = {
    "/etc/cloud/cloud.cfg.d/90-tests.cfg": CLOUD_INIT,
    "/etc/systemd/system/chrony.service.d/90-tests.conf": CHRONY,
}


def host_image() -> str:
    """Return the image's name. If no image of the current recipe exists, first build one, which takes a minute."""
    name = f"{REPOSITORY}:{recipe_digest()}"
    VAR.mkdir(parents=True, exist_ok=True)
    with (VAR / "image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _exists(name):
            _build(name)
    return name


def recipe_digest() -> str:
    """Return a twelve-character digest of the image's recipe."""
    recipe = "\n".join([*PACKAGES, SOURCES, *FILES, *FILES.values(), *NO_UNITS])
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]


def _exists(name: str) -> bool:
    try:
        podman("image", "exists", name)
    except PodmanError:
        return False
    return True


def _build(name: str) -> None:
    with tempfile.TemporaryDirectory(dir=VAR) as folder:
        root, sources, files = Path(folder, "root.tar"), Path(folder, "sources.list"), Path(folder, "files")
        sources.write_text(SOURCES)
        for path, text in FILES.items():
            target = files / path.removeprefix("/")
            target.parent.mkdir(parents=True)
            target.write_text(text)
        masked = "".join(f" {unit}" for unit in NO_UNITS)
        build = [
            *("mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"),
            f"--customize-hook=sync-in {files} /",
            f'--customize-hook=for unit in{masked}; do ln -sf /dev/null "$1/etc/systemd/system/$unit"; done',
            # Keep the package lists, so that a role's first `apt` needs no update.
            *("--skip=cleanup/apt", "bookworm", str(root), str(sources)),
        ]
        done = subprocess.run(build, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PodmanError(f"mmdebstrap could not build the image:\n{done.stderr[-3000:]}")
        podman("import", "--quiet", str(root), name)
