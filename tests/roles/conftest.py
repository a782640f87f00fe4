"""Fixtures for tests of roles: a mock AWS per file or per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.aws.server import MockAws
from rehearsal.operator.account import release_in, running_account


@pytest.fixture(scope="module", autouse=True)
def preloaded(with_preloaded_modules: None) -> None:
    """Run the modules of every playbook in these tests in preloaded processes."""


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockAws]:
    """A mock AWS that the tests of one file share."""
    with running_account(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture
def fresh_aws(tmp_path: Path) -> Iterator[MockAws]:
    """A mock AWS for one test."""
    with running_account(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Playbook variables that name the release to publish."""
    return release_in(tmp_path_factory.mktemp("release"))
