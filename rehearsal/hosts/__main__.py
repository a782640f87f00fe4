"""The command line of test hosts, for use by hand and by molecule.

python -m rehearsal.hosts start NAME    boot a host on Podman's default network; it runs until it is removed
python -m rehearsal.hosts remove NAME
python -m rehearsal.hosts image         build the image if it does not exist, and print its name
"""

import typer

from rehearsal.hosts.host import Host
from rehearsal.hosts.image import host_image
from rehearsal.hosts.podman import KEPT, VAR, podman, remove_leftovers

commands = typer.Typer(help="Test hosts: Debian 12 with systemd in Podman containers.", no_args_is_help=True)


@commands.command()
def start(name: str) -> None:
    """Boot a host, and return when systemd has started all units. `var/hosts/bundles` is mounted at /srv/bundles."""
    remove_leftovers()
    bundles = VAR / "bundles"
    bundles.mkdir(parents=True, exist_ok=True)
    host = Host(name=name, network_name="podman", owned_by=KEPT, mounts={"/srv/bundles": bundles})
    host.remove()
    host.start()
    host.wait_for("systemctl is-system-running | grep -qE 'running|degraded'", seconds=60)


@commands.command()
def remove(name: str) -> None:
    """Remove a host if it exists."""
    podman("rm", "--force", "--time", "0", "--volumes", "--ignore", name)


@commands.command()
def image() -> None:
    """Build the image if it does not exist, and print its name."""
    typer.echo(host_image())


if __name__ == "__main__":
    commands()
