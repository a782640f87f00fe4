"""A variant of Peewee's PostgreSQL pool that holds no lock while it connects.

While Peewee's own pool connects or probes an idle connection, it holds the locks that every other thread needs to open
or close a connection. If the server never responds, the threads therefore time out one after another, after 5 s each.
Requests that need no database wait, too, because every request ends with `close`.

This pool holds the lock only to count: a thread reserves one of the `max_connections` places, then connects without the
lock. All connections of the pool, idle or in use, are therefore never more than `max_connections`.
"""

import heapq
import select
import time
from typing import Any

from peewee import OperationalError, PostgresqlDatabase, __exception_wrapper__
from playhouse.pool import MaxConnectionsExceeded, PoolConnection, PooledPostgresqlDatabase
from psycopg2.extensions import UNICODE, new_type, register_type  # type: ignore[import-untyped] # no type information

from app.db.errors import DATABASE_UNAVAILABLE

UUID_AS_TEXT = new_type((2950,), "UUID_AS_TEXT", UNICODE)
"""Reads values of PostgreSQL's type uuid (object id 2950) as text. Models convert them; lists need only the text."""


class UnserialisedPostgresqlPool(PooledPostgresqlDatabase):
    """A pool of at most `max_connections`. A thread that finds none free waits for up to `timeout` seconds."""

    def __init__(self, database: str, **options: Any) -> None:
        super().__init__(database, **options)
        self._connecting = 0

    def connect(self, reuse_if_open: bool = False) -> bool:  # noqa: FBT001, FBT002 (Peewee's signature)
        """Open this thread's connection: an idle connection of the pool, or a new one.

        Raises:
            MaxConnectionsExceeded: no connection became free in time.
            OperationalError: the thread already has a connection, or the server does not accept a new one.
        """
        if not self._state.closed:
            if reuse_if_open:
                return False
            raise OperationalError("Connection already opened.")
        self._state.reset()
        with __exception_wrapper__:
            connection = self._connect()
            self._state.set_connection(connection)
            self._state.is_used = False
            if self.server_version is None:
                self._set_server_version(connection)
            self._initialize_connection(connection)
        return True

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Execute a statement.

        If the server closed the connection between its checkout and its first statement, a SELECT is sent again over
        another connection. Any other statement may have been executed, so its error is raised.
        """
        is_first, self._state.is_used = not getattr(self._state, "is_used", False), True
        try:
            return super().execute_sql(sql, params)
        except DATABASE_UNAVAILABLE:
            lost = not self._state.closed and self._state.conn.closed
            if not (is_first and lost and sql.startswith("SELECT")) or self.in_transaction():
                raise
            self.close()
            return super().execute_sql(sql, params)

    def _connect(self) -> Any:
        """Return an idle connection that is still open, or a new one."""
        self._reserve()
        kept = None
        try:
            kept = self._idle_or_new()
        finally:
            with self._pool_available:
                self._connecting -= 1
                if kept is None:
                    self._pool_available.notify()
                else:
                    since, connection = kept
                    self._in_use[self.conn_key(connection)] = PoolConnection(since, connection, time.time())
        return connection

    def _is_closed(self, connection: Any) -> bool:
        """Whether the server has closed an idle connection, or the kernel has found it dead. Sends nothing.

        The server sends nothing on an idle connection before it closes the connection, so a readable connection is
        closed. Peewee's own check sends SELECT 1, which costs a round trip for each request.
        """
        if connection.closed or not self._adapter.is_connection_reusable(connection):
            return True
        watched = select.poll()
        watched.register(connection, select.POLLIN)
        return bool(watched.poll(0))

    def _reserve(self) -> None:
        """Wait until fewer than `max_connections` are in use, and count one more as connecting."""
        with self._pool_available:
            if not self._pool_available.wait_for(self._has_room, self._wait_timeout):
                raise MaxConnectionsExceeded(f"All {self._max_connections} connections of the pool are in use.")
            self._connecting += 1

    def _has_room(self) -> bool:
        return bool(len(self._in_use) + self._connecting < self._max_connections)

    def _idle_or_new(self) -> tuple[float, Any]:
        """Return an idle or a new connection, with the time at which it was opened."""
        while True:
            with self._pool_lock:
                idle = heapq.heappop(self._connections) if self._connections else None
            if idle is None:
                connection = PostgresqlDatabase._connect(self)  # noqa: SLF001 (no lock)
                register_type(UUID_AS_TEXT, connection)
                return time.time(), connection
            since, _, connection = idle
            if self._is_closed(connection) or self._is_stale(since):
                self._close_raw(connection)
            else:
                return since, connection
