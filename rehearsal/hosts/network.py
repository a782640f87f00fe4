"""A network of our own for hosts: they reach each other and the services on the bridge; this machine reaches them."""

import ipaddress
import secrets
import subprocess
from pathlib import Path
from typing import Self

from rehearsal.hosts.image import host_image
from rehearsal.hosts.podman import LABEL, PodmanError, owner, podman

METADATA_ADDRESS = "169.254.169.254"
"""Where a machine in EC2 asks about itself."""


class Network:
    """A Podman network; `bridge` is this machine's address in it.

    Args:
        subnet: its addresses, where no resolver listens: the caller brings one. Without, a free one of 10.90.0.0/16,
            where hosts are found by their names.
    """

    def __init__(self, name: str | None = None, *, owned_by: str | None = None, subnet: str | None = None) -> None:
        self.name = name or f"rising-stars-{secrets.token_hex(3)}"
        self._owner = owned_by or owner()
        self.subnet = self._create_at(subnet) if subnet else self._create_anywhere()
        self._attach_anchor()
        self._keep_hardware_address()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    @property
    def bridge(self) -> str:
        """Where services listen that hosts are to reach."""
        return self.address(1)

    @property
    def interface(self) -> str:
        """The bridge's name on this machine."""
        return podman("network", "inspect", "--format", "{{.NetworkInterface}}", self.name)

    def address(self, host: int) -> str:
        """The address of the host with that number (3..254; 2 is the anchor's)."""
        return str(ipaddress.ip_network(self.subnet)[host])

    def remove(self) -> None:
        """With all containers in it."""
        podman("network", "rm", "--force", "--time", "0", self.name)

    def _create_anywhere(self) -> str:
        """Take the first free subnet."""
        subnets = ipaddress.ip_network("10.90.0.0/16").subnets(new_prefix=24)
        for subnet in map(str, list(subnets)[1:255]):
            try:
                self._create("--subnet", subnet)
            except PodmanError as error:
                if "already" not in str(error):
                    raise
            else:
                return subnet
        raise PodmanError("No subnet of 10.90.0.0/16 is free")

    def _create_at(self, subnet: str) -> str:
        self._create("--subnet", subnet, "--disable-dns")
        return subnet

    def _create(self, *options: str) -> None:
        podman("network", "create", *options, "--label", f"{LABEL}={self._owner}", self.name)

    def _attach_anchor(self) -> None:
        """The bridge is there while somebody is attached."""
        anchor = ["--name", f"{self.name}-anchor", "--network", self.name, "--ip", self.address(2)]
        labels = ["--label", f"{LABEL}={self._owner}"]
        podman("run", "--detach", *anchor, *labels, host_image(), "sleep", "infinity")

    def _keep_hardware_address(self) -> None:
        """Give the bridge the hardware address it has.

        By itself it takes the lowest of all that are attached. After a newcomer with a lower one, the other machines
        send to the former address for half a minute.
        """
        address = Path("/sys/class/net", self.interface, "address").read_text().strip()
        subprocess.run(["ip", "link", "set", "dev", self.interface, "address", address], check=True)
