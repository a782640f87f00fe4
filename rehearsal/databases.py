"""RDS in a rehearsal: PostgreSQL with a certificate for the endpoint's name. A snapshot is a database dump."""

import subprocess
import tempfile
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import structlog
from psycopg2 import sql  # type: ignore[import-untyped] # the package has no type hints

from rehearsal import hooks
from rehearsal.control import Database
from rehearsal.hosts.certificates import Authority
from rehearsal.hosts.doorway import Doorway
from rehearsal.hosts.network import Network
from rehearsal.hosts.services import enable_tls
from testing.postgres import Postgres, running_postgres
from testing.programs import postgres_programs

log = structlog.get_logger(__name__)

ADDRESS = 250
"""The host number of the database's address in the network."""


class DatabaseServer:
    """The site's only database instance. A failover is a `shut` followed by an `open`."""

    def __init__(self, network: Network, authority: Authority, folder: Path) -> None:
        """Prepare a server that stores its snapshots in `folder`."""
        self._network = network
        self._authority = authority
        self._folder = folder
        self._running = ExitStack()
        self._server: Postgres | None = None
        self._doorway: Doorway | None = None
        self._followed: Database | None = None
        self._password = ""
        self.address = network.address(ADDRESS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def follow(self, desired: Database | None, snapshots: Collection[str]) -> None:
        """Start or stop the server, set its password, and create or delete dumps, as mock AWS' records require."""
        self._keep_snapshots(snapshots)
        if desired is None:
            if self._server is not None:
                log.info("database_is_gone")
                self._running.close()
                self._server, self._doorway, self._password = None, None, ""
        elif self._server is None:
            self._start(desired)
        if desired is not None and self._server is not None:
            self._keep_password(desired, self._server)
        self._followed = desired

    def shut(self) -> None:
        """Refuse new connections, and close the open ones."""
        if self._doorway is not None:
            self._doorway.shut()

    def open(self) -> None:
        """Accept connections again."""
        if self._doorway is not None:
            self._doorway.open()

    def _start(self, desired: Database) -> None:
        log.info("database_starts", host=desired.host, address=self.address)
        address = ["ip", "address", "replace", f"{self.address}/32", "dev", self._network.interface]
        subprocess.run(address, check=True)
        server = self._running.enter_context(running_postgres())
        folder = Path(self._running.enter_context(tempfile.TemporaryDirectory(prefix="rising-stars-tls-")))
        enable_tls(server, folder, self._authority, desired.host)
        self._doorway = self._running.enter_context(Doorway(self.address, desired.port, behind=server.port))
        self._server = server

    def _keep_password(self, desired: Database, server: Postgres) -> None:
        recorded = hooks.password(desired.name)
        if recorded == self._password:
            return
        role, word = sql.Identifier(desired.username), sql.Literal(recorded)
        with server.connected("postgres") as database:
            known = database.execute_sql("SELECT 1 FROM pg_roles WHERE rolname = %s", (desired.username,)).fetchone()
            verb = "ALTER" if known else "CREATE"
            run(database, sql.SQL(verb + " ROLE {} LOGIN CREATEDB PASSWORD {}").format(role, word))
            if not known:
                name = sql.Identifier(desired.database)
                run(database, sql.SQL("CREATE DATABASE {} OWNER {}").format(name, role))
        if not known and (snapshot := hooks.restored_from(desired.name)):
            log.info("database_is_restored", snapshot=snapshot)
            run_program("pg_restore", f"--dbname={server.url(desired.database)}", str(self._dump(snapshot)))
        self._password = recorded

    def _keep_snapshots(self, recorded: Collection[str]) -> None:
        """Dump the database for each new snapshot, and delete the dumps of deleted snapshots.

        A final snapshot appears in mock AWS when the database disappears. The server is then still running, because
        `follow` stops it only after this step, so its database can be dumped.
        """
        for snapshot in recorded:
            path = self._dump(snapshot)
            if not path.exists() and self._server is not None and self._followed is not None:
                log.info("snapshot_is_made", snapshot=snapshot)
                url = self._server.url(self._followed.database)
                run_program("pg_dump", "--format=custom", f"--file={path}", url)
        for path in self._folder.glob("*.dump"):
            if path.stem not in recorded:
                path.unlink()

    def _dump(self, snapshot: str) -> Path:
        return self._folder / f"{snapshot}.dump"


def run_program(name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs."""
    subprocess.run([str(postgres_programs() / name), *arguments], check=True)


def run(database: Any, statement: sql.Composed) -> None:
    """Run a statement that takes no parameters."""
    database.execute_sql(statement.as_string(database.connection()))
