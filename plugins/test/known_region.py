"""Jinja test: whether AWS has a region of a given name."""

from collections.abc import Callable

from botocore.session import Session


def known_region(name: str) -> bool:
    """Return whether botocore's built-in list has the region. Regions newer than the installed botocore are missing."""
    session = Session()
    return any(
        name in session.get_available_regions("ec2", partition) for partition in session.get_available_partitions()
    )


class TestModule:
    """The class that Ansible loads."""

    def tests(self) -> dict[str, Callable[[str], bool]]:
        """Return the tests by name."""
        return {"known_region": known_region}
