"""What Peewee raises when the database does not answer. Tuples, for `except`."""

from peewee import InterfaceError, OperationalError
from playhouse.pool import MaxConnectionsExceeded

DATABASE_UNAVAILABLE = (OperationalError, InterfaceError)
"""The server is away, refuses the connection, or ended it; a time-out of a statement or a lock is among them."""

NO_CONNECTION = (*DATABASE_UNAVAILABLE, MaxConnectionsExceeded)
"""The same, or every connection of the pool stayed in use."""
