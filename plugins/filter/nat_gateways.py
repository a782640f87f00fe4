"""Jinja filter: the NAT gateway and the Elastic IP address that each public subnet has."""

from collections.abc import Callable
from typing import Any

Resource = dict[str, Any]


def nat_gateways(
    subnets: dict[str, str], gateways: list[Resource], addresses: list[Resource]
) -> list[dict[str, str | Resource]]:
    """Return the subnet, the NAT gateway and the address for each gateway name. A missing gateway or address is {}.

    `subnets` maps each gateway's name to its subnet. The other arguments are lists in the format that the info modules
    of amazon.aws return. If a gateway does not exist yet, its address is an unused address with the gateway's name,
    which an interrupted run may have allocated.
    """
    return [
        {"name": name, "subnet_id": subnet, **_existing(name, subnet, gateways, addresses)}
        for name, subnet in subnets.items()
    ]


def _existing(name: str, subnet: str, gateways: list[Resource], addresses: list[Resource]) -> dict[str, Resource]:
    gateway = next((each for each in gateways if each["subnet_id"] == subnet), {})
    if not gateway:
        unused = (each for each in addresses if each["tags"]["Name"] == name and not each.get("association_id"))
        return {"gateway": {}, "address": next(unused, {})}
    used: Resource = gateway["nat_gateway_addresses"][0]
    # An address that has lost its tags is not in `addresses`, but the gateway's description contains it.
    known = (each for each in addresses if each["allocation_id"] == used["allocation_id"])
    return {"gateway": gateway, "address": next(known, used)}


class FilterModule:
    """The class that Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"nat_gateways": nat_gateways}
