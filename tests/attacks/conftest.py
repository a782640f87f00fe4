"""Fixtures for attacks: sites behind the web edge (Nginx)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from testing.homes import Backend, Home
from tests.attacks.edge import Edge, running_edge

EdgeMaker = Callable[..., Edge]


@pytest.fixture(scope="module", autouse=True)
def preloaded(with_preloaded_modules: None) -> None:
    """Render Nginx's configuration with preloaded Ansible modules, which is faster."""


@pytest.fixture(scope="module")
def deployed_home(new_home: Callable[[Backend], Home]) -> Home:
    """The home of a deployed site, with PostgreSQL and Redis."""
    return new_home("production")


@pytest.fixture
def make_edge(deployed_home: Home, tmp_path: Path) -> Iterator[EdgeMaker]:
    """Starts sites behind the edge with given role variables and API settings; all stop after the test."""
    with ExitStack() as stack:

        def make(variables: Mapping[str, object] | None = None, /, **settings: str) -> Edge:
            folder = tmp_path / f"edge{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return stack.enter_context(running_edge(deployed_home.with_settings(**settings), folder, variables))

        yield make


@pytest.fixture(scope="module")
def edge(deployed_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """A site behind the edge with the role's default configuration."""
    with running_edge(deployed_home, tmp_path_factory.mktemp("edge")) as running:
        yield running
