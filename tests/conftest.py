"""Real servers and sites that tests share, and the rule that REQUIRE_ALL=1 allows no skipped test."""

import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped] # no type information
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # no type information

from app.config import Settings
from demo.seaweedfs import SeaweedFS
from rehearsal.aws.server import MockAws, running_mock_aws
from testing import homes, sites
from testing.ansible_modules.server import preloaded_modules
from testing.cables import Cable
from testing.clips import make_clip
from testing.homes import Backend, Bucket, Home, unique
from testing.postgres import Postgres, running_postgres
from testing.processes import NotInstalled
from testing.redis_server import Redis, running_redis
from testing.sites import Site, SiteMaker
from tests.ledger import opened
from tests.machines import MetadataService, Systemctl

LOG_TAIL = 6_000
SCENARIOS = ("test_molecule", "test_unpatched")
"""Files whose tests share no fixtures, so that pytest-xdist may run each test in a separate process."""

LONGEST = ("test_smoke", "test_site", "test_roll_back", "test_molecule")
"""Files that run first. If a long test started last, one process would still be busy while the others were idle."""


def pytest_configure(config: pytest.Config) -> None:
    trust_checkout(config)
    config.addinivalue_line("markers", "only_on(backend): run the test on that backend only")
    config.addinivalue_line(
        "markers", "either_backend: the backend does not matter; `make test` takes production, CI both"
    )
    config.addinivalue_line("markers", "slow: not part of `make test`; CI and `make test-slow` run it")
    config.addinivalue_line("markers", "long: takes minutes; `make test-interrupted` and `make test-hosts` run it")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect (not skip) tests that do not apply to their backend, and run the longest files first."""
    for item in items:
        if item.get_closest_marker("either_backend") and _backend_of(item) == "embedded":
            item.add_marker(pytest.mark.slow)
    config.hook.pytest_deselected(items=[item for item in items if not _belongs(item)])
    items[:] = sorted(filter(_belongs, items), key=_turn)


class TogetherByFile(LoadScopeScheduling):  # type: ignore[misc] # no types: Any
    """Runs all tests of a file in one process, because they share servers and sites."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if Path(file).stem in SCENARIOS else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TogetherByFile:
    """Replace pytest-xdist's own `loadgroup`, which does not keep groups together under pytest 9.2."""
    return TogetherByFile(config, log)


def _turn(item: pytest.Item) -> int:
    return LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST)


def trust_checkout(config: pytest.Config) -> None:
    """Let git read this checkout even if another user owns it, as on many mounted volumes.

    When git serves a clone, it ignores `safe.directory` from `-c` and from the repository's own configuration, so the
    setting must be in a global configuration file.
    """
    if "GIT_CONFIG_GLOBAL" not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="rising-stars-git-")
        config.add_cleanup(folder.cleanup)
        settings = Path(folder.name, "gitconfig")
        trusted = "".join(f"\tdirectory = {path}\n" for path in (config.rootpath, config.rootpath / ".git"))
        settings.write_text(f"[include]\n\tpath = ~/.gitconfig\n[safe]\n{trusted}")
        os.environ["GIT_CONFIG_GLOBAL"] = str(settings)


def _belongs(item: pytest.Item) -> bool:
    only, backend = item.get_closest_marker("only_on"), _backend_of(item)
    return only is None or backend is None or backend in only.args


def _backend_of(item: pytest.Item) -> str | None:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("backend") if callspec else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Count a skipped test as failed under REQUIRE_ALL=1, and attach the logs of a failed test's site to its report."""
    report: pytest.TestReport = yield
    _no_skip(report)
    if report.failed:
        for site in _sites_of(item):
            for name, process in site.processes.items():
                said = process.log.read_text(errors="replace")[-LOG_TAIL:]
                report.sections.append((f"{name} on {site.backend}", said))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup() -> Any:
    """Skip a test whose fixture needs a program that is not installed; the reason says how to install it."""
    return (yield from skip_where_not_installed())


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Any:
    """Skip a test that itself starts a program that is not installed."""
    return (yield from skip_where_not_installed())


def skip_where_not_installed() -> Generator[None, Any, Any]:
    try:
        return (yield)
    except NotInstalled as missing:
        pytest.skip(str(missing))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Any:
    """Count a module that skips itself as failed under REQUIRE_ALL=1."""
    report: pytest.CollectReport = yield
    _no_skip(report)
    return report


def _no_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if os.environ.get("REQUIRE_ALL") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"REQUIRE_ALL=1 allows no skip: {report.longrepr}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print each reason for skipped tests once, with the number of tests."""
    reasons = Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple)
    )
    if reasons:
        terminalreporter.section("left out")
    for reason, tests in reasons.most_common():
        terminalreporter.line(f"{tests} {'test' if tests == 1 else 'tests'}: {reason}")


