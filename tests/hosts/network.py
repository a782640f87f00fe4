"""A network of our own for hosts: they reach each other and the services on the bridge; this machine reaches them."""

import secrets
from typing import Self

from tests.hosts.image import host_image
from tests.hosts.podman import LABEL, PodmanError, owner, podman

METADATA_ADDRESS = "169.254.169.254"
"""Where a machine in EC2 asks about itself."""


class Network:
    """A Podman network with a free subnet of 10.90.0.0/16; `bridge` is this machine's address in it."""

    def __init__(self, name: str | None = None, *, owned_by: str | None = None) -> None:
        self.name = name or f"rising-stars-{secrets.token_hex(3)}"
        self._owner = owned_by or owner()
        self.number = self._create()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    @property
    def subnet(self) -> str:
        return f"10.90.{self.number}.0/24"

    @property
    def bridge(self) -> str:
        """Where services listen that hosts are to reach."""
        return f"10.90.{self.number}.1"

    @property
    def interface(self) -> str:
        """The bridge's name on this machine."""
        return podman("network", "inspect", "--format", "{{.NetworkInterface}}", self.name)

    def address(self, host: int) -> str:
        """The address of the host with that number (3..254; 2 is the anchor's)."""
        return f"10.90.{self.number}.{host}"

    def remove(self) -> None:
        """With all containers in it."""
        podman("network", "rm", "--force", "--time", "0", self.name)

    def _create(self) -> int:
        """Take the first free subnet. The bridge is there while somebody is attached, so an anchor is."""
        number = next(filter(self._taken, range(1, 255)), None)
        if number is None:
            raise PodmanError("No subnet of 10.90.0.0/16 is free")
        anchor = ["--name", f"{self.name}-anchor", "--network", self.name, "--ip", f"10.90.{number}.2"]
        labels = ["--label", f"{LABEL}={self._owner}"]
        podman("run", "--detach", *anchor, *labels, host_image(), "sleep", "infinity")
        return number

    def _taken(self, number: int) -> bool:
        label = f"{LABEL}={self._owner}"
        try:
            podman("network", "create", "--subnet", f"10.90.{number}.0/24", "--label", label, self.name)
        except PodmanError as error:
            if "already" in str(error):
                return False
            raise
        return True
