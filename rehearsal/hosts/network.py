"""A Podman network that connects test hosts and this machine, where services listen on the network's bridge."""

import ipaddress
import secrets
import subprocess
from pathlib import Path
from typing import Self

from rehearsal.hosts.image import host_image
from rehearsal.hosts.podman import LABEL, PodmanError, owner, podman

METADATA_ADDRESS = "169.254.169.254"
"""The address of EC2's instance metadata service."""


class Network:
    """A Podman network; `bridge` is this machine's address in it.

    Args:
        subnet: the network's address range. If it is given, Podman runs no DNS resolver, so the caller must run one.
            By default, the network gets a free range of 10.90.0.0/16, and Podman resolves the hosts' names.
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
        """The address on which services for the hosts listen."""
        return self.address(1)

    @property
    def interface(self) -> str:
        """The name of the bridge's network interface."""
        return podman("network", "inspect", "--format", "{{.NetworkInterface}}", self.name)

    def address(self, host: int) -> str:
        """Return the address with this host number. 1 is the bridge, 2 the anchor; hosts use 3 to 254."""
        return str(ipaddress.ip_network(self.subnet)[host])

    def remove(self) -> None:
        """Remove the network and all containers in it."""
        podman("network", "rm", "--force", "--time", "0", self.name)

    def _create_anywhere(self) -> str:
        """Create the network in the first free subnet, and return the subnet."""
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
        """Attach a container (the anchor), because the bridge exists only while a container is attached."""
        anchor = ["--name", f"{self.name}-anchor", "--network", self.name, "--ip", self.address(2)]
        labels = ["--label", f"{LABEL}={self._owner}"]
        podman("run", "--detach", *anchor, *labels, host_image(), "sleep", "infinity")

    def _keep_hardware_address(self) -> None:
        """Fix the bridge's current MAC address.

        By default, a bridge takes the lowest MAC address of its ports. If a host with a lower address were attached,
        the bridge's address would change, and the other hosts would send packets to the old one for half a minute.
        """
        address = Path("/sys/class/net", self.interface, "address").read_text().strip()
        subprocess.run(["ip", "link", "set", "dev", self.interface, "address", address], check=True)