def _sites_of(item: pytest.Item) -> Iterator[Site]:
    for value in getattr(item, "funcargs", {}).values():
        if isinstance(value, Site):
            yield value
        elif isinstance(value, SiteMaker):
            yield from value.made


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL server; `create_database()` creates a separate database for a test."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A real Redis server with a password."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """A real S3-compatible object store."""
    server = SeaweedFS(tmp_path_factory.mktemp("seaweedfs"))
    with pytest.MonkeyPatch.context() as environment:
        # By default, SeaweedFS reserves seven of its hundred volumes for each new bucket, so that none would remain for
        # the fifteenth bucket.
        environment.setenv("WEED_MASTER_VOLUME_GROWTH_COPY_1", "1")
        server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def new_bucket(seaweedfs: SeaweedFS) -> Callable[[], Bucket]:
    """Creates a new bucket on each call, so that no two sites share one."""

    def create() -> Bucket:
        bucket = Bucket(unique("stars"), seaweedfs)
        with bucket.client() as client:
            client.create_bucket(Bucket=bucket.name)
        return bucket

    return create


@pytest.fixture(scope="session", params=["embedded", "production"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """The backend: `embedded` (SQLite as database and queue) or `production` (PostgreSQL and Redis)."""
    chosen: Backend = request.param
    return chosen


@pytest.fixture(scope="session")
def new_home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, new_bucket: Callable[[], Bucket]
) -> Callable[[Backend], Home]:
    """Creates a home: the folder, bucket, migrated database and queue in which a site stores its data."""
    queue_numbers = itertools.count(1)

    def create(backend: Backend) -> Home:
        folder, bucket, urls = tmp_path_factory.mktemp(backend), new_bucket(), {}
        if backend == "production":
            postgres: Postgres = request.getfixturevalue("postgres")
            redis_server: Redis = request.getfixturevalue("redis_server")
            urls = {
                "DATABASE_URL": postgres.url(postgres.create_database()),
                "QUEUE_URL": redis_server.url(next(queue_numbers)),
            }
        home = Home(backend, folder, bucket, homes.settings_for(backend, folder, bucket, urls))
        homes.migrate(home)
        return home

    return create


@pytest.fixture(scope="session")
def home(backend: Backend, new_home: Callable[[Backend], Home]) -> Home:
    """The home that `site` and the sites of `make_site` share."""
    return new_home(backend)


@pytest.fixture(scope="module")
def own_home(backend: Backend, new_home: Callable[[Backend], Home]) -> Home:
    """A home for the tests of one file; no other file uses it."""
    return new_home(backend)


@pytest.fixture
def settings(own_home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Apply `own_home`'s settings to this process and open its database. Tests can then call the platform's code."""
    for name, value in own_home.environment.items():
        monkeypatch.setenv(name, value)
    with opened(own_home) as opened_settings:
        yield opened_settings


@pytest.fixture(scope="session")
def site(home: Home) -> Iterator[Site]:
    """An API without a worker: an uploaded clip keeps the status `uploaded`.

    All tests share it, so each uses its own accounts and cities (`site.sign_up(city=unique("Cali"))`).
    """
    with sites.running_site(home) as running:
        yield running


@pytest.fixture(scope="session")
def working_site(backend: Backend, new_home: Callable[[Backend], Home]) -> Iterator[Site]:
    """A complete site: API, worker and upkeep with a database that no other site uses."""
    with sites.running_site(new_home(backend), with_worker=True) as running:
        yield running


@pytest.fixture
def make_site(home: Home) -> Iterator[SiteMaker]:
    """Starts APIs with settings that differ from those of `site`, on the same database, bucket and secrets."""
    with ExitStack() as stack:
        yield SiteMaker(stack, home)


@pytest.fixture
def lay_cable() -> Iterator[Callable[[int], Cable]]:
    """Lays a cable (a TCP proxy that the test can cut) to a server's port."""
    with ExitStack() as stack:

        def lay(port: int) -> Cable:
            made = Cable(port)
            stack.callback(made.cut)
            return made

        yield lay


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockAws]:
    """One mock AWS that all tests share; each test gives its resources unique names."""
    with running_mock_aws(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture(scope="session")
def modules_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment variables that make playbooks run Ansible's modules in preloaded processes."""
    with preloaded_modules(tmp_path_factory.mktemp("modules")) as environment:
        yield environment


@pytest.fixture(scope="module")
def with_preloaded_modules(modules_environment: dict[str, str]) -> Iterator[None]:
    """Set these variables for the playbooks of one file's tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in modules_environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def metadata() -> Iterator[MetadataService]:
    """An instance metadata service for the machine under test."""
    with MetadataService() as service:
        yield service


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemctl:
    """A fake `systemctl` that comes first on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    made = Systemctl(folder)
    made.install()
    return made


@pytest.fixture(scope="session")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest valid clip: 20 s of one colour, 1920 by 1080, one frame a second; a few kilobytes."""
    path = tmp_path_factory.mktemp("clips") / "small.mp4"
    return make_clip(path, fps=1, picture="color=c=orange", audio=None)
