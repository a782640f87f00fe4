"""Servers that the tests of the fault harness share; each test runs a separate site on them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from faults.pace import Pace
from faults.run import Run
from faults.servers import Servers, running_servers

RunMaker = Callable[..., Run]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Real servers that a test may kill."""
    with running_servers(tmp_path_factory.mktemp("servers")) as running:
        yield running


@pytest.fixture
def begin_run(servers: Servers, tmp_path: Path) -> Iterator[RunMaker]:
    """Begins a fault run on a new site. The run and the site end after the test."""
    with ExitStack() as stack:

        def begin(*, seed: int = 1, pace: Pace | None = None, sabotage: str | None = None) -> Run:
            return stack.enter_context(Run(tmp_path / "site", servers, seed=seed, pace=pace, sabotage=sabotage))

        yield begin
