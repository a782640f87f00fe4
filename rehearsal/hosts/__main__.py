"""Hosts by hand, and for molecule, whose steps are processes of their own.

python -m rehearsal.hosts start NAME    a host on Podman's ordinary network, kept until it is removed
python -m rehearsal.hosts remove NAME
python -m rehearsal.hosts image         build the image when it is not there, and print its name
"""

import typer

from rehearsal.hosts.host import Host
from rehearsal.hosts.image import host_image
from rehearsal.hosts.podman import KEPT, VAR, podman, remove_leftovers

commands = typer.Typer(help="Hosts of tests.", no_args_is_help=True)


@commands.command()
def start(name: str) -> None:
    """Boot a host and return when it is up. `var/hosts/bundles` is its /srv/bundles."""
    remove_leftovers()
    bundles = VAR / "bundles"
    bundles.mkdir(parents=True, exist_ok=True)
    host = Host(name=name, network_name="podman", owned_by=KEPT, mounts={"/srv/bundles": bundles})
    host.remove()
    host.start()
    host.wait_for("systemctl is-system-running | grep -qE 'running|degraded'", seconds=60)


@commands.command()
def remove(name: str) -> None:
    """Take a host away, if it is there."""
    podman("rm", "--force", "--time", "0", "--volumes", "--ignore", name)


@commands.command()
def image() -> None:
    """Build the image when it is not there."""
    typer.echo(host_image())


if __name__ == "__main__":
    commands()
