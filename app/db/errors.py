"""The exceptions that Peewee raises when the database is unavailable, as tuples for `except`."""

from peewee import InterfaceError, OperationalError
from playhouse.pool import MaxConnectionsExceeded

DATABASE_UNAVAILABLE = (OperationalError, InterfaceError)
"""The server is down, refuses the connection or closed it, or a statement or lock timed out."""

NO_CONNECTION = (*DATABASE_UNAVAILABLE, MaxConnectionsExceeded)
"""The same errors, or the pool had no free connection in time."""
