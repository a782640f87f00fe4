"""The filter that finds each NAT gateway and its Elastic IP address (plugins/filter/nat_gateways.py)."""

from typing import Any

from plugins.filter.nat_gateways import nat_gateways

NAME, SUBNET = "site-nat-us-east-1a", "subnet-1"


def gateway(subnet: str, allocation: str) -> dict[str, Any]:
    return {
        "nat_gateway_id": f"nat-in-{subnet}",
        "subnet_id": subnet,
        "nat_gateway_addresses": [{"allocation_id": allocation, "public_ip": "203.0.113.1"}],
    }


def address(allocation: str, name: str = NAME, *, in_use: bool = False) -> dict[str, Any]:
    used = {"association_id": "eipassoc-1"} if in_use else {}
    return {"allocation_id": allocation, "public_ip": "203.0.113.1", "tags": {"Name": name}, **used}


def test_a_gateway_that_does_not_exist_yet_has_neither_gateway_nor_address() -> None:
    assert nat_gateways({NAME: SUBNET}, [], []) == [{"name": NAME, "subnet_id": SUBNET, "gateway": {}, "address": {}}]


def test_an_existing_gateway_is_found_by_its_subnet_with_its_own_address() -> None:
    own, free = address("eipalloc-own", in_use=True), address("eipalloc-free")
    gateways = [gateway("subnet-2", "eipalloc-other"), gateway(SUBNET, "eipalloc-own")]
    (found,) = nat_gateways({NAME: SUBNET}, gateways, [free, own])
    assert (found["gateway"], found["address"]) == (gateways[1], own)


def test_an_address_without_tags_is_found_through_its_gateway() -> None:
    (found,) = nat_gateways({NAME: SUBNET}, [gateway(SUBNET, "eipalloc-own")], [])
    assert found["address"] == {"allocation_id": "eipalloc-own", "public_ip": "203.0.113.1"}


def test_a_new_gateway_gets_only_an_unused_address_with_its_name() -> None:
    used, other = address("eipalloc-used", in_use=True), address("eipalloc-other", "site-nat-us-east-1b")
    (found,) = nat_gateways({NAME: SUBNET}, [], [used, other])
    assert found["address"] == {}
    left = address("eipalloc-left")
    (found,) = nat_gateways({NAME: SUBNET}, [], [used, other, left])
    assert found["address"] == left
