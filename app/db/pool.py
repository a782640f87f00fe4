"""A variant of Peewee's PostgreSQL pool that holds no lock while it connects.

While Peewee's own pool connects or probes an idle connection, it holds the locks that every other thread needs to open
or close a connection. If the server never responds, the threads therefore time out one after another, after 5 s each.
Requests that need no database wait, too, because every request ends with `close`.
"""

import heapq
import time
from typing import Any

from peewee import OperationalError, PostgresqlDatabase, __exception_wrapper__
from playhouse.pool import PoolConnection, PooledPostgresqlDatabase


class UnserialisedPostgresqlPool(PooledPostgresqlDatabase):
    """A pool with at most one connection per thread, so that the number of threads limits its size."""

    def __init__(self, database: str, **options: Any) -> None:
        super().__init__(database, **options)

    def connect(self, reuse_if_open: bool = False) -> bool:  # noqa: FBT001, FBT002 (Peewee's signature)
        """Open this thread's connection: an idle connection of the pool, or a new one.

        Raises:
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
            if self.server_version is None:
                self._set_server_version(connection)
            self._initialize_connection(connection)
        return True

    def _connect(self) -> Any:
        """Return an idle connection that is still open, or a new one."""
        while True:
            with self._pool_lock:
                idle = heapq.heappop(self._connections) if self._connections else None
            if idle is None:
                return self._checked_out(time.time(), PostgresqlDatabase._connect(self))  # noqa: SLF001 (no lock)
            since, _, connection = idle
            if self._is_closed(connection) or self._is_stale(since):
                self._close_raw(connection)
            else:
                return self._checked_out(since, connection)

    def _checked_out(self, since: float, connection: Any) -> Any:
        with self._pool_lock:
            self._in_use[self.conn_key(connection)] = PoolConnection(since, connection, time.time())
        return connection
