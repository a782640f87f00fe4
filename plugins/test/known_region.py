"""Jinja test: whether AWS has a region of that name."""

from collections.abc import Callable

from botocore.session import Session


def known_region(name: str) -> bool:
    """Ask botocore's own list, which needs no network; it is as old as the installed botocore."""
    session = Session()
    return any(
        name in session.get_available_regions("ec2", partition) for partition in session.get_available_partitions()
    )


class TestModule:
    """What Ansible looks for."""

    def tests(self) -> dict[str, Callable[[str], bool]]:
        """Name → function."""
        return {"known_region": known_region}
