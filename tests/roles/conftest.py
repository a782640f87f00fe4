"""What tests of roles start: an AWS of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped] # it brings no types
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # nor does this

from rehearsal.aws.server import MockAws
from rehearsal.operator.account import release_in, running_account

SCENARIOS = ("test_molecule", "test_unpatched")
LONGEST = ("test_smoke", "test_site", "test_roll_back", "test_molecule")
"""These begin, so that two workers end together: a story of several minutes at the end would leave one idle."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes several minutes; `make test-interrupted` runs it")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


class TogetherByFile(LoadScopeScheduling):  # type: ignore[misc] # no types: Any
    """The tests of a file run in one process, for they share an AWS; a role's scenario has its own."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if Path(file).stem in SCENARIOS else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TogetherByFile:
    """pytest-xdist's own groups (loadgroup) hold nothing together under pytest 9.2."""
    return TogetherByFile(config, log)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockAws]:
    """An AWS that the tests of one file share."""
    with running_account(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture
def fresh_aws(tmp_path: Path) -> Iterator[MockAws]:
    """An AWS of a test's own."""
    with running_account(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a run is told of the release that it is to publish."""
    return release_in(tmp_path_factory.mktemp("release"))
