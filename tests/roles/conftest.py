"""Fixtures for tests of roles: a mock AWS per file or per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.aws.server import MockAws
from rehearsal.operator.account import release_in, running_account
from testing.ansible_modules.server import preloaded_modules


@pytest.fixture(scope="session")
def modules_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment variables that make playbooks run Ansible's modules in preloaded processes."""
    with preloaded_modules(tmp_path_factory.mktemp("modules")) as environment:
        yield environment


@pytest.fixture(scope="module", autouse=True)
def with_preloaded_modules(modules_environment: dict[str, str]) -> Iterator[None]:
    """Run the modules of every playbook in these tests in preloaded processes."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in modules_environment.items():
            patch.setenv(name, value)
        yield


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
