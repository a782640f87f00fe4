"""Jinja filter: validate the CIDR blocks of a VPC and its subnets."""

from collections.abc import Callable
from ipaddress import IPv4Network
from itertools import combinations

LARGEST, SMALLEST = 16, 28
"""Prefix lengths of the largest and the smallest block that AWS accepts.

https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
"""


def cidr_problems(vpc: str, subnets: list[str]) -> list[str]:
    """Check that all blocks are valid, and that the subnets are inside the VPC and do not overlap.

    Args:
        vpc: the VPC's block, "10.20.0.0/16".
        subnets: the blocks of all its subnets.

    Returns:
        One message for each problem.
    """
    problems = [problem for block in [vpc, *subnets] if (problem := _shape(block))]
    if problems:
        return problems
    whole, parts = IPv4Network(vpc), [IPv4Network(block) for block in subnets]
    problems = [f"{part} is not inside the VPC's {whole}." for part in parts if not part.subnet_of(whole)]
    pairs = combinations(parts, 2)
    return problems + [f"{one} and {other} overlap." for one, other in pairs if one.overlaps(other)]


def _shape(block: str) -> str | None:
    try:
        network = IPv4Network(block)
    except ValueError as error:
        return f"{block} is not an IPv4 block: {error}."
    if LARGEST <= network.prefixlen <= SMALLEST:
        return None
    return f"{block} is not a block of /{LARGEST} to /{SMALLEST}: AWS accepts no others."


class FilterModule:
    """The class that Ansible loads."""

    def filters(self) -> dict[str, Callable[[str, list[str]], list[str]]]:
        """Return the filters by name."""
        return {"cidr_problems": cidr_problems}
