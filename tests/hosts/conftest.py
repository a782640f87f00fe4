"""Fixtures for host tests: a network with mock AWS and a metadata service, and the working tree's bundle."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from rehearsal.aws.server import running_mock_aws
from rehearsal.hosts.boots import Machine, Site, baked_image
from rehearsal.hosts.bundles import Bundle, bundle_of_working_tree
from rehearsal.hosts.metadata import MetadataService
from rehearsal.hosts.network import Network
from rehearsal.hosts.podman import remove_leftovers, require_podman
from rehearsal.hosts.services import running_database


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """A network for hosts; its removal also removes every host in it."""
    require_podman()
    remove_leftovers()
    with Network() as made:
        yield made


@pytest.fixture(scope="session")
def metadata(network: Network) -> Iterator[MetadataService]:
    """The instance metadata service of the machines in the network."""
    with MetadataService(network) as service:
        yield service


@pytest.fixture(scope="session")
def aws_site(network: Network, metadata: MetadataService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A mock AWS with every resource that a launched machine needs."""
    with ExitStack() as running:
        cloud = running.enter_context(running_mock_aws(tmp_path_factory.mktemp("aws"), host=network.bridge))
        database = running.enter_context(running_database(network))
        yield Site(network, metadata, cloud, database)


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The bundle built from the working tree."""
    return bundle_of_working_tree()


@pytest.fixture(scope="session")
def baked(aws_site: Site, bundle: Bundle) -> Iterator[tuple[Machine, str]]:
    """A builder machine that has been configured, and the machine image that was created from it."""
    with baked_image(aws_site, bundle) as made:
        yield made
